"""Detectors of what is wrong with one container. Pure: each gives a clue, a doubt, or nothing."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from opstwin.domain.diagnosis import (
    FRESH,
    LOOPING,
    MEMORY_WINDOW,
    STORM,
    STORM_WINDOW,
    WINDOW,
    Clue,
    Code,
    ContainerCase,
    Evidence,
    Severity,
    Verdict,
    doubt,
    told,
)
from opstwin.domain.resource import Health, Presence
from opstwin.domain.values import Json

Detector = Callable[[ContainerCase], Verdict]

_SHOWN: Final = 3
"""Events that are shown as evidence of one finding, the newest ones."""

_TAKEN: Final = ("port is already allocated", "address already in use", "address in use")
"""What engines say when a port of the host is held by somebody else (Docker Engine 20 to 29, containerd)."""

_HEALTH_EVENTS: Final = ("resource.health", "container.health_status")


def crash_loop(case: ContainerCase) -> Verdict:
    """Its process ends by itself again and again."""
    if case.is_unknown:
        return doubt(case, Code.CRASH_LOOP)
    if case.present is None:
        return None
    deaths = [event for event in case.deaths() if str(event.details.get("exitCode", "1")) != "0"]
    restarting = case.fact("state") == "restarting"
    if not (restarting or len(deaths) >= LOOPING or _restarted_lately(case)):
        return None
    code = _exit_code(case, deaths[-1].details.get("exitCode") if deaths else None)
    evidence = [case.seen("state"), case.seen("restart_count")]
    evidence += [case.seen("exit_code")] if case.fact("exit_code") is not None else []
    evidence += [case.seen("start_error")] if case.fact("start_error") else []
    return Clue(
        code=Code.CRASH_LOOP, severity=Severity.CRITICAL, subject=case.id, target=case.target,
        words="crash_loop" if code else "crash_loop_silent",
        since=deaths[0].at if deaths else case.moment("finished_at") or case.moment("started_at"),
        evidence=(*evidence, *map(told, deaths[-_SHOWN:])),
        values={
            "name": case.name, "count": str(max(case.number("restart_count"), len(deaths))), "code": code,
            "meaning": _meaning(code),
        },
    )  # fmt: skip


def out_of_memory(case: ContainerCase) -> Verdict:
    """The kernel killed it because it used more memory than its limit."""
    kills = [event for event in case.events if event.type == "container.oom" and _counts(case, event.at)]
    if case.is_unknown and not kills:
        return doubt(case, Code.OUT_OF_MEMORY)
    flagged = case.present is not None and case.fact("oom_killed") is True
    if not (flagged or kills) or (case.present is None and not case.is_unknown):
        return None
    limit = _limit(case)
    evidence = [case.seen("oom_killed")] if flagged else []
    evidence += [case.seen("exit_code")] if case.fact("exit_code") == 137 else []
    evidence += [told(event, "killed") for event in kills[-_SHOWN:]]
    if limit:
        evidence.append(_limit_evidence(case, limit))
    lately = flagged or any(case.now - event.at <= WINDOW for event in kills)
    return Clue(
        code=Code.OUT_OF_MEMORY, severity=Severity.CRITICAL if lately else Severity.WARNING, subject=case.id,
        target=case.target, words="out_of_memory" if limit else "out_of_memory_unlimited",
        since=kills[0].at if kills else case.moment("finished_at"), evidence=tuple(evidence),
        values={"name": case.name, "count": str(max(1, len(kills))), "limit": _mebibytes(limit)},
    )  # fmt: skip


def unhealthy(case: ContainerCase) -> Verdict:
    """It runs, and its health check fails."""
    if case.is_unknown:
        return doubt(case, Code.UNHEALTHY)
    seen = case.present
    if seen is None or seen.health is not Health.UNHEALTHY or case.fact("state") in ("restarting", "paused"):
        return None
    turned = [event for event in case.events if event.type in _HEALTH_EVENTS]
    evidence = [Evidence(fact="health", value=seen.health.value, source="observation", at=seen.observed_at)]
    evidence += [case.seen("health_output")] if case.fact("health_output") else []
    check = (seen.spec or {}).get("health")
    command = check.get("command") if isinstance(check, dict) else None
    evidence += [Evidence(fact="health.command", value=command, source="observation", at=seen.observed_at)]
    return Clue(
        code=Code.UNHEALTHY, severity=Severity.CRITICAL, subject=case.id, target=case.target, words="unhealthy",
        since=turned[-1].at if turned else None, values={"name": case.name},
        evidence=tuple(item for item in evidence if item.value is not None),
    )  # fmt: skip


def restart_storm(case: ContainerCase) -> Verdict:
    """Somebody or something outside of Opstwin starts it again and again, though it does not crash."""
    if case.is_unknown:
        return doubt(case, Code.RESTART_STORM)
    starts = case.starts()
    if case.present is None or len(starts) < STORM or len(case.deaths()) >= LOOPING:
        return None
    return Clue(
        code=Code.RESTART_STORM, severity=Severity.WARNING, subject=case.id, target=case.target,
        words="restart_storm", since=starts[0].at,
        evidence=tuple(told(event, "started") for event in starts[-_SHOWN:]),
        values={"name": case.name, "count": str(len(starts)), "minutes": _minutes(STORM_WINDOW.total_seconds())},
    )  # fmt: skip


def image_missing(case: ContainerCase) -> Verdict:
    """The image that it should run is not on its target."""
    if not case.is_wanted or not case.image:
        return None
    if case.image_presence in (None, Presence.UNKNOWN):
        return doubt(case, Code.IMAGE_MISSING)
    if case.image_presence is Presence.PRESENT:
        return None
    runs = case.present is not None and case.present.health not in (Health.STOPPED, Health.UNKNOWN)
    at = case.observed.observed_at if case.observed is not None else None
    assert case.desired is not None
    of_running = "image_missing_wanted" if case.runs_another else "image_missing_runs"
    return Clue(
        code=Code.IMAGE_MISSING, severity=Severity.NOTICE if runs else Severity.CRITICAL, subject=case.id,
        target=case.target, words=of_running if runs else "image_missing", since=None,
        evidence=(
            Evidence(fact="image", value=case.image, source="desired", at=case.desired.set_at),
            Evidence(fact="image on target", value="absent", source="observation", at=at),
        ),
        values={"name": case.name, "image": case.image, "target": case.target},
    )  # fmt: skip


def port_conflict(case: ContainerCase) -> Verdict:
    """A port of the host that it needs is held by somebody else."""
    if case.is_unknown:
        return doubt(case, Code.PORT_CONFLICT)
    error = case.fact("start_error")
    said = isinstance(error, str) and any(words in error.lower() for words in _TAKEN)
    runs = case.present is not None and case.present.health not in (Health.STOPPED, Health.UNKNOWN)
    if runs or not (said or case.holders):
        return None
    at = case.observed.observed_at if case.observed is not None else None
    evidence = [
        Evidence(fact=f"port {port}", value=holder, source="observation", at=at) for port, holder in case.holders
    ]
    evidence += [case.seen("start_error")] if said else []
    held = case.holders[0] if case.holders else ("", "")
    return Clue(
        code=Code.PORT_CONFLICT, severity=Severity.CRITICAL, subject=case.id, target=case.target,
        words="port_conflict" if case.holders else "port_conflict_outside", since=case.moment("created_at"),
        evidence=tuple(evidence), values={"name": case.name, "port": held[0], "holder": held[1].rpartition("/")[2]},
    )  # fmt: skip


DETECTORS: Final[Sequence[Detector]] = (
    crash_loop, out_of_memory, unhealthy, restart_storm, image_missing, port_conflict,
)  # fmt: skip


def _restarted_lately(case: ContainerCase) -> bool:
    started_at = case.moment("started_at")
    often = case.number("restart_count") >= LOOPING
    return often and started_at is not None and case.now - started_at <= FRESH


def _exit_code(case: ContainerCase, told_code: Json) -> str:
    known = case.fact("exit_code")
    code = told_code if known in (None, 0) and told_code is not None else known
    return "" if code is None else str(code)


def _meaning(code: str) -> str:
    """What the shells and engines use an exit code for (`man bash`, EXIT STATUS; 128 + signal)."""
    known = {"126": " (cannot be executed)", "127": " (program not found)", "137": " (SIGKILL)", "139": " (SIGSEGV)",
             "143": " (SIGTERM)"}  # fmt: skip
    return known.get(code, "")


def _counts(case: ContainerCase, at: datetime) -> bool:
    """Whether a kill still says something: lately, and not before what should be was last changed."""
    changed_at = case.desired.set_at if case.desired is not None else None
    return case.now - at <= MEMORY_WINDOW and (changed_at is None or at >= changed_at)


def _limit(case: ContainerCase) -> int:
    spec = (case.present.spec if case.present else None) or (case.desired.spec if case.desired else None) or {}
    value = spec.get("memory_bytes")
    return int(value) if isinstance(value, int) else 0


def _limit_evidence(case: ContainerCase, limit: int) -> Evidence:
    if case.present is not None:
        return Evidence(fact="memory_bytes", value=limit, source="observation", at=case.present.observed_at)
    return Evidence(fact="memory_bytes", value=limit, source="desired")


def _mebibytes(value: int) -> str:
    return f"{value / (1 << 20):.0f} MiB" if value else ""


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f}"
