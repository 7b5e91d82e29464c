"""What of a container may leave for a model's provider: the fields listed here and no others, without secrets.

Values of variables go along only when neither name nor value looks like a secret; of all others the name does. A new
field of `ContainerInfo` stays here until it is listed: `LISTED` and `WITHHELD` together name every one.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from opstwin.domain.deployment import Usage
from opstwin.domain.secret_text import pattern_of, words_without_secrets
from opstwin.domain.values import Json
from opstwin.domain.workload import Autoscale, HealthCheck, Mount, Port, RestartPolicy
from opstwin.logs import MASK
from opstwin.manifests.generating.amounts import cpu_text, exact_memory_text, memory_text
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.secrecy import holds_secret, is_secret

LISTED: Final = frozenset(
    {
        "name", "image", "ports", "udp_ports", "published", "env_vars", "secret_env", "entrypoint", "command",
        "working_dir", "run_as", "mounts", "networks", "resources", "replicas", "health", "labels", "restart", "needs",
        "autoscale", "user", "cpu_usage", "memory_usage",
    }
)  # fmt: skip
"""Fields of a `ContainerInfo` that a model is shown; of `secret_env` the names."""

WITHHELD: Final = frozenset({"running", "writes", "not_in_spec", "kept_running", "renamed", "pod"})
"""Fields that say nothing about what a container needs."""

MOST_ENTRIES: Final = 20
"""Variables, labels, words of a command and such that are shown of one container."""

LONGEST: Final = 120
"""Characters of one value."""

Cover = Callable[[str], str]
"""A text → the same without secrets."""


def covering(variables: Iterable[Mapping[str, str]], cover: Cover, public: str = "") -> Cover:
    """`cover`, and under it a mask over the values of these variables that look secret, wherever else they stand.

    A password that stands in `public`, names and images, is none: `postgres` would hide what is drafted.
    """
    secrets = [value for named in variables for key, value in named.items() if is_secret(key, value)]
    pattern = pattern_of(value for value in secrets if value not in public)
    return cover if pattern is None else lambda text: cover(pattern.sub(MASK, text))


def shown_container(info: ContainerInfo, cover: Cover) -> dict[str, Json]:
    """The listed fields that say something, in a fixed order; texts are cut and covered."""
    plain, hidden = _split(info.env_vars)
    labels, hidden_labels = _split(info.labels)
    found: dict[str, Json] = {
        "name": info.name,
        "image": info.image,
        "ports": [*info.ports],
        "udp_ports": [*info.udp_ports],
        "published": [_port(port) for port in info.published],
        "entrypoint": _words(info.entrypoint or (), cover),
        "command": _words(info.command or (), cover),
        "working_dir": cover(info.working_dir),
        "env": _texts(plain, cover),
        "secret_env": _cut(sorted({*hidden, *info.secret_env})),
        "mounts": _cut([_mount(mount) for mount in info.mounts]),
        "networks": _cut([*info.networks]),
        "limits": _limits(info),
        "replicas": info.replicas,
        "health": _health(info.health, cover),
        "labels": _texts(labels, cover),
        "secret_labels": _cut(sorted(hidden_labels)),
        "restart": "" if info.restart is RestartPolicy.UNLESS_STOPPED else info.restart.value,
        "needs": _cut([*info.needs]),
        "autoscale": _autoscale(info.autoscale),
        "user": info.run_as or info.user or "",
        "cpu_now": info.cpu_usage,
        "memory_now": info.memory_usage,
    }
    return {key: value for key, value in found.items() if value not in ("", [], {}, None)}


def shown_usage(usage: Usage) -> dict[str, Json]:
    """What one replica used over a period."""
    return {
        "measurements": usage.samples, "cpu_p50": cpu_text(usage.cpu_p50), "cpu_p95": cpu_text(usage.cpu_p95),
        "cpu_max": cpu_text(usage.cpu_max), "memory_p50": memory_text(usage.memory_p50),
        "memory_p95": memory_text(usage.memory_p95), "memory_max": memory_text(usage.memory_max),
    }  # fmt: skip


def lines_of(fields: Mapping[str, Json]) -> str:
    """One line of JSON for each field, so that no value can begin a line of its own."""
    return "\n".join(f"{key}: {_line(value)}" for key, value in fields.items())


def _line(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def _split(named: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """What may be shown with its value, and the names of the others."""
    hidden = [key for key, value in named.items() if is_secret(key, value) or holds_secret(value)]
    return {key: value for key, value in named.items() if key not in hidden}, hidden


def _texts(named: Mapping[str, str], cover: Cover) -> dict[str, Json]:
    kept = sorted(named)[:MOST_ENTRIES]
    more: dict[str, Json] = {"…": f"{len(named) - len(kept)} more"} if len(named) > len(kept) else {}
    return {_text(key, cover): _text(named[key], cover) for key in kept} | more


def _words(words: Sequence[str], cover: Cover) -> list[Json]:
    """A command without secrets; the values of options that are secrets by their name too."""
    return _cut([_text(word, cover) for word in words_without_secrets(words, cover)])


def _text(value: str, cover: Cover) -> str:
    # Covered whole: a secret that the cut goes through would no longer be known.
    covered = cover(value)
    return covered if len(covered) <= LONGEST else f"{covered[: LONGEST - 1]}…"


def _cut(items: Sequence[Json]) -> list[Json]:
    kept: list[Json] = [*items[:MOST_ENTRIES]]
    return [*kept, f"… {len(items) - MOST_ENTRIES} more"] if len(items) > MOST_ENTRIES else kept


def _port(port: Port) -> str:
    inner = "" if port.container is None else f":{port.container}"
    return f"{port.host}{inner}/{port.protocol}"


def _mount(mount: Mount) -> str:
    return f"{mount.volume or mount.host_path}:{mount.path}{':ro' if mount.read_only else ''}"


def _limits(info: ContainerInfo) -> dict[str, Json]:
    cpu, memory = info.resources.cpu_millicores, info.resources.memory_bytes
    return dict(_given({"cpu": cpu and cpu_text(cpu), "memory": memory and exact_memory_text(memory)}))


def _health(check: HealthCheck | None, cover: Cover) -> dict[str, Json]:
    if check is None:
        return {}
    return {"command": _words(check.command, cover), "interval_s": check.interval_s, "retries": check.retries}


def _autoscale(wanted: Autoscale | None) -> dict[str, Json]:
    if wanted is None:
        return {}
    return dict(_given({"minimum": wanted.minimum, "maximum": wanted.maximum, "cpu_percent": wanted.cpu_percent}))


def _given(values: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    return ((key, value) for key, value in values.items() if value is not None)
