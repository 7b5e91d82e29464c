"""The ports of a driver: read a target, render workloads for it, and do one journalled step on it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from opstwin.domain.diff import FieldChange
from opstwin.domain.plan import Change
from opstwin.domain.resource import Health, Presence
from opstwin.domain.values import Json, ResourceId, Spec
from opstwin.domain.workload import Workload

ALL_OF_A_KIND: Final = "*"
"""The name in a sighting that stands for all resources of a kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetInfo:
    """What a target says of itself. `identity` is stable over restarts (for Docker the engine's id)."""

    identity: str
    version: str
    details: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One resource as the target shows it now, in the same spec form as the driver renders.

    `presence` is `unknown` when the target did not say (and then `error` says why); it is never `absent` by default.
    Values of secrets are not in `spec`: a variable that came from a reference shows the reference, and a
    secret-looking value of a container that Opstwin did not make is masked.
    """

    resource: ResourceId
    kind: str
    name: str
    presence: Presence
    spec: Spec | None = None
    facts: Mapping[str, Json] = field(default_factory=dict)
    health: Health = Health.NONE
    managed: bool = False
    links: tuple[tuple[str, ResourceId], ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEvent:
    """Something happened to a resource: it is worth observing again. `gap` says that events may have been missed."""

    resource: ResourceId | None
    type: str
    at: datetime
    details: Mapping[str, Json] = field(default_factory=dict)
    gap: bool = False


HUB: Final = "hub"
"""The stream of what the hub itself says of a log, such as that a secret in it may stand there bare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line a resource wrote; `text` is data from the world and never an instruction."""

    at: datetime | None
    stream: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReading:
    """What one resource uses now.

    `throttled_periods` is how often its CPU limit held it back since it began; None where the target does not say.
    """

    at: datetime
    cpu_millicores: float
    memory_bytes: int
    throttled_periods: int | None = None


class Reader(Protocol):
    """Reads one target; changes nothing."""

    async def info(self) -> TargetInfo:
        """Who the target is. Raises `Unreachable` or `Timeout` when it does not say."""
        ...

    async def discover(self) -> Sequence[Sighting]:
        """Everything of the kinds this driver knows. Complete, or it raises `TargetError`; never a silent part.

        A kind that this account may not list is told by one sighting named `*`, unknown, that says why: what is known
        of that kind is then unknown too, and not gone.
        """
        ...

    async def observe(self, resource: ResourceId) -> Sighting:
        """One resource now: present or absent by positive evidence, else `unknown`. Does not raise `TargetError`."""
        ...

    def watch(self) -> AsyncIterator[TargetEvent]:
        """Events as they happen, reconnecting by itself; the first event after a (re)connection has `gap` set."""
        ...

    def logs(self, resource: ResourceId, *, tail: int, follow: bool) -> AsyncIterator[LogLine]:
        """The last `tail` lines, then, with `follow`, new ones as they come. Raises `NotFound` or `TargetError`."""
        ...

    async def usage(self, resource: ResourceId) -> UsageReading:
        """CPU and memory now. Raises `NotFound` or `TargetError`."""
        ...


@runtime_checkable
class UsageOfMany(Protocol):
    """Beside `Reader`, where one answer of the target tells of all that runs there: it is asked once a round."""

    async def usage_of_many(self, resources: Sequence[ResourceId]) -> Mapping[ResourceId, UsageReading]:
        """Those of the resources that are measured. Raises `TargetError` when the target does not say."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What the hub's credentials may do with one kind of thing, of all that Opstwin does with it, and what they lack.

    `what` is named as the target names it (`deployments.apps`, `pods/log`); `namespace` is empty for the whole target.
    """

    what: str
    namespace: str
    may: tuple[str, ...]
    lacks: tuple[str, ...]


@runtime_checkable
class Permitting(Protocol):
    """Beside `Reader`, where a target can be asked what the hub's credentials may do."""

    async def permitted(self) -> Sequence[Permission]:
        """Kind by kind. Raises `TargetError` when the target does not say."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One resource of a workload as it should be; `needs` are resources that must be there before."""

    resource: ResourceId
    kind: str
    name: str
    spec: Spec
    needs: tuple[ResourceId, ...] = ()


