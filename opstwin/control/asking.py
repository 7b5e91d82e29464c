"""From what somebody asked for to the goal of a plan. Nothing is guessed: what is missing is named. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from opstwin.control.building import Goal
from opstwin.control.scaling import scaling_notes, with_scaling
from opstwin.control.scene import Scene
from opstwin.control.wording import worded
from opstwin.domain.ask import Action, Ask
from opstwin.domain.kinds import runs
from opstwin.domain.resource import Presence
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId, resource_id
from opstwin.domain.workload import Mount, Port, Resources, Workload
from opstwin.errors import InvalidInput, NotFound, Unclear

_MUST_SAY: Final[Mapping[Action, tuple[str, str]]] = {
    Action.SCALE: ("replicas", 'for example: opstwin plan "scale {name} to 3"'),
    Action.UPGRADE: ("image", 'for example: opstwin plan "upgrade {name} to nginx:1.28"'),
    Action.EXPOSE: ("ports", 'for example: opstwin plan "expose {name} on port 8080"'),
    Action.SET_RESOURCES: ("resources", 'for example: opstwin plan "set memory of {name} to 256Mi"'),
}


def target_of(ask: Ask, targets: Sequence[Target]) -> TargetId:
    """The target it names, or the one default. Raises `NotFound` or `Unclear` with the choices.

    Nothing is moved to a target that is not named.
    """
    active = [item for item in targets if item.is_active]
    choices = sorted(item.id for item in active)
    if ask.target is None and ask.action in (Action.MOVE, Action.COPY):
        raise Unclear(
            "It is not clear to which target.",
            field="target",
            next_step=_pick(choices),
            details={"missing": ["target"], "choices": choices},
        )
    if ask.target is not None:
        if ask.target not in choices:
            raise NotFound(
                f"There is no active target {ask.target[:80]!r}.",
                next_step=_pick(choices),
                details={"field": "target", "choices": choices},
            )
        return TargetId(ask.target)
    defaults = [item for item in active if item.is_default]
    if len(defaults) != 1:
        raise Unclear(
            "It is not clear on which target.",
            field="target",
            next_step=_pick(choices),
            details={"missing": ["target"], "choices": choices},
        )
    return defaults[0].id


def goal_of(ask: Ask, scene: Scene) -> tuple[Goal, tuple[str, ...]]:
    """What the plan is to bring about, and notes. Raises `NotFound` for a workload that is not there."""
    if ask.action is Action.DEPLOY:
        return _deploy(ask, scene)
    current = current_workload(ask.name, scene)
    if ask.action is Action.DELETE:
        return Goal(remove=(ask.name,), with_volumes=ask.with_volumes, language=ask.language), ()
    return Goal(workloads=(changed(current, ask),), language=ask.language), tuple(scaling_notes(current, ask))


def current_workload(name: str, scene: Scene) -> Workload:
    """The Workload of that name; raises `NotFound` that names the nearest ones, or says that it must be adopted."""
    found = scene.workload(name)
    if found is not None:
        return found
    known = sorted(key for key, item in scene.records.items() if item.workload is not None)
    container = scene.observed.get(resource_id(scene.target.id, "container", name))
    if container is not None and container.presence is Presence.PRESENT and not scene.ours(container.id):
        step = f"Container {name} was not made by Opstwin; take it over first: opstwin adopt {container.id}"
    elif given := _given_as_manifests(name, scene):
        step = f"{given} was given as manifests: change those, then opstwin plan -f …"
        step += f" --target {scene.target.id}; or go back: opstwin rollback {given} --target {scene.target.id}"
    else:
        near = get_close_matches(name, known, n=3, cutoff=0.5)
        step = f"Did you mean {' or '.join(near)}? " if near else ""
        step += f"See what is there: opstwin get --target {scene.target.id}"
    raise NotFound(
        f"There is no workload {name[:80]!r} on {scene.target.id}.",
        next_step=step,
        details={"field": "name", "name": name[:80], "choices": known[:20]},
    )


def _given_as_manifests(name: str, scene: Scene) -> str:
    """The application of manifests that is called so, or has something that runs and is called so; else empty."""
    parts = [item for item in scene.live().values() if item.workload and item.workload not in scene.records]
    homes = {item.workload: item for item in parts if runs(item.kind) and item.name.rpartition("/")[2] == name}
    return name if any(item.workload == name for item in parts) else next(filter(None, homes), "")


def changed(current: Workload, ask: Ask) -> Workload:
    """`current` with what the ask names changed, and everything else as it was."""
    _check_complete(ask)
    values: dict[str, object] = {}
    if ask.action in (Action.STOP, Action.START):
        values["running"] = ask.action is Action.START
    if ask.replicas is not None:
        values["replicas"] = ask.replicas
    values |= with_scaling(current, ask)
    if ask.image is not None:
        values["image"] = ask.image
    if ask.health is not None:
        values["health"] = ask.health
    values["ports"] = _with_ports(current.ports, ask.ports)
    values["volumes"] = _with_mounts(current.volumes, ask.volumes)
    values["resources"] = _with_resources(current.resources, ask.resources)
    values["env"] = _without({**current.env, **ask.env}, ask.unset_env)
    values["secret_env"] = _without(current.secret_env, ask.unset_env)
    return replace(current, **values)  # type: ignore[arg-type]


def _deploy(ask: Ask, scene: Scene) -> tuple[Goal, tuple[str, ...]]:
    if ask.workload is None:
        raise Unclear(
            f"It is not clear what {ask.name} should run.",
            field="image",
            next_step=f'Name an image, for example: opstwin plan "deploy nginx:1.27 as {ask.name}"',
            details={"missing": ["image"]},
        )
    there = scene.workload(ask.workload.name) is not None
    notes = (worded("exists", ask.language, name=ask.workload.name, target=scene.target.id),) if there else ()
    return Goal(workloads=(ask.workload,), language=ask.language), notes


def _check_complete(ask: Ask) -> None:
    if ask.action is Action.SET_ENV and not ask.env and not ask.unset_env:
        _missing(ask, "env", 'for example: opstwin plan "set LOG_LEVEL=debug on {name}"')
    field, example = _MUST_SAY.get(ask.action, ("", ""))
    if field and not getattr(ask, field):
        _missing(ask, field, example)


def _missing(ask: Ask, field: str, example: str) -> None:
    if field == "replicas" and ask.replicas == 0:
        raise InvalidInput(
            "replicas must be at least 1.",
            field="replicas",
            next_step=f'To take it down: opstwin plan "stop {ask.name}" or opstwin plan "delete {ask.name}".',
        )
    raise Unclear(
        f"{ask.action.value.replace('_', ' ')} needs {field}.",
        field=field,
        next_step="Say it, " + example.format(name=ask.name),
        details={"missing": [field]},
    )


def _with_ports(current: Sequence[Port], asked: Sequence[Port]) -> tuple[Port, ...]:
    """An asked port takes the place of one with the same end inside or outside; others stay."""
    kept = [item for item in current if not any(_same_port(item, port) for port in asked)]
    return (*kept, *asked)


def _same_port(one: Port, other: Port) -> bool:
    if one.protocol != other.protocol:
        return False
    same_inside = one.container is not None and one.container == other.container
    return same_inside or (one.host is not None and one.host == other.host)


def _with_mounts(current: Sequence[Mount], asked: Sequence[Mount]) -> tuple[Mount, ...]:
    paths = {item.path for item in asked}
    return (*(item for item in current if item.path not in paths), *asked)


def _with_resources(current: Resources, asked: Resources | None) -> Resources:
    if asked is None:
        return current
    return Resources(
        cpu_millicores=asked.cpu_millicores or current.cpu_millicores,
        memory_bytes=asked.memory_bytes or current.memory_bytes,
    )


def _without(values: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    return {key: value for key, value in values.items() if key not in keys}


def _pick(choices: Sequence[str]) -> str:
    if not choices:
        return "Add one: opstwin targets add"
    return f"Say on which target: {', '.join(choices)}."
