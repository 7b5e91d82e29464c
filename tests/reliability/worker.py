"""A worker process on a twin that others share, which can be stopped in its tracks.

    python -m tests.reliability.worker URL FOLDER OWNER STOP_AT [EXECUTION]

FOLDER holds one world per target. With EXECUTION it drives that one; when it comes to the boundary STOP_AT it stops
itself (SIGSTOP) until somebody lets it go on. Without, it works like a hub's worker until nothing is open. It prints
one JSON: how it ended, and what the targets refused.
"""

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opstwin.clock import SystemClock
from opstwin.control.applying import ApplySettings
from opstwin.control.journal import LeaseLost
from opstwin.control.verifying import Patience
from opstwin.domain.execution import FINISHED, Execution
from opstwin.domain.target import Target
from opstwin.errors import OpstwinError, Rejected
from opstwin.targets.ports import Order, Sighting, Writer
from opstwin.targets.sim.world import World
from opstwin.twin.opening import open_store
from tests.crashing import Boundaries, MortalPlaces, MortalStore, MortalWriter
from tests.rig import Rig, SimPlaces

LEASE_S = 1.5
SETTINGS = ApplySettings(
    step_s=LEASE_S / 2, lease_s=LEASE_S / 2, patience=Patience(hold_s=0.3, timeout_s=10, poll_s=0.1)
)


@dataclass
class Stopping(Boundaries):
    """Stops this process when the boundary of this name is passed for the first time."""

    name: str = ""

    def cross(self, what: str) -> None:
        self.passed.append(what)
        if what == self.name and self.passed.count(what) == 1:
            os.kill(os.getpid(), signal.SIGSTOP)


@dataclass
class Noting(MortalWriter):
    """A writer that keeps what its target refused."""

    refused: list[str] = field(default_factory=list)

    async def apply(self, order: Order) -> Sighting:
        try:
            return await super().apply(order)
        except Rejected as refusal:
            self.refused.append(refusal.message)
            raise


@dataclass
class NotingPlaces(MortalPlaces):
    """Places whose writers keep what was refused, all in one list."""

    refused: list[str] = field(default_factory=list)

    def writer(self, target: Target) -> Writer:
        return Noting(self.inner.writer(target), self.at, self.refused)  # type: ignore[attr-defined]


async def rig_on(url: str, folder: Path, owner: str, stop_at: str = "") -> Rig:
    """Everything of a hub below its faces, on the shared twin and worlds."""
    at, clock = Stopping(name=stop_at), SystemClock()
    worlds = {path.stem: World(path, clock=clock) for path in sorted(folder.glob("*.json"))}
    places: Any = NotingPlaces(SimPlaces(worlds, clock), at)  # type: ignore[arg-type]
    store: Any = MortalStore(await open_store(url), at)
    return Rig(store=store, clock=clock, owner=owner, seed=os.getpid(), places=places, settings=SETTINGS)  # type: ignore[arg-type]


async def drive(rig: Rig, execution_id: str) -> str:
    """Drive one execution; returns how that ended."""
    try:
        return str((await rig.applier.run(execution_id)).state.value)
    except (LeaseLost, OpstwinError) as error:
        return type(error).__name__


async def drive_all(rig: Rig) -> str:
    """Work until nothing is open."""
    working = asyncio.create_task(rig.worker.run())
    while any(item.state not in FINISHED for item in await rig.ledger.all(Execution)):
        await rig.store.wait(2**62, 0.2)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return "nothing is open"


async def main(url: str, folder: str, owner: str, stop_at: str, execution_id: str = "") -> None:
    rig = await rig_on(url, Path(folder), owner, stop_at)
    ended = await (drive(rig, execution_id) if execution_id else drive_all(rig))
    await rig.store.close()
    refused = rig.places.refused  # type: ignore[union-attr]
    print(json.dumps({"ended": ended, "refused": refused}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
