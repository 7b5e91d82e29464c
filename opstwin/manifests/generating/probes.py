"""Probes: from the health check, else from what is known of the image, else from the first port."""

import shlex
from collections.abc import Sequence
from math import ceil
from typing import Final
from urllib.parse import urlsplit

from opstwin.domain.values import Json
from opstwin.domain.workload import HealthCheck
from opstwin.manifests.generating.environment import words_hold_secret
from opstwin.manifests.generating.images import Known
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.ports import port_name
from opstwin.manifests.generating.results import Level, Notes

LIVENESS_PATIENCE: Final = 2
"""A restart is worse than a pause, so liveness waits for twice as many failures as readiness."""

_KNOWN_CHECK: Final = HealthCheck(command=("true",), interval_s=10, timeout_s=5, retries=3, start_period_s=60)
_SHELLS: Final = frozenset({"sh", "/bin/sh", "bash", "/bin/bash"})
_HERE: Final = frozenset({"localhost", "127.0.0.1", "[::1]", "0.0.0.0"})  # noqa: S104 - the words of a check
_QUIET: Final = frozenset({
    "-f", "--fail", "-s", "--silent", "-S", "--show-error", "-q", "-sf", "-fs", "-fsS", "-sSf", "-fSs", "-sfS", "-qO-",
    "--spider", "-L", "-fsSL", "-k", "--insecure", "--no-verbose", "-nv", "--quiet", "--no-check-certificate",
    "-O-", "-O/dev/null",
})  # fmt: skip
"""Options of curl and wget that change nothing about whether the answer counts as good."""

_FAILS: Final = frozenset({"-f", "--fail", "-sf", "-fs", "-fsS", "-sSf", "-fSs", "-sfS", "-fsSL"})
"""Without one of these curl ends well whatever the answer says, which no HTTP probe does."""

_WITH_VALUE: Final = frozenset({"-o", "--output", "-O", "-m", "--max-time", "-T", "--timeout", "--tries", "-t", "-w"})
_PASSES: Final = ("|| exit 1", "|| exit", "|| false", "> /dev/null", ">/dev/null", "2>&1", "2>/dev/null")


def probes_of(info: ContainerInfo, known: Known | None, drafted: frozenset[str], notes: Notes) -> dict[str, Json]:
    """The fields `startupProbe`, `readinessProbe` and `livenessProbe`, as far as there is something to ask.

    `drafted` is that of `GenerateOptions`.
    """
    if info.health is not None:
        if not words_hold_secret(info.health.command):
            return _of_check(info, info.health, "draft" if "probe" in drafted else "health check", notes)
        notes.find("health_secret", Level.LOST, "health.command")
    if known is not None and known.probe:
        return _of_action({"exec": {"command": [*known.probe]}}, _KNOWN_CHECK, "image", notes)
    if info.ports:
        return _of_port(info, notes)
    notes.find("no_probe", Level.ADVICE, "health")
    return {}


def _of_check(info: ContainerInfo, check: HealthCheck, source: str, notes: Notes) -> dict[str, Json]:
    action = action_of(info, check.command)
    if "exec" not in action:
        path = next(iter(action))
        notes.why(f"readinessProbe.{path}", action[path], "probe_native", source)
    return _of_action(action, check, source, notes)


def _of_action(action: dict[str, Json], check: HealthCheck, source: str, notes: Notes) -> dict[str, Json]:
    period = max(1, round(check.interval_s))
    # The kubelet starts no second check while one runs, and a check may take its whole period.
    timing: dict[str, Json] = {"periodSeconds": period, "timeoutSeconds": max(1, ceil(check.timeout_s))}
    ready: dict[str, Json] = {**action, **timing, "failureThreshold": check.retries}
    alive: dict[str, Json] = {**action, **timing, "failureThreshold": check.retries * LIVENESS_PATIENCE}
    notes.why("readinessProbe", ready, "readiness", source)
    notes.why("livenessProbe", alive, "liveness", source, times=LIVENESS_PATIENCE)
    probes: dict[str, Json] = {"readinessProbe": ready, "livenessProbe": alive}
    if check.start_period_s > 0:
        often = min(period, 5)
        tries = ceil(check.start_period_s / often) + check.retries
        probes["startupProbe"] = {
            **action, "periodSeconds": often, "timeoutSeconds": timing["timeoutSeconds"], "failureThreshold": tries,
        }  # fmt: skip
        notes.why("startupProbe", probes["startupProbe"], "startup", source, seconds=round(check.start_period_s))
    return probes


def _of_port(info: ContainerInfo, notes: Notes) -> dict[str, Json]:
    ready: dict[str, Json] = {
        "tcpSocket": {"port": port_name(info, info.ports[0])},
        "periodSeconds": 10,
        "timeoutSeconds": 3,
        "failureThreshold": 3,
    }
    notes.why("readinessProbe", ready, "port_readiness", "ports", port=info.ports[0])
    notes.find("no_liveness", Level.ADVICE, "health")
    return {"readinessProbe": ready}


def action_of(info: ContainerInfo, command: Sequence[str]) -> dict[str, Json]:
    """The check as the kubelet does it best: an HTTP or TCP request where the command is no more than that."""
    words = _plain_words(command)
    if not words:
        return {"exec": {"command": [*command]}}
    program = words[0].rpartition("/")[2]
    native = None
    if program == "wget" or (program == "curl" and any(word in _FAILS for word in words)):
        native = _http(info, words[1:])
    elif program == "nc":
        native = _tcp(info, words[1:])
    return native or {"exec": {"command": [*command]}}


def _plain_words(command: Sequence[str]) -> list[str]:
    """The words of a command; of a shell text only when the shell adds nothing to them."""
    if len(command) != 3 or command[0] not in _SHELLS or command[1] != "-c":
        return list(command)
    text = command[2]
    for passing in _PASSES:
        text = text.replace(passing, " ")
    if any(char in text for char in "|&;<>$`(){}*?~#\n\\"):
        return []
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _http(info: ContainerInfo, words: Sequence[str]) -> dict[str, Json] | None:
    urls: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in _WITH_VALUE:
            next(rest, "")
        elif word.startswith("-"):
            if word not in _QUIET and word.partition("=")[0] not in _WITH_VALUE:
                return None
        else:
            urls.append(word)
    return _get(info, urls[0]) if len(urls) == 1 else None


def _get(info: ContainerInfo, url: str) -> dict[str, Json] | None:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    host = parts.netloc.rpartition(":")[0] if parts.port else parts.netloc
    # A port that is not listed may be bound to the loopback address, where the kubelet does not reach it.
    if parts.scheme not in ("http", "https") or host not in _HERE or port not in info.ports:
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    get: dict[str, Json] = {"path": path, "port": port_name(info, port)}
    return {"httpGet": {**get, "scheme": "HTTPS"} if parts.scheme == "https" else get}


def _tcp(info: ContainerInfo, words: Sequence[str]) -> dict[str, Json] | None:
    plain = [word for word in words if word not in ("-z", "-v", "-zv", "-vz")]
    if len(plain) != 2 or plain[0] not in _HERE or not plain[1].isascii() or not plain[1].isdigit():
        return None
    port = int(plain[1])
    return {"tcpSocket": {"port": port_name(info, port)}} if port in info.ports else None
