"""The next call that a finding suggests: one that drafts a plan where a plan would help, else one that tells more."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from opstwin.domain.diagnosis import Clue, Code
from opstwin.domain.plan import Origin, Plan
from opstwin.domain.values import Json

_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class NextCall:
    """A tool with its arguments, and the same for the command line (empty where there is no such verb)."""

    tool: str
    arguments: Mapping[str, Json] = field(default_factory=dict)
    cli: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is known of a clue's subject: its workload, the workload's replicas' memory limit, its plan.

    `back_to` is the workload or application that something ran of before.
    """

    workload: str = ""
    back_to: str = ""
    memory_bytes: int = 0
    plan: Plan | None = None


def next_calls(clue: Clue, about: About) -> tuple[NextCall, ...]:
    """The calls worth making next, the best first. Drafting a plan changes nothing; people approve it."""
    return tuple(_CALLS[clue.code](clue, about))


def call_text(call: NextCall) -> str:
    """A call as one line."""
    return as_text(call.tool, call.arguments)


def as_text(tool: str, arguments: Mapping[str, Json]) -> str:
    """A tool and its arguments as one line: `plan_create(drift=true, target=local)`."""
    return f"{tool}({', '.join(f'{name}={_shown(value)}' for name, value in arguments.items())})"


def words_call(words: str, target: str) -> NextCall:
    """Plan from words."""
    return NextCall(
        tool="plan_create", arguments={"words": words, "target": target},
        cli=f"opstwin plan {shlex.quote(words)} --target {target}",
    )  # fmt: skip


def drift_call(target: str, resources: Sequence[str] = ()) -> NextCall:
    """Plan back to what should be."""
    arguments: dict[str, Json] = {"drift": True, "target": target}
    if resources:
        arguments["resources"] = [*resources]
    return NextCall(tool="plan_create", arguments=arguments, cli=f"opstwin plan --drift --target {target}")


def rollback_call(workload: str, target: str) -> NextCall:
    """Plan back to what ran before."""
    return NextCall(
        tool="plan_create", arguments={"rollback": workload, "target": target},
        cli=f"opstwin rollback {workload} --target {target}",
    )  # fmt: skip


def logs_call(resource: str, **more: Json) -> NextCall:
    """Read what it wrote."""
    return NextCall(
        tool="logs_search", arguments={"subject": resource, **more}, cli=f"opstwin logs {shlex.quote(resource)}"
    )


def look_call(target: str) -> NextCall:
    """Look at a target again."""
    return NextCall(tool="discover", arguments={"id": target}, cli=f"opstwin discover {target}")


def explain_call(target: str, resource: str) -> NextCall:
    """Explain the drift of one resource."""
    return NextCall(tool="drift_explain", arguments={"resource": resource}, cli=f"opstwin drift --target {target}")


def resource_call(resource: str) -> NextCall:
    """Show one resource."""
    return NextCall(tool="twin_get", arguments={"id": resource}, cli=f"opstwin get {shlex.quote(resource)}")


def _shown(value: Json) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return f'"{value}"' if isinstance(value, str) and " " in value else str(value)


def _crashing(clue: Clue, about: About) -> list[NextCall]:
    return [logs_call(clue.subject, tail=200), *_back(clue, about)]


def _back(clue: Clue, about: About) -> list[NextCall]:
    return [rollback_call(about.back_to, clue.target)] if about.back_to else []


def _stuck(clue: Clue, about: About) -> list[NextCall]:
    return [*_back(clue, about), resource_call(clue.subject)]


def _homeless(clue: Clue, about: About) -> list[NextCall]:
    nodes = NextCall(tool="twin_query", arguments={"kind": "node", "target": clue.target}, cli="opstwin get node")
    return [nodes, *_stuck(clue, about)]


def _shown_whole(clue: Clue, _about: About) -> list[NextCall]:
    return [resource_call(clue.subject)]


