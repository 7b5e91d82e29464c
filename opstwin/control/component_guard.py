"""What a component's plan must never do, checked on what goes into the plan and again on what came out of it."""

import re
from collections.abc import Iterable, Mapping

from opstwin.control.components import COMPONENT_LABEL, PART_OF_LABEL, Decided
from opstwin.domain.plan import Change, Op, Plan
from opstwin.domain.workload import Workload
from opstwin.errors import Conflict, Forbidden, Unclear


def check_before(decided: Decided, standing: Mapping[str, Workload]) -> None:
    """Refuse Workloads that would touch a guarded part, somebody else's workload, or take replicas away."""
    for workload in decided.workloads:
        if workload.name in decided.guarded:
            raise _touches(workload.name)
        there = standing.get(workload.name)
        if there is None:
            continue
        mine = workload.labels.get(COMPONENT_LABEL), workload.labels.get(PART_OF_LABEL)
        if (there.labels.get(COMPONENT_LABEL), there.labels.get(PART_OF_LABEL)) != mine:
            raise Conflict(
                f"Workload {workload.name} is there already and does not belong to this component.",
                next_step="Give the component another name in the file.",
                details={"field": "components", "workload": workload.name},
            )
        if workload.replicas < there.replicas:
            raise Unclear(
                f"This would remove {there.replicas - workload.replicas} of {there.replicas} {workload.name}; "
                "a component's plan only adds.",
                field="components",
                next_step=f'To remove some: opstwin plan "scale {workload.name} to {workload.replicas}"',
            )


def check_after(decided: Decided, plan: Plan) -> None:
    """The same promise on the changes that came out: none on a guarded part, none that deletes or makes twice."""
    for change in plan.changes:
        if change.op is Op.DELETE or _on(change, decided.guarded):
            raise _touches(change.name)
        if _on(change, decided.fresh) and change.kind == "container" and change.op is not Op.CREATE:
            raise _touches(change.name)
    for item in plan.workloads:
        if item.name in decided.guarded or item.workload is None:
            raise _touches(item.name)


def _on(change: Change, names: Iterable[str]) -> bool:
    """Whether a change is on a container of one of these workloads, by its owner or by its name."""
    return change.kind == "container" and any(
        change.workload == name or re.fullmatch(rf"{re.escape(name)}(-\d+)?", change.name) for name in names
    )


def _touches(name: str) -> Forbidden:
    return Forbidden(
        f"The plan would change {name}, which exists and must stay as it is.",
        next_step="Nothing was done. Change it by name instead, such as opstwin plan \"upgrade … to …\".",
        details={"workload": name},
    )  # fmt: skip
