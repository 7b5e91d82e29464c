"""A world: one simulated engine with its clock, its faults and, where asked for, its file."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from opstwin.clock import Clock, VirtualClock
from opstwin.domain.values import Digest, Json, digest_of, to_json
from opstwin.targets.sim import engine
from opstwin.targets.sim.bell import Bell
from opstwin.targets.sim.engine import Moment
from opstwin.targets.sim.faults import FaultPlan
from opstwin.targets.sim.keeping import WorldFile
from opstwin.targets.sim.life import restarts_after
from opstwin.targets.sim.state import (
    MAX_LINES,
    Container,
    Effect,
    Happening,
    Image,
    Line,
    State,
    digest_for,
    happened,
    kept,
)
from opstwin.targets.specs import full_image_name

T = TypeVar("T")
Snapshot = State
_READINGS: Final = 10
_CLOSE_S: Final = 0.0005
"""The two clocks are read together when this little time passes; a reading takes about a microsecond."""


class World:
    """Holds what is on one simulated engine, and lets things happen to it behind Opstwin's back.

    With `path` the world is kept in that file, durably with each effect, and shared with every process that opens it;
    without, it lives in memory. The same seed, clock and calls give the same ids, moments and history.
    """

    def __init__(self, path: Path | None = None, *, clock: Clock | None = None, seed: int = 0) -> None:
        self.faults = FaultPlan()
        self.bell = Bell()
        self.latency_s = 0.0
        self._file = WorldFile(path) if path is not None else None
        self._thread_lock = threading.RLock()
        kept_state = self._file.newer() if self._file else None
        self.clock: Clock = clock or VirtualClock()
        self._state = kept_state or State(seed=seed, at=self.clock.now())
        self._earlier = self._state
        self.is_fresh = kept_state is None
        self._begin_time()

    @property
    def is_kept(self) -> bool:
        """Whether a file holds this world, so that a change waits for the disk."""
        return self._file is not None

    @property
    def state(self) -> State:
        """Everything as it is now."""
        with self._thread_lock:
            self._refresh()
            return self._state

    @property
    def earlier(self) -> State:
        """Everything as it was before the last change: what a stale read shows."""
        return self._earlier

    @property
    def effects(self) -> tuple[Effect, ...]:
        """What writers really did, in order."""
        return self.state.effects

    @property
    def events(self) -> tuple[Happening, ...]:
        """The event history, in order."""
        return self.state.events

    def live_by(self, clock: Clock) -> None:
        """Go on by another clock."""
        if clock is not self.clock:
            self.clock = clock
            self._begin_time()

    def now(self) -> datetime:
        """The moment in this world. It never goes back, whatever is done to the wall clock."""
        return self._began_at + timedelta(seconds=self.clock.monotonic_s() - self._began_s)

    def _begin_time(self) -> None:
        # A process that is held up between the two readings would live at another time than all others for good.
        for _ in range(_READINGS):
            self._began_s, self._began_at = self.clock.monotonic_s(), max(self.clock.now(), self._state.at)
            if self.clock.monotonic_s() - self._began_s < _CLOSE_S:
                return

    def change(self, step: Callable[[Moment], tuple[State, T]]) -> T:
        """Make one step and keep its outcome before returning; an error in `step` changes nothing."""
        with self._exclusive():
            state, result = step(Moment(self._state, self.now()))
            if state is not self._state:
                self._become(replace(state, at=self.now()))
        return result

    def snapshot(self) -> Snapshot:
        """The world at this moment, for `restore`."""
        return self.state

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot; the clock goes on."""
        with self._exclusive():
            self._become(snapshot)

    def begin_as(self, snapshot: Snapshot) -> None:
        """Begin with what a snapshot holds, unless somebody who opened the same file was quicker."""
        with self._exclusive():
            if self.is_fresh and not self._state.event_count and not self._state.images:
                self._become(snapshot)

    def branch(self) -> "World":
        """A second world in memory that goes its own way from here, with a clock of its own and no faults."""
        other = World(clock=VirtualClock(self.now()))
        other._state = other._earlier = self.state
        return other

    def digest(self) -> Digest:
        """One value for everything in the world: equal worlds have equal digests."""
        return digest_of(to_json(self.state))

    def image(
        self,
        name: str,
        *,
        exposed: tuple[int, ...] = (),
        healthy: bool = True,
        exits: int | None = None,
        start_s: float = 0.0,
    ) -> Image:
        """Bring an image to the engine and declare how its containers behave; see `Image`."""
        full = full_image_name(name)

        def step(at: Moment) -> tuple[State, Image]:
            image = Image(
                name=full, digest=digest_for(at.state, full), exposed=exposed, healthy=healthy, exits=exits,
                start_s=start_s,
            )  # fmt: skip
            return replace(at.state, images={**at.state.images, full: image}), image

        return self.change(step)

    def forget_image(self, name: str) -> None:
        """Remove an image from the engine."""
        full = full_image_name(name)
        self._do(lambda at: replace(at.state, images={k: v for k, v in at.state.images.items() if k != full}))

    def run(self, name: str, image: str, **fields: Json) -> None:
        """Somebody starts a container by hand; `fields` are those of a container spec."""
        self._do(lambda at: engine.create_container(at, name, {"image": image, **fields}, None))

    def volume(self, name: str) -> None:
        """Somebody makes a volume by hand."""
        self._do(lambda at: engine.create_store(at, "volume", name, {}, None))

    def network(self, name: str) -> None:
        """Somebody makes a network by hand."""
        self._do(lambda at: engine.create_store(at, "network", name, {}, None))

    def remove(self, name: str, kind: str = "container") -> None:
        """Somebody removes a container (running or not), or with `kind` a volume or network."""
        if kind == "container":
            self._do(lambda at: engine.remove_container(at, name))
        else:
            self._do(lambda at: engine.remove_store(at, kind, name))

    def edit(self, name: str, **fields: Json) -> None:
        """Somebody changes a container by hand; `running` starts or stops it."""
        self._do(lambda at: engine.update_container(at, name, fields))

    def kill(self, name: str, code: int = 137, *, out_of_memory: bool = False) -> None:
        """A container's process ends with `code`; the engine starts it again where its restart policy says so."""

        def step(at: Moment) -> State:
            told = happened(at.state, at.now, "container", name, "oom") if out_of_memory else at.state
            stopped = engine.stop_container(Moment(told, at.now), name, code)
            found = replace(engine.container(stopped, name), oom_killed=out_of_memory)
            if not restarts_after(found.spec["restart"], code):
                return engine.with_container(stopped, found)
            counted = replace(found, restart_count=found.restart_count + 1)
            return engine.start_container(Moment(engine.with_container(stopped, counted), at.now), name)

        self._do(step)

    def ail(self, name: str, ill: bool | None = True) -> None:
        """A container's health check begins to fail; with False to pass, with None to follow its image again."""
        self._alter(name, lambda found: replace(found, ill=ill))

    def say(self, name: str, text: str, stream: str = "stdout") -> None:
        """A container writes a line."""
        line = Line(at=self.now(), stream=stream, text=text)
        self._alter(name, lambda found: replace(found, lines=kept(found.lines, line, MAX_LINES)))

    def use(self, name: str, *, cpu_millicores: float, memory_bytes: int) -> None:
        """From now on a container uses this much."""
        self._alter(name, lambda found: replace(found, cpu_millicores=cpu_millicores, memory_bytes=memory_bytes))

    def occupy(self, *ports: int) -> None:
        """Programs of the host take ports."""
        self._do(lambda at: replace(at.state, busy_ports=tuple(sorted({*at.state.busy_ports, *ports}))))

    def containers(self) -> Mapping[str, Container]:
        """The containers by name."""
        return self.state.containers

    def _alter(self, name: str, alter: Callable[[Container], Container]) -> None:
        self._do(lambda at: engine.with_container(at.state, alter(engine.container(at.state, name))))

    def _do(self, step: Callable[[Moment], State]) -> None:
        self.change(lambda at: (step(at), None))

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        with self._thread_lock:
            if self._file is None:
                yield
                return
            with self._file.exclusive():
                self._refresh()
                yield

    def _refresh(self) -> None:
        newer = self._file.newer() if self._file else None
        if newer is not None:
            self._earlier, self._state = self._state, newer

    def _become(self, state: State) -> None:
        if self._file is not None:
            self._file.save(state)
        self._earlier, self._state = self._state, state
        self.bell.ring()
