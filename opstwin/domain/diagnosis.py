"""What a diagnosis is made of: findings with their evidence, and what could not be told. Detectors only look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from opstwin.domain.event import Event
from opstwin.domain.resource import Desired, Observed, Presence
from opstwin.domain.values import Json, ResourceId, TargetId


class Code(StrEnum):
    """What can be found."""

    CRASH_LOOP = "crash_loop"
    OUT_OF_MEMORY = "out_of_memory"
    UNHEALTHY = "unhealthy"
    RESTART_STORM = "restart_storm"
    IMAGE_MISSING = "image_missing"
    PORT_CONFLICT = "port_conflict"
    ORPHANED_VOLUME = "orphaned_volume"
    DRIFT = "drift"
    STALE_OBSERVATION = "stale_observation"
    EXPIRED_APPROVAL = "expired_approval"
    TARGET_AWAY = "target_away"
    HEALING_PAUSED = "healing_paused"
    IMAGE_PULL = "image_pull"
    NOT_STARTED = "not_started"
    CONFIG_MISSING = "config_missing"
    PROBE_FAILS = "probe_fails"
    UNSCHEDULABLE = "unschedulable"
    QUOTA_EXCEEDED = "quota_exceeded"
    WEBHOOK_DOWN = "webhook_down"
    PODS_REFUSED = "pods_refused"
    ROLLOUT_STUCK = "rollout_stuck"
    SERVICE_WITHOUT_PODS = "service_without_pods"
    CLAIM_UNBOUND = "claim_unbound"
    AUTOSCALER_BLIND = "autoscaler_blind"
    AUTOSCALER_AT_MAXIMUM = "autoscaler_at_maximum"
    NODE_NOT_READY = "node_not_ready"
    NODE_UNDER_PRESSURE = "node_under_pressure"
    NAMESPACE_LEAVING = "namespace_leaving"
    EVICTION_BLOCKED = "eviction_blocked"


class Severity(StrEnum):
    """`critical`: it does not work now. `warning`: it works, or seems to, and will not for long. `notice`: tidy up."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTICE = "notice"

    @property
    def rank(self) -> int:
        """0 for critical to 2 for notice."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One fact. `source` says where it stands: `observation`, `desired`, `event 17`, `audit 9`, `plan …`, `log`."""

    fact: str
    value: Json
    source: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clue:
    """One thing found. `words` names the explanation and `values` fill it in; `since` None means nobody knows."""

    code: Code
    severity: Severity
    subject: str
    target: TargetId
    words: str
    since: datetime | None = None
    evidence: tuple[Evidence, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A detector that could not tell: what it would have looked at is unknown, and unknown is not absent."""

    code: Code
    subject: str
    target: TargetId


Verdict = Clue | Doubt | None

LOOPING: Final = 3
"""Deaths by itself within the window, or restarts, that make a crash loop."""

WINDOW: Final = timedelta(minutes=30)
"""How far back deaths count: an engine waits at most a minute between two restarts, and slow crashes take minutes."""

FRESH: Final = timedelta(minutes=5)
"""A container that started so lately and was restarted often is taken for one that goes on crashing."""

STORM: Final = 5
STORM_WINDOW: Final = timedelta(minutes=10)
"""Starts within the window, by somebody else than Opstwin and not after a crash, that make a storm."""

MEMORY_WINDOW: Final = timedelta(hours=24)
"""How long an out-of-memory kill is told of, unless what should be was changed after it."""

_STOP_S: Final = 15.0
"""How long a stop may lie from the death it caused: Docker gives ten seconds of grace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerCase:
    """What is known of one container. `events` are its own of the last day, oldest first.

    `ours` are the spans in which an execution of Opstwin worked on the target. `image_presence` is whether the image
    that it should run is on the target, None where nobody looked; `runs_another` says that it runs another image than
    that. `holders` are others that hold a port it needs.
    """

    id: ResourceId
    target: TargetId
    name: str
    now: datetime
    desired: Desired | None = None
    observed: Observed | None = None
    events: Sequence[Event] = ()
    ours: Sequence[tuple[datetime, datetime]] = ()
    image: str = ""
    image_presence: Presence | None = None
    runs_another: bool = False
    holders: Sequence[tuple[str, ResourceId]] = ()

    @property
    def is_unknown(self) -> bool:
        """Whether nobody can say how it is."""
        return self.observed is None or self.observed.presence is Presence.UNKNOWN

    @property
    def present(self) -> Observed | None:
        """What is there, None where nothing is or nobody can say."""
        seen = self.observed
        return seen if seen is not None and seen.presence is Presence.PRESENT else None

    @property
    def is_wanted(self) -> bool:
        """Whether Opstwin wants it to exist."""
        return self.desired is not None and self.desired.spec is not None

    @property
    def workload(self) -> str:
        """The workload it belongs to, empty where it belongs to none."""
        return (self.desired.workload if self.desired else None) or ""

    def fact(self, name: str) -> Json:
        """One fact of the last observation."""
        return self.observed.facts.get(name) if self.observed is not None else None

    def number(self, name: str) -> int:
        """One fact that is a number, 0 where it is not known."""
        value = self.fact(name)
        return int(value) if isinstance(value, int | float) else 0

    def moment(self, name: str) -> datetime | None:
        """One fact that is a moment."""
        value = self.fact(name)
        try:
            return datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            return None

    def seen(self, name: str) -> Evidence:
        """A fact as evidence."""
        at = self.observed.observed_at if self.observed is not None else None
        return Evidence(fact=name, value=self.fact(name), source="observation", at=at)

    def deaths(self) -> list[Event]:
        """Its deaths within the window that nobody caused: no stop beside them, no execution of ours at the time."""
        stops = [event.at for event in self.events if event.type in ("container.stop", "container.restart")]
        return [
            event for event in self.events
            if event.type == "container.die" and self.now - event.at <= WINDOW and not self.is_ours(event.at)
            and not any(abs((event.at - stop).total_seconds()) <= _STOP_S for stop in stops)
        ]  # fmt: skip

    def starts(self) -> list[Event]:
        """Its starts within the storm window that no execution of ours made."""
        return [
            event for event in self.events
            if event.type == "container.start" and self.now - event.at <= STORM_WINDOW and not self.is_ours(event.at)
        ]  # fmt: skip

    def is_ours(self, at: datetime) -> bool:
        """Whether an execution of Opstwin worked on the target at that moment."""
        return any(begin <= at <= end for begin, end in self.ours)


def told(event: Event, value: Json = None) -> Evidence:
    """An event as evidence."""
    detail = event.details.get("exitCode") if value is None else value
    return Evidence(fact=event.type, value=detail, source=f"event {event.seq}", at=event.at)


def doubt(case: ContainerCase, code: Code) -> Doubt:
    """The verdict of a detector that cannot see the container."""
    return Doubt(code=code, subject=case.id, target=case.target)
