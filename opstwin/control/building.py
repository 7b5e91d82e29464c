"""From Workloads to resources: what each should be, and what goes with those that leave. Pure, given a `Scene`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from opstwin.control.comparing import Wanted
from opstwin.control.scene import Scene
from opstwin.control.wording import worded
from opstwin.domain.kinds import CONTAINER, SHARED
from opstwin.domain.ordering import in_order
from opstwin.domain.plan import Change, WorkloadChange
from opstwin.domain.resource import Desired, Presence
from opstwin.domain.values import Json, ResourceId, Spec
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput
from opstwin.targets.ports import Renderer
from opstwin.targets.rendering import resolved_ports
from opstwin.targets.specs import full_image_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a plan is to bring about: `workloads` as they should be, `remove` names that should go.

    `resources` are wanted as they are, besides what the workloads are rendered into.
    """

    workloads: tuple[Workload, ...] = ()
    remove: tuple[str, ...] = ()
    resources: tuple[Wanted, ...] = ()
    with_volumes: bool = False
    language: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Changes before they are ordered and judged. `after` are the Workloads left on the target, by name."""

    changes: tuple[Change, ...] = ()
    workloads: tuple[WorkloadChange, ...] = ()
    after: Mapping[str, Workload] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def resolved(scene: Scene, goal: Goal) -> tuple[Goal, tuple[str, ...]]:
    """`goal` with every container port decided from the images that are there, and notes on what was taken."""
    exposed = _exposed_ports(scene)
    done: list[Workload] = []
    notes: list[str] = []
    for workload in goal.workloads:
        image = full_image_name(workload.image)
        ready, said = resolved_ports(workload, exposed.get(image, exposed.get(_by_tag(image))))
        done.append(ready)
        notes += said
        if image not in exposed:
            notes.append(worded("image_missing", goal.language, image=workload.image, target=scene.target.id))
    return replace(goal, workloads=tuple(done)), tuple(notes)


def _by_tag(image: str) -> str:
    """An image with tag and digest, by its tag alone: so it is known where it came before it was pinned."""
    tagged = image.partition("@")[0]
    return tagged if ":" in tagged.rsplit("/", 1)[-1] else image


def left_over(scene: Scene, goal: Goal) -> dict[str, Workload]:
    """The Workloads on the target once `goal` is reached.

    Raises `InvalidInput` for a need that will not be there, for needs in a circle, and for a name asked for twice.
    """
    names = [item.name for item in goal.workloads] + list(goal.remove)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"{twice[0]} is named twice.", field="name", next_step="Name each workload once.")
    after = {name: item.workload for name, item in scene.records.items() if item.workload is not None}
    after |= {item.name: item for item in goal.workloads}
    for name in goal.remove:
        after.pop(name, None)
    _check_needs(scene, after, {item.name for item in goal.workloads})
    in_order({name: item.needs for name, item in after.items()})
    return after


def rendered(scene: Scene, renderer: Renderer, goal: Goal) -> list[Wanted]:
    """Every resource that `goal` touches: what its workloads need, then what goes with them.

    A container adopted under its own name stands for replica 1 of its workload.
    """
    wanted: dict[ResourceId, Wanted] = {}
    for workload in goal.workloads:
        own_name = _adopted_name(scene, workload.name)
        for item in renderer.render(workload):
            made = Wanted(
                resource=item.resource, kind=item.kind, name=item.name, workload=workload.name, spec=item.spec,
                needs=item.needs,
            )  # fmt: skip
            if own_name is not None and item.kind == "container" and item.name == f"{workload.name}-1":
                made = replace(made, resource=own_name.id, name=own_name.name)
            wanted.setdefault(made.resource, made)
    for name in (*(item.name for item in goal.workloads), *goal.remove):
        for old in scene.parts_of(name):
            wanted.setdefault(old.id, gone(old))
    return list((wanted | {item.resource: item for item in goal.resources}).values())


def freed(scene: Scene, goal: Goal, wanted: Sequence[Wanted]) -> tuple[list[Wanted], tuple[str, ...]]:
    """Networks, and with `with_volumes` volumes, that nobody uses any more; and notes on volumes that are kept."""
    touched = {item.name for item in goal.workloads} | set(goal.remove)
    users = _users(scene, wanted)
    here = {item.resource for item in wanted}
    unneeded = [
        item
        for item in scene.live().values()
        if item.kind in ("network", "volume") and item.id not in here and _was_used(scene, item, touched)
    ]
    leaving: list[Wanted] = []
    notes: list[str] = []
    for item in unneeded:
        still = sorted(users.get((item.kind, item.name), ()))
        asked = goal.with_volumes and _was_used(scene, item, set(goal.remove))
        if not still and (item.kind == "network" or asked):
            leaving.append(gone(item))
        elif item.kind == "volume" and asked:
            notes.append(worded("volume_shared", goal.language, name=item.name, others=", ".join(still)))
        elif item.kind == "volume":
            notes.append(worded("volume_kept", goal.language, name=item.name))
    return leaving, tuple(notes)


def foreign_notes(scene: Scene, wanted: Iterable[Wanted], language: str) -> tuple[str, ...]:
    """A note for each volume or network that is used although Opstwin did not make it."""
    return tuple(
        worded("used_as_is", language, kind=item.kind, name=item.name)
        for item in wanted
        if item.kind in SHARED and scene.seen(item.resource) is not None and not scene.ours(item.resource)
    )


def gone(record: Desired) -> Wanted:
    """That a resource should no longer exist."""
    return Wanted(resource=record.id, kind=record.kind, name=record.name, workload=record.workload, spec=None)


def _adopted_name(scene: Scene, workload: str) -> Desired | None:
    """The container of a workload that was adopted, and so does not have a replica's name."""
    pattern = re.compile(rf"{re.escape(workload)}-\d+")
    containers = [item for item in scene.runners_of(workload) if item.kind == CONTAINER]
    return next((item for item in containers if not pattern.fullmatch(item.name)), None)


