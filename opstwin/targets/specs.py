"""The spec forms that the drivers `docker` and `sim` share, and the one full form in which two of them compare."""

import posixpath
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from opstwin.domain.values import Json, Spec, canonical
from opstwin.errors import InvalidInput

OWN_LABELS: Final = "io.opstwin."
"""Labels below this prefix are Opstwin's marks and no part of any spec."""

BARE_VOLUME: Final[Mapping[str, Json]] = {"driver": "local", "labels": {}}
BARE_NETWORK: Final[Mapping[str, Json]] = {"driver": "bridge", "labels": {}}
BARE_IMAGE: Final[Mapping[str, Json]] = {"tags": [], "exposed_ports": [], "digest": ""}
BARE_CONTAINER: Final[Mapping[str, Json]] = {
    "image": "", "command": None, "env": {}, "secret_env": {}, "ports": [], "mounts": [], "networks": [],
    "cpu_millicores": None, "memory_bytes": None, "health": None, "labels": {}, "restart": "no", "running": True,
}  # fmt: skip
IF_SAID: Final[Mapping[str, Json]] = {"entrypoint": None, "user": None, "working_dir": None}
"""Fields that take the place of what an image says, and stand in a full form only when they are said."""

BARE_HEALTH: Final[Mapping[str, Json]] = {
    "command": [], "interval_s": 30.0, "timeout_s": 30.0, "retries": 3, "start_period_s": 0.0,
}  # fmt: skip
"""An engine's own defaults for what a health check leaves open."""

BARE_PORT: Final[Mapping[str, Json]] = {"container": None, "host": None, "protocol": "tcp", "address": "0.0.0.0"}  # noqa: S104
BARE_MOUNT: Final[Mapping[str, Json]] = {"path": "", "volume": None, "host_path": None, "read_only": False}


@lru_cache(maxsize=4096)
def full_image_name(image: str) -> str:
    """One name for one image: `docker.io/library/nginx` and `nginx` are `nginx:latest`."""
    short = image.removeprefix("docker.io/").removeprefix("index.docker.io/").removeprefix("library/")
    last = short.rsplit("/", 1)[-1]
    return short if ":" in last or "@" in last else f"{short}:latest"


def full_form(kind: str, spec: Spec) -> Spec:
    """`spec` with defaults filled in, lists in one order, the image's name written out and own labels left out.

    Raises `InvalidInput` for a kind that container engines do not have.
    """
    if kind not in _FULL_FORMS:
        raise InvalidInput(
            f"Kind {kind[:40]!r} is not known here.",
            field="kind",
            next_step=f"Use one of: {', '.join(_FULL_FORMS)}.",
        )
    return _FULL_FORMS[kind](spec)


def _full_container(spec: Spec) -> Spec:
    full: dict[str, Json] = {**BARE_CONTAINER, **spec}
    full["image"] = full_image_name(str(full["image"]))
    full["command"] = full["command"] or None
    for name in IF_SAID:
        if not full.get(name):
            full.pop(name, None)
    full["ports"] = _in_order([_filled(BARE_PORT, item) for item in _objects(full["ports"])])
    full["mounts"] = _in_order([_clean_mount(item) for item in _objects(full["mounts"])])
    full["networks"] = _in_order([name for name in _items(full["networks"]) if name not in ("bridge", "default")])
    full["labels"] = _users_labels(full["labels"])
    health = full["health"]
    full["health"] = _clean_health(health) if isinstance(health, dict) and health.get("command") else None
    return full


def _full_store(bare: Spec) -> Callable[[Spec], Spec]:
    def full(spec: Spec) -> Spec:
        return {**bare, **spec, "labels": _users_labels(spec.get("labels"))}

    return full


def _full_image(spec: Spec) -> Spec:
    full: dict[str, Json] = {**BARE_IMAGE, **spec}
    return {**full, "tags": _in_order(_items(full["tags"])), "exposed_ports": _in_order(_items(full["exposed_ports"]))}


_FULL_FORMS: Final[Mapping[str, Callable[[Spec], Spec]]] = {
    "container": _full_container,
    "volume": _full_store(BARE_VOLUME),
    "network": _full_store(BARE_NETWORK),
    "image": _full_image,
}


def _filled(bare: Spec, given: Spec) -> dict[str, Json]:
    return {**bare, **{key: value for key, value in given.items() if value is not None and value != ""}}


def _clean_mount(mount: Spec) -> Json:
    full = _filled(BARE_MOUNT, mount)
    host_path = full["host_path"]
    return {
        **full,
        "path": clean_path(str(full["path"])),
        "host_path": None if host_path is None else clean_path(str(host_path)),
    }


@lru_cache(maxsize=4096)
def clean_path(path: str) -> str:
    """`path` without a trailing slash, double slashes and dots."""
    return "/" + posixpath.normpath(path).lstrip("/")


def _clean_health(health: Spec) -> Json:
    full = _filled(BARE_HEALTH, health)
    return {**full, **{name: _seconds(name, full[name]) for name in ("interval_s", "timeout_s", "start_period_s")}}


def _seconds(name: str, value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"health.{name} is not a number.", field=f"health.{name}", next_step="Use seconds.")
    return float(value)


def _users_labels(labels: Json) -> Json:
    given = labels if isinstance(labels, dict) else {}
    return {key: value for key, value in given.items() if not key.startswith(OWN_LABELS)}


def _items(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _objects(value: Json) -> list[dict[str, Json]]:
    return [item for item in _items(value) if isinstance(item, dict)]


def _in_order(items: Sequence[Json]) -> list[Json]:
    if len(items) < 2:
        return list(items)
    once = {canonical(item): item for item in items}
    return sorted(once.values(), key=_place)


def _place(item: Json) -> tuple[str, int, int, str]:
    if isinstance(item, dict):
        return str(item.get("path") or ""), _number(item.get("container")), _number(item.get("host")), canonical(item)
    return "", 0, 0, canonical(item)


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0
