"""What the engine does and refuses: pure steps from one state to the next. A refusal changes nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_address
from typing import Final

from opstwin.domain.values import Json, Spec
from opstwin.errors import Rejected
from opstwin.targets.sim.life import status
from opstwin.targets.sim.state import MAX_LINES, Container, Line, Mark, State, Store, happened, kept, new_id
from opstwin.targets.specs import BARE_VOLUME, full_form, full_image_name

STORES: Final = ("volume", "network")


@dataclass(frozen=True, slots=True)
class Moment:
    """A state and the time at which something is done to it."""

    state: State
    now: datetime


def create_container(at: Moment, name: str, spec: Spec, mark: Mark | None) -> State:
    """A container made and, if it should run, started. Missing volumes are made, as engines do."""
    if name in at.state.containers:
        raise _clash("container", name)
    full = full_form("container", spec)
    _check_creatable(at, name, full)
    state, new = new_id(_with_volumes(at, full))
    step = mark.step if mark else ""
    made = Container(name=name, id=new, spec={**full, "image": spec["image"], "running": False}, mark=mark, step=step,
                     created_at=at.now)  # fmt: skip
    state = happened(with_container(state, made), at.now, "container", name, "create")
    return start_container(Moment(state, at.now), name) if full["running"] else state


def start_container(at: Moment, name: str) -> State:
    """A container started anew; its ports must be free."""
    found = container(at.state, name)
    _check_ports(at, name, found.spec)
    started = replace(
        found, spec={**found.spec, "running": True}, started_at=at.now, exit_code=None, oom_killed=False,
        lines=kept(found.lines, Line(at=at.now, stream="stdout", text=f"{found.spec['image']} started"), MAX_LINES),
    )  # fmt: skip
    return happened(with_container(at.state, started), at.now, "container", name, "start")


def stop_container(at: Moment, name: str, code: int = 0) -> State:
    """A container ended with an exit code, and kept stopped."""
    found = container(at.state, name)
    stopped = replace(found, spec={**found.spec, "running": False}, exit_code=code)
    return happened(with_container(at.state, stopped), at.now, "container", name, "die")


def update_container(at: Moment, name: str, fields: Spec) -> State:
    """Fields changed on a container that exists; `running` starts or stops it."""
    found = container(at.state, name)
    runs = status(at.state, found, at.now).running
    others = {key: value for key, value in fields.items() if key != "running"}
    state = at.state
    if others:
        changed = with_container(state, replace(found, spec={**found.spec, **others}))
        state = happened(changed, at.now, "container", name, "update")
    if "running" not in fields or fields["running"] == runs:
        return state
    moved = Moment(state, at.now)
    return start_container(moved, name) if fields["running"] else stop_container(moved, name)


def remove_container(at: Moment, name: str) -> State:
    """A container gone, stopped before where it ran."""
    runs = status(at.state, container(at.state, name), at.now).running
    state = stop_container(at, name) if runs else at.state
    left = {key: value for key, value in state.containers.items() if key != name}
    return happened(replace(state, containers=left), at.now, "container", name, "destroy")


def create_store(at: Moment, kind: str, name: str, spec: Spec, mark: Mark | None) -> State:
    """A volume or network made."""
    if name in stores(at.state, kind):
        raise _clash(kind, name)
    state, new = new_id(at.state)
    made = Store(name=name, id=new, spec=full_form(kind, spec), mark=mark, created_at=at.now)
    return happened(_with_stores(state, kind, {**stores(state, kind), name: made}), at.now, kind, name, "create")


def remove_store(at: Moment, kind: str, name: str) -> State:
    """A volume or network gone; refused while a container uses it (a stopped one too holds its volumes)."""
    users = sorted(_users(at, kind, name))
    if users:
        raise Rejected(
            f"{kind.capitalize()} {name} is in use by {', '.join(users)}.",
            next_step="Delete what uses it first.",
            details={"used_by": users},
        )
    left = {key: value for key, value in stores(at.state, kind).items() if key != name}
    return happened(_with_stores(at.state, kind, left), at.now, kind, name, "destroy")


def container(state: State, name: str) -> Container:
    """The container of this name. Raises `Rejected` when there is none."""
    found = state.containers.get(name)
    if found is None:
        raise Rejected(f"Container {name} is not there.", next_step="Look again: opstwin discover")
    return found


def with_container(state: State, changed: Container) -> State:
    """`state` with one container new or changed."""
    return replace(state, containers={**state.containers, changed.name: changed})


def stores(state: State, kind: str) -> Mapping[str, Store]:
    """The volumes or the networks."""
    return state.volumes if kind == "volume" else state.networks


def _with_stores(state: State, kind: str, items: Mapping[str, Store]) -> State:
    return replace(state, volumes=items) if kind == "volume" else replace(state, networks=items)


def _with_volumes(at: Moment, full: Spec) -> State:
    state = at.state
    for mount in _objects(full["mounts"]):
        name = mount.get("volume")
        if isinstance(name, str) and name not in state.volumes:
            state = create_store(Moment(state, at.now), "volume", name, BARE_VOLUME, None)
    return state


def _users(at: Moment, kind: str, name: str) -> Iterator[str]:
    for item in at.state.containers.values():
        mounted = [mount.get("volume") for mount in _objects(item.spec["mounts"])]
        joined = _texts(item.spec["networks"]) if status(at.state, item, at.now).running else []
        if name in (mounted if kind == "volume" else joined):
            yield item.name


def _check_creatable(at: Moment, name: str, full: Spec) -> None:
    image = str(full["image"])
    if full_image_name(image) not in at.state.images:
        raise Rejected(
            f"Image {image} is not on the target.",
            next_step="Check its name and tag, or bring it to the target first.",
            details={"field": "image", "image": image},
        )
    for network in _texts(full["networks"]):
        if network not in at.state.networks:
            raise Rejected(
                f"Network {network} is not there.", next_step="Create it first.", details={"field": "networks"}
            )
    if full["running"]:
        _check_ports(at, name, full)


def _check_ports(at: Moment, name: str, spec: Spec) -> None:
    wanted = list(_published(spec))
    if not wanted:
        return
    for other in at.state.containers.values():
        taken = [port for port in _published(other.spec) if any(_overlap(port, mine) for mine in wanted)]
        if taken and other.name != name and status(at.state, other, at.now).running:
            raise _port_taken(taken[0][0], f"by container {other.name}")
    for number, _, _ in wanted:
        if number in at.state.busy_ports:
            raise _port_taken(number, "by a program on the target")


def _published(spec: Spec) -> Iterator[tuple[int, str, str]]:
    for port in _objects(spec["ports"]):
        if isinstance(port.get("host"), int):
            yield int(str(port["host"])), str(port["protocol"]), str(port["address"])


def _overlap(one: tuple[int, str, str], two: tuple[int, str, str]) -> bool:
    same_address = one[2] == two[2] or ip_address(one[2]).is_unspecified or ip_address(two[2]).is_unspecified
    return one[:2] == two[:2] and same_address


def _port_taken(number: int, whose: str) -> Rejected:
    return Rejected(
        f"Port {number} is taken {whose}.",
        next_step="Choose another port, or free this one.",
        details={"field": "ports", "port": number},
    )


def _clash(kind: str, name: str) -> Rejected:
    return Rejected(
        f"A {kind} named {name} is there already.",
        next_step=f"Choose another name, or take it over first: opstwin adopt {name}",
        details={"field": "name", "name": name},
    )


def _objects(value: Json) -> list[dict[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: Json) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