class Renderer(Protocol):
    """What a driver knows without touching its target. Pure."""

    def render(self, workload: Workload) -> Sequence[Rendered]:
        """The resources of a workload. Raises `InvalidInput` for what this kind of target cannot do, with the field."""
        ...

    def must_replace(self, kind: str, before: Spec, after: Spec) -> tuple[str, ...]:
        """The fields (dotted) whose difference forces a replace; empty when the change can be made in place."""
        ...

    def comparable(self, kind: str, spec: Spec) -> Spec:
        """`spec` without what cannot be compared, so that desired and observed of one thing are equal."""
        ...

    def difference(self, kind: str, wanted: Spec, found: Spec) -> tuple[FieldChange, ...]:
        """What has to happen to `wanted` so that it says what is `found`; empty when what is there is as wanted.

        Where a target fills in what nobody asked for, only what `wanted` says, and what Opstwin itself has set before,
        is compared. The paths are those of `wanted`, so that `apply(wanted, difference)` is what is there of it.
        """
        ...

    def checked(self, kind: str, name: str, spec: Spec) -> Spec:
        """`spec` in the form that is kept as desired. Raises `InvalidInput` naming the field for what is wrong."""
        ...

    def verdict_s(self, kind: str, spec: Spec) -> float:
        """How long, in seconds, the target itself may take to say whether a resource with this spec does well."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One step for a `Writer`.

    `key` is the same for every try of one step: a writer that finds its key on the resource has done it already.
    `fence` is the execution's fencing token: a writer refuses (`Rejected`) one lower than the highest it has seen.
    `found` is the spec captured just before the step was journalled.
    """

    change: Change
    key: str
    fence: int
    deadline_s: float
    found: Spec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """What a command ended with; each stream is cut at the limit given.

    `stopped` says why it did not end by itself, and is empty when it did: `time` (its time was over), `output` (it
    wrote far more than anybody reads) or `memory`. What was stopped is gone, with everything that it had started.
    """

    exit_code: int
    stdout: str
    stderr: str
    truncated: bool = False
    stopped: str = ""


class Writer(Protocol):
    """Does things to one target. Only `opstwin.control.applying` is ever given one."""

    async def apply(self, order: Order) -> Sighting:
        """Make one change and return what is there afterwards.

        Idempotent by `order.key`: repeating after a crash or a lost reply converges and has one effect. Raises
        `Rejected` (permanent), `Unreachable` (nothing was done) or `Timeout` (outcome unknown: observe first).
        """
        ...

    async def exec(
        self, resource: ResourceId, argv: Sequence[str], *, timeout_s: float, limit_bytes: int
    ) -> ExecResult:
        """Run a command without a shell inside a container, or on a host; `limit_bytes` are kept of each stream.

        When its time is over, or the caller is cancelled, it is ended with everything that it started before this
        returns. Raises `NotFound`, `Rejected` or `Unreachable` when nothing was run, and `Timeout` when it may have
        run, or may run still.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a target says to one change before it is made.

    `defaults` are the fields that the target would fill in by itself, `warnings` its own words. `conflicts`
    name an owner and a field (dotted) that this owner holds. `refused` is why the target would not take the change,
    empty when it would; `next_step` then says what to do, where the target knows it.
    """

    resource: ResourceId
    defaults: tuple[FieldChange, ...] = ()
    warnings: tuple[str, ...] = ()
    conflicts: tuple[tuple[str, str], ...] = ()
    refused: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a cluster is: its release, such as `1.29`, and the pairs of API version and kind that it serves."""

    release: str
    kinds: frozenset[tuple[str, str]]


class Previewer(Protocol):
    """Asks a target what manifests stand for there and what a change would do. Nothing is changed by it."""

    async def placed(self, manifests: Sequence[Spec]) -> Sequence[Rendered]:
        """The resources that manifests stand for on this target, in that order, with id, kind and namespace filled in.

        Raises `InvalidInput` naming the manifest for a kind that the target does not serve, and `Unreachable` or
        `Timeout` when the target did not say.
        """
        ...

    async def facts(self) -> Facts:
        """What the target is, for checks that need no call. Raises `Unreachable` or `Timeout`."""
        ...

    async def preview(self, changes: Sequence[Change]) -> Sequence[Preview]:
        """One answer for each change, in that order, as if those before it had been made.

        Raises `Forbidden` when the hub's credentials may not make one of them, or could not undo it (it names the verb
        and the kind), and `Unreachable` or `Timeout` when the target did not say.
        """
        ...


@dataclass(frozen=True, slots=True)
class Driver:
    """What is built for one target. `writer` is handed on to `control/applying.py` and to nothing else.

    `previewer` is None where the target cannot be asked beforehand.
    """

    reader: Reader
    renderer: Renderer
    writer: Writer
    previewer: Previewer | None = None
