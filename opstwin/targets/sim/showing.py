"""What a state looks like through the `Reader` port."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from opstwin.domain.resource import Health, Presence
from opstwin.domain.values import Json, ResourceId, Spec, TargetId, resource_id
from opstwin.errors import Rejected
from opstwin.logs import MASK, masked
from opstwin.targets.own_secrets import OwnSecrets, own_secrets
from opstwin.targets.ports import Sighting
from opstwin.targets.sim.life import status
from opstwin.targets.sim.state import Container, Image, Mark, State, Store
from opstwin.targets.specs import full_image_name

KINDS: Final = ("container", "volume", "network", "image")


def everything(target: TargetId, state: State, now: datetime) -> Sequence[Sighting]:
    """All resources, by kind and name."""
    return [
        sighting(target, state, kind, name, now)
        for kind, names in zip(KINDS, (state.containers, state.volumes, state.networks, state.images), strict=True)
        for name in sorted(names)
    ]


def sighting(target: TargetId, state: State, kind: str, name: str, now: datetime) -> Sighting:
    """One resource, present or absent."""
    if kind == "container" and name in state.containers:
        return _container(target, state, state.containers[name], now)
    if kind == "image" and full_image_name(name) in state.images:
        return _image(target, state.images[full_image_name(name)])
    stores = {"volume": state.volumes, "network": state.networks}.get(kind, {})
    if name in stores:
        return _store(target, kind, stores[name])
    return Sighting(resource=resource_id(target, kind, name), kind=kind, name=name, presence=Presence.ABSENT)


def _container(target: TargetId, state: State, found: Container, now: datetime) -> Sighting:
    lives = status(state, found, now)
    image = state.images.get(full_image_name(str(found.spec["image"])))
    facts: dict[str, Json] = {
        "id": found.id,
        "state": lives.state,
        "exit_code": lives.exit_code,
        "restart_count": lives.restart_count,
        "oom_killed": found.oom_killed,
        "created_at": found.created_at.isoformat(),
        "started_at": found.started_at.isoformat() if found.started_at else None,
        "image_id": image.digest if image else None,
        **_mark_facts(found.mark),
    }
    if found.step:
        facts["step"] = found.step
    if lives.health is Health.UNHEALTHY and lives.state == "running":
        facts["health_output"] = "the check failed"
    return Sighting(
        resource=resource_id(target, "container", found.name), kind="container", name=found.name,
        presence=Presence.PRESENT, spec=_shown(found, running=lives.running), facts=facts, health=lives.health,
        managed=found.mark is not None, links=tuple(_links(target, found.spec)),
    )  # fmt: skip


def _shown(found: Container, *, running: bool) -> Spec:
    env = found.spec["env"]
    if found.mark is None and isinstance(env, dict):
        env = {key: masked(key, str(value)) for key, value in env.items()}
    return {**found.spec, "env": env, "running": running}


def secrets_of(found: Container) -> OwnSecrets:
    """What the container was given as secrets, to be masked in what it writes."""
    env = found.spec.get("env")
    given = [(key, str(value)) for key, value in env.items()] if isinstance(env, dict) else []
    return own_secrets(given, (found.name, str(found.spec.get("image"))))


def unmasked(spec: Spec, old: Spec) -> Spec:
    """`spec` with masked variables as they are in `old`. Raises `Rejected` for one that is not known there."""
    env, known = spec.get("env"), old.get("env")
    if not isinstance(env, dict) or MASK not in str(env):
        return spec
    values = known if isinstance(known, dict) else {}
    return {**spec, "env": {key: _unmasked(key, value, values.get(key)) for key, value in env.items()}}


def _unmasked(key: str, value: Json, old: Json) -> Json:
    if MASK not in str(value):
        return value
    if old is None or masked(key, str(old)) != value:
        raise Rejected(
            f"The value of {key} is masked and not known.",
            next_step="Give it as a reference: secret_env with env:NAME or file:NAME.",
            details={"field": "env"},
        )
    return old


def _links(target: TargetId, spec: Spec) -> Iterator[tuple[str, ResourceId]]:
    yield "runs", resource_id(target, "image", full_image_name(str(spec["image"])))
    for mount in _items(spec["mounts"]):
        if isinstance(mount, dict) and mount.get("volume"):
            yield "mounts", resource_id(target, "volume", str(mount["volume"]))
    for network in _items(spec["networks"]):
        yield "joins", resource_id(target, "network", str(network))


def _image(target: TargetId, image: Image) -> Sighting:
    spec: dict[str, Json] = {
        "tags": [image.name],
        "exposed_ports": [f"{port}/tcp" for port in sorted(image.exposed)],
        "digest": image.digest,
    }
    return Sighting(
        resource=resource_id(target, "image", image.name), kind="image", name=image.name, presence=Presence.PRESENT,
        spec=spec, facts={"id": image.digest}, health=Health.NONE,
    )  # fmt: skip


def _store(target: TargetId, kind: str, store: Store) -> Sighting:
    facts: dict[str, Json] = {"id": store.id, "created_at": store.created_at.isoformat(), **_mark_facts(store.mark)}
    return Sighting(
        resource=resource_id(target, kind, store.name), kind=kind, name=store.name, presence=Presence.PRESENT,
        spec=store.spec, facts=facts, managed=store.mark is not None,
    )  # fmt: skip


def _mark_facts(mark: Mark | None) -> dict[str, Json]:
    return {} if mark is None else {"step": mark.step, "fence": mark.fence, "workload": mark.workload}


def _items(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
