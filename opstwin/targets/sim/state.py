"""What a world is at one moment: frozen data, so that a snapshot is one reference and an earlier moment can be kept."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeVar

from opstwin.domain.values import Spec

FORMAT: Final = 1
MAX_EFFECTS: Final = 20_000
MAX_EVENTS: Final = 2_000
MAX_LINES: Final = 1_000
"""How many effects, events, and log lines of one container a world remembers; the oldest go first."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image and how containers of it behave.

    `start_s` is how long it takes to come up. After that it is healthy or not; with `exits` it ends, with that code.
    """

    name: str
    digest: str
    exposed: tuple[int, ...] = ()
    healthy: bool = True
    exits: int | None = None
    start_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What Opstwin leaves on a resource that it made: the workload, the step's key and the fencing token."""

    workload: str | None
    step: str
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line that a container wrote."""

    at: datetime
    stream: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container. `spec` is the full form; its `running` says whether somebody wants it to run.

    `ill` overrules the image's health. `mark` is None for a container that Opstwin did not make; `step` is the key of
    the last step that touched it.
    """

    name: str
    id: str
    spec: Spec
    mark: Mark | None
    step: str = ""
    created_at: datetime
    started_at: datetime | None = None
    exit_code: int | None = None
    restart_count: int = 0
    oom_killed: bool = False
    ill: bool | None = None
    lines: tuple[Line, ...] = ()
    cpu_millicores: float | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One volume or network."""

    name: str
    id: str
    spec: Spec
    mark: Mark | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing that a writer really did; no-ops and refusals leave none."""

    seq: int
    at: datetime
    key: str
    op: str
    resource: str
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One entry of the event history; `type` is like `container.die`."""

    seq: int
    at: datetime
    kind: str
    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything in a world. `fences` holds the highest token seen of each execution."""

    format: int = FORMAT
    seed: int = 0
    at: datetime
    counter: int = 0
    images: Mapping[str, Image] = field(default_factory=dict)
    containers: Mapping[str, Container] = field(default_factory=dict)
    volumes: Mapping[str, Store] = field(default_factory=dict)
    networks: Mapping[str, Store] = field(default_factory=dict)
    busy_ports: tuple[int, ...] = ()
    fences: Mapping[str, int] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()
    effect_count: int = 0
    events: tuple[Happening, ...] = ()
    event_count: int = 0

    @property
    def identity(self) -> str:
        """What this engine calls itself: the same for the same seed."""
        return "sim-" + _hex(self.seed, "engine")[:12]


def new_id(state: State) -> tuple[State, str]:
    """A 64-digit id that depends on the seed and on how many were made before, and on nothing else."""
    return replace(state, counter=state.counter + 1), _hex(state.seed, str(state.counter))


def digest_for(state: State, name: str) -> str:
    """The digest of an image: the same for the same seed and name."""
    return "sha256:" + _hex(state.seed, f"image {name}")


def happened(state: State, at: datetime, kind: str, name: str, action: str) -> State:
    """`state` with one more event."""
    event = Happening(seq=state.event_count + 1, at=at, kind=kind, name=name, type=f"{kind}.{action}")
    return replace(state, events=kept(state.events, event, MAX_EVENTS), event_count=event.seq)


def kept(items: Sequence[T], new: T, limit: int) -> tuple[T, ...]:
    """`items` and `new`, without the oldest above `limit`."""
    return (*items[-(limit - 1) :], new)


def _hex(seed: int, text: str) -> str:
    return hashlib.sha256(f"{seed}/{text}".encode()).hexdigest()