def _exposed_ports(scene: Scene) -> dict[str, tuple[int, ...]]:
    """The TCP ports that each image on the target exposes, by the image's full name."""
    found: dict[str, tuple[int, ...]] = {}
    for image in scene.observed.values():
        spec = scene.seen(image.id) if image.kind == "image" else None
        numbers = [str(item).partition("/") for item in _list(spec, "exposed_ports")]
        ports = tuple(int(number) for number, _, protocol in numbers if protocol in ("", "tcp") and number.isdigit())
        found |= {full_image_name(str(tag)): ports for tag in _list(spec, "tags")}
    return found


def _check_needs(scene: Scene, after: Mapping[str, Workload], asked: Iterable[str]) -> None:
    asked_names = set(asked)
    for name, workload in after.items():
        missing = next((need for need in workload.needs if need not in after), None)
        if missing is not None and (name in asked_names or scene.workload(missing) is not None):
            goes = scene.workload(missing) is not None
            raise InvalidInput(
                f"{name} needs {missing}, which {'this would remove' if goes else f'is not on {scene.target.id}'}.",
                field="needs",
                next_step=f"Delete {name} first, or together with it." if goes else f"Deploy {missing} first.",
                details={"workload": name, "needs": missing},
            )


def _users(scene: Scene, wanted: Sequence[Wanted]) -> dict[tuple[str, str], set[str]]:
    """Which containers use a network or volume once the plan is done: ours as desired, others as observed."""
    specs: dict[ResourceId, Spec | None] = {
        item.id: item.spec
        for item in scene.observed.values()
        if item.kind == "container" and item.presence is not Presence.ABSENT and not scene.ours(item.id)
    }
    specs |= {key: item.spec for key, item in scene.live().items() if item.kind == "container"}
    specs |= {item.resource: item.spec for item in wanted if item.kind == "container"}
    users: dict[tuple[str, str], set[str]] = {}
    for key, spec in specs.items():
        for used in uses(spec):
            users.setdefault(used, set()).add(key.rsplit("/", 1)[-1])
    return users


def _was_used(scene: Scene, item: Desired, workloads: set[str]) -> bool:
    if item.workload in workloads:
        return True
    specs = [container.spec for name in workloads for container in scene.runners_of(name)]
    return any((item.kind, item.name) in uses(spec) for spec in specs)


def uses(spec: Spec | None) -> set[tuple[str, str]]:
    """The volumes and networks that a container's spec names, as (kind, name)."""
    mounts = [mount.get("volume") for mount in _list(spec, "mounts") if isinstance(mount, dict)]
    volumes = {("volume", str(name)) for name in mounts if name}
    return volumes | {("network", str(name)) for name in _list(spec, "networks")}


def _list(spec: Spec | None, key: str) -> list[Json]:
    value = (spec or {}).get(key)
    return value if isinstance(value, list) else []
