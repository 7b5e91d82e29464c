"""The fields of a target as people give them, checked one by one, and the seed's `clusters:` form. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from opstwin.domain.names import checked_text
from opstwin.domain.target import Mode, Target
from opstwin.domain.values import TargetId
from opstwin.errors import InvalidInput

SETTABLE: Final = (
    "display_name",
    "backend_type",
    "agent_endpoint",
    "connection_type",
    "auth_method",
    "is_default",
    "is_active",
    "mode",
    "settings",
)
_TEXTS: Final = ("display_name", "backend_type", "agent_endpoint", "connection_type", "auth_method")
_SWITCHES: Final = ("is_default", "is_active")
_NEEDED: Final = ("id", "display_name", "backend_type", "agent_endpoint")
_SCHEMES: Final[Mapping[str, tuple[str, ...]]] = {
    "docker": ("unix", "tcp", "http", "https"),
    "kubernetes": ("kubeconfig", "http", "https"),
    "sim": ("sim",),
    "host": ("host",),
}
_CLUSTER_KEYS: Final = frozenset({"name", "type", "kubeconfig", "context", "registry", "endpoint", "socket"})
OF_A_CLUSTER: Final = ("kubeconfig", "context", "registry")
"""Settings of a target that a configuration gives."""

MAX_CLUSTERS: Final = 1000


@dataclass(frozen=True, slots=True)
class Cluster:
    """One target as a configuration names it: its id and the fields to set."""

    id: str
    fields: Mapping[str, object] = field(default_factory=dict)


def new_target(fields: Mapping[str, object], created_at: datetime) -> Target:
    """A target from fields given by a caller. Raises `InvalidInput` naming the field that is missing or wrong."""
    for name in _NEEDED:
        if fields.get(name) in (None, ""):
            raise InvalidInput(f"{name} is missing.", field=name, next_step=f"Give the target its {name}.")
    identifier = _text("id", fields["id"])
    blank = Target(
        id=TargetId(identifier), display_name=identifier, backend_type="sim", agent_endpoint="sim://new",
        created_at=created_at,
    )  # fmt: skip
    return changed_target(blank, {key: value for key, value in fields.items() if key != "id"})


def changed_target(target: Target, fields: Mapping[str, object]) -> Target:
    """`target` with some fields set anew. Raises `InvalidInput` naming the first wrong or unknown field."""
    for name in fields:
        if name not in SETTABLE:
            raise InvalidInput(
                f"{name[:80]!r} is not a field of a target that can be set.", field=name[:80],
                next_step=f"Use: {', '.join(SETTABLE)}.",
            )  # fmt: skip
    values: dict[str, object] = {name: _text(name, fields[name]) for name in _TEXTS if name in fields}
    values |= {name: _switch(name, fields[name]) for name in _SWITCHES if name in fields}
    if "mode" in fields:
        values["mode"] = _mode(fields["mode"])
    if "settings" in fields:
        values["settings"] = _settings(fields["settings"])
    made: Target = replace(target, **values)  # type: ignore[arg-type]
    _check_address(made)
    return made


def clusters_of(config: Mapping[str, object]) -> tuple[Cluster, ...]:
    """The targets that a configuration names in `clusters` and `docker.local`; its other sections are not looked at.

    Raises `InvalidInput` naming the entry, such as `clusters[1].type`.
    """
    entries = config.get("clusters") or []
    if not isinstance(entries, list) or len(entries) > MAX_CLUSTERS:
        raise InvalidInput(
            f"clusters must be a list of at most {MAX_CLUSTERS}.",
            field="clusters",
            next_step="Start each with: - name: …",
        )
    found = [_cluster(place, entry) for place, entry in enumerate(entries)]
    found += _local(config.get("docker"))
    for place, cluster in enumerate(found):
        if cluster.id in [other.id for other in found[:place]]:
            raise InvalidInput(
                f"{cluster.id} is named twice.", field=f"clusters[{place}].name", next_step="Use each name once."
            )
    return tuple(found)


def _cluster(place: int, entry: object) -> Cluster:
    where = f"clusters[{place}]"
    if not isinstance(entry, Mapping):
        raise InvalidInput(f"{where} must hold keys.", field=where, next_step="Give name and type.")
    for key in entry:
        if key not in _CLUSTER_KEYS:
            raise InvalidInput(
                f"{where} has the unknown key {str(key)[:80]!r}.", field=f"{where}.{str(key)[:80]}",
                next_step=f"Use: {', '.join(sorted(_CLUSTER_KEYS))}.",
            )  # fmt: skip
    values = {key: _text(f"{where}.{key}", value) for key, value in entry.items()}
    for key in ("name", "type"):
        if not values.get(key):
            raise InvalidInput(f"{where}.{key} is missing.", field=f"{where}.{key}", next_step=f"Give it a {key}.")
    kept = {key: values[key] for key in OF_A_CLUSTER if key in values}
    endpoint = values.get("endpoint") or values.get("socket") or _kubeconfig_address(values, where)
    return Cluster(
        values["name"],
        {
            "display_name": values["name"], "backend_type": values["type"], "agent_endpoint": endpoint,
            "settings": kept,
        },
    )  # fmt: skip


def _kubeconfig_address(values: Mapping[str, str], where: str) -> str:
    path = values.get("kubeconfig", "")
    if not path.startswith("/"):
        raise InvalidInput(
            f"{where} does not say how to reach it.", field=f"{where}.kubeconfig",
            next_step="Give kubeconfig an absolute path, or give endpoint.",
        )  # fmt: skip
    return f"kubeconfig://{path}"


def _local(docker: object) -> list[Cluster]:
    if docker is None:
        return []
    local = docker.get("local") if isinstance(docker, Mapping) else None
    socket = local.get("socket") if isinstance(local, Mapping) else None
    if not isinstance(socket, str):
        raise InvalidInput(
            "docker.local.socket is missing.", field="docker.local.socket",
            next_step="Write for example unix:///var/run/docker.sock.",
        )  # fmt: skip
    fields = {"display_name": "Local Docker Engine", "backend_type": "docker", "agent_endpoint": socket}
    return [Cluster("local", fields)]


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be text.", field=name, next_step=f"Write {name} as text.")
    return checked_text(value, name)


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput(f"{name} must be true or false.", field=name, next_step="Write true or false.")
    return value


def _mode(value: object) -> Mode:
    try:
        return Mode(str(value))
    except ValueError as error:
        words = ", ".join(mode.value for mode in Mode)
        raise InvalidInput(
            f"mode {str(value)[:40]!r} is not known.", field="mode", next_step=f"Use: {words}."
        ) from error


def _settings(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or len(value) > 64:
        raise InvalidInput("settings must hold names and texts.", field="settings", next_step="Write name: text.")
    return {_text("settings", key): _text(f"settings.{key}", item) for key, item in value.items()}


def _check_address(target: Target) -> None:
    parts = urlsplit(target.agent_endpoint)
    if "@" in parts.netloc:
        raise InvalidInput(
            "agent_endpoint holds a user name or password.", field="agent_endpoint",
            next_step="Leave it out of the address; credentials are given by auth_method.",
        )  # fmt: skip
    allowed = _SCHEMES[target.backend_type]
    if parts.scheme not in allowed:
        raise InvalidInput(
            f"agent_endpoint {target.agent_endpoint[:80]!r} does not fit a {target.backend_type} target.",
            field="agent_endpoint", next_step=f"Start it with one of: {', '.join(f'{word}://' for word in allowed)}.",
        )  # fmt: skip
