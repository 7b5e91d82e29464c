"""From what runs on one target to a goal on another: as it is there, with a note on each thing that means less here.

One plan is for one target: nothing is taken away where it was, and no data goes along.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from opstwin.control.building import Goal
from opstwin.control.elsewhere import Elsewhere, elsewhere
from opstwin.control.ledger import Ledger
from opstwin.control.scene import Scene
from opstwin.control.wording import worded
from opstwin.domain.ask import Action, Ask
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput
from opstwin.manifests.generating.generator import Request, generated
from opstwin.manifests.generating.info import info_of_workload
from opstwin.manifests.generating.results import Level
from opstwin.targets.ports import Renderer

MOVES: Final = frozenset({Action.MOVE, Action.COPY})
"""What brings to one target what is on another."""


async def goal_of_move(ledger: Ledger, ask: Ask, scene: Scene, renderer: Renderer) -> tuple[Goal, tuple[str, ...]]:
    """What is meant, wanted on this target too, and notes.

    Raises as `elsewhere` does, and `InvalidInput` for what needs another workload that is not here, and where nothing
    of what is to scale by its use can.
    """
    found = await elsewhere(ledger, ask, scene.target.id)
    _check_needs(found, scene)
    workloads, fixed = _scaled(found.workloads, ask, renderer)
    notes = (
        *(_exists(workloads, scene, ask.language)),
        *fixed,
        *_meanings(workloads, found, scene, ask.language),
        *_left_behind(found, scene, ask),
    )
    return Goal(workloads=workloads, language=ask.language), notes


def _check_needs(found: Elsewhere, scene: Scene) -> None:
    coming = {item.name for item in found.workloads}
    for workload in found.workloads:
        missing = next((need for need in workload.needs if need not in coming and scene.workload(need) is None), None)
        if missing is not None:
            raise InvalidInput(
                f"{workload.name} needs {missing}, which is not on {scene.target.id}.",
                field="needs",
                next_step=f'Bring it there first: opstwin plan "copy {missing} to {scene.target.id}"',
                details={"workload": workload.name, "needs": missing},
            )


def _scaled(
    workloads: Sequence[Workload], ask: Ask, renderer: Renderer
) -> tuple[tuple[Workload, ...], tuple[str, ...]]:
    """The workloads, scaling by their use where that was asked for; of a whole project, those that can."""
    if ask.scaling is None:
        return tuple(workloads), ()
    wanted = [replace(item, autoscale=ask.scaling.over(item.autoscale)) for item in workloads]
    refused = {item.name: problem for item in wanted if (problem := _refusal(item, renderer)) is not None}
    if len(refused) == len(wanted):
        raise next(iter(refused.values()))
    chosen = [old if old.name in refused else new for old, new in zip(workloads, wanted, strict=True)]
    said = (
        worded("not_scaled", ask.language, name=name, why=problem.message) for name, problem in refused.items()
    )  # fmt: skip
    return tuple(chosen), tuple(said)


def _refusal(workload: Workload, renderer: Renderer) -> InvalidInput | None:
    """Why the target cannot scale it by its use, None when it can; what else is wrong is told by the plan."""
    try:
        renderer.render(workload)
    except InvalidInput as problem:
        return problem if problem.field == "autoscale" else None
    return None


def _exists(workloads: Sequence[Workload], scene: Scene, language: str) -> Iterator[str]:
    for item in workloads:
        if scene.workload(item.name) is not None:
            yield worded("exists", language, name=item.name, target=scene.target.id)


def _meanings(workloads: Sequence[Workload], found: Elsewhere, scene: Scene, language: str) -> Iterator[str]:
    """What is said the same and means something else on this target."""
    if scene.target.backend_type == "kubernetes":
        request = Request(containers=tuple(info_of_workload(item) for item in workloads))
        for finding in generated(request).findings:
            if finding.level is not Level.ADVICE and finding.field != "autoscale":
                text = finding.text_ko if language == "ko" else f"{finding.text} {finding.next_step}"
                yield f"{finding.workload}: {text}"
        return
    for item in workloads:
        for path in sorted({mount.host_path for mount in item.volumes if mount.host_path is not None}):
            yield worded(
                "host_path_there", language, name=item.name, path=path, source=found.source, target=scene.target.id
            )  # fmt: skip


def _left_behind(found: Elsewhere, scene: Scene, ask: Ask) -> Iterator[str]:
    """What stays where it was: the data, and, until it is taken away there, the workloads."""
    named = (mount.volume for item in found.workloads for mount in item.volumes if mount.volume is not None)
    volumes = ", ".join(dict.fromkeys(named))
    places = {"source": found.source, "target": scene.target.id}
    if volumes:
        yield worded("data_stays", ask.language, volumes=volumes, **places)
    if ask.action is Action.COPY:
        yield worded("copy_stays", ask.language, **places)
        return
    last_first = [item.name for item in reversed(found.workloads)]
    steps = ", ".join(f'opstwin plan "delete {name}" --target {found.source}' for name in last_first)
    yield worded("moved_next", ask.language, steps=steps, **places)