def _starving(clue: Clue, about: About) -> list[NextCall]:
    use = NextCall(tool="metrics_query", arguments={"metric": "memory_bytes", "subject": clue.subject})
    if not about.workload or not about.memory_bytes:
        return [use]
    doubled = max(1, -(-2 * about.memory_bytes // _MIB))
    return [words_call(f"set {about.workload} memory to {doubled}Mi", clue.target), use]


def _ailing(clue: Clue, about: About) -> list[NextCall]:
    again = [words_call(f"restart {about.workload}", clue.target)] if about.workload else []
    return [*again, logs_call(clue.subject, tail=200)]


def _stormy(clue: Clue, _about: About) -> list[NextCall]:
    return [logs_call(clue.subject, tail=200) if clue.subject != clue.target else look_call(clue.target)]


def _imageless(clue: Clue, _about: About) -> list[NextCall]:
    if clue.words == "image_missing":
        return [drift_call(clue.target, [clue.subject])]
    return [resource_call(clue.subject)]


def _blocked(clue: Clue, _about: About) -> list[NextCall]:
    holders = [str(item.value) for item in clue.evidence if item.fact.startswith("port ")]
    return [resource_call(holders[0] if holders else clue.subject)]


def _orphaned(clue: Clue, _about: About) -> list[NextCall]:
    return [] if clue.subject == clue.target else [resource_call(clue.subject)]


def _drifted(clue: Clue, _about: About) -> list[NextCall]:
    return [drift_call(clue.target, [clue.subject]), explain_call(clue.target, clue.subject)]


def _look(clue: Clue, _about: About) -> list[NextCall]:
    return [look_call(clue.target)]


def _lapsed(clue: Clue, about: About) -> list[NextCall]:
    plan = about.plan
    if plan is None or plan.tainted or plan.origin not in (Origin.WORDS, Origin.DRIFT, Origin.DESIRED):
        return [NextCall(tool="plan_show", arguments={"id": clue.subject}, cli=f"opstwin show {clue.subject}")]
    if plan.origin is Origin.WORDS:
        return [words_call(plan.request, clue.target)]
    return [drift_call(clue.target)]


def _fought(clue: Clue, _about: About) -> list[NextCall]:
    return [explain_call(clue.target, clue.subject)]


_CALLS: Final[Mapping[Code, Callable[[Clue, About], list[NextCall]]]] = {
    Code.CRASH_LOOP: _crashing, Code.OUT_OF_MEMORY: _starving, Code.UNHEALTHY: _ailing, Code.RESTART_STORM: _stormy,
    Code.IMAGE_MISSING: _imageless, Code.PORT_CONFLICT: _blocked, Code.ORPHANED_VOLUME: _orphaned,
    Code.DRIFT: _drifted, Code.STALE_OBSERVATION: _look, Code.EXPIRED_APPROVAL: _lapsed, Code.TARGET_AWAY: _look,
    Code.HEALING_PAUSED: _fought, Code.IMAGE_PULL: _stuck, Code.NOT_STARTED: _stuck, Code.CONFIG_MISSING: _stuck,
    Code.PROBE_FAILS: _crashing, Code.UNSCHEDULABLE: _homeless, Code.QUOTA_EXCEEDED: _stuck,
    Code.WEBHOOK_DOWN: _shown_whole, Code.PODS_REFUSED: _stuck, Code.ROLLOUT_STUCK: _stuck,
    Code.SERVICE_WITHOUT_PODS: _shown_whole, Code.CLAIM_UNBOUND: _shown_whole, Code.AUTOSCALER_BLIND: _shown_whole,
    Code.AUTOSCALER_AT_MAXIMUM: _shown_whole, Code.NODE_NOT_READY: _shown_whole,
    Code.NODE_UNDER_PRESSURE: _shown_whole, Code.NAMESPACE_LEAVING: _shown_whole, Code.EVICTION_BLOCKED: _shown_whole,
}  # fmt: skip

TAKEN_BACK: Final = frozenset(code for code, calls in _CALLS.items() if calls in (_crashing, _stuck, _homeless))
"""What going back to what ran before may put right."""
