"""A planner that dies where it is told to, for `test_planner_kill.py`.

    python -m tests.reliability.planner_runs FOLDER

For each place at which a conversation is kept, before and after it: one process is killed there (SIGKILL), another
takes the thread up and brings it to its end. It prints what each pair came to, as JSON. The processes are forks, so
that the libraries are loaded once.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from opstwin.agent.checkpoints import FILE, sqlite
from opstwin.agent.conversing import Conversations
from opstwin.clock import VirtualClock
from opstwin.domain.approval import Approval
from opstwin.domain.execution import Execution
from opstwin.domain.plan import Plan, PlanState
from opstwin.targets.sim.world import World
from opstwin.tools.all_tools import REGISTRY
from opstwin.twin.opening import open_store
from tests.interaction.house import House
from tests.interaction.planner_home import Talks

WORDS = "deploy app:1 as web with 2 replicas"
MOST = 60
AWAY_S = 900.0


class Mortal(AsyncSqliteSaver):
    """Dies at the boundary number `fatal`: one before and one after each checkpoint that is kept."""

    fatal = 0
    passed = 0

    def cross(self) -> None:
        self.passed += 1
        if self.passed == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    async def aput(self, *given: Any) -> Any:
        self.cross()
        kept = await super().aput(*given)
        self.cross()
        return kept


async def main(folder: Path, fatal: int) -> dict[str, Any]:
    """Bring the conversation to its end, or die on the way."""
    store = await open_store(f"sqlite:///{folder / 'twin.db'}")
    house = House(folder, store=store, world=World(folder / "world.json", clock=VirtualClock()), seed=os.getpid())
    if await store.get(Plan, "none") is None and not (folder / "furnished").exists():
        await house.furnish()
        (folder / "furnished").write_text(json.dumps(house.tokens))
    else:
        # The dead process's leases run out; a virtual clock does not go on between processes.
        house.clock.advance(AWAY_S)
    house.tokens = json.loads((folder / "furnished").read_text())

    @asynccontextmanager
    async def opener() -> AsyncIterator[Mortal]:
        async with sqlite(folder / FILE) as kept:
            mortal = Mortal(kept.conn, serde=kept.serde)  # type: ignore[attr-defined]
            mortal.fatal = fatal
            yield mortal

    talk = Conversations(services=house.services, registry=REGISTRY, opener=opener)
    talks = Talks(house, talk)
    waited: list[str] = []
    outcome = ""
    try:
        await house.hub.worker.recover(sole=True)
        while outcome != "applied":
            outcome = await _step(talks, waited)
        ledger = house.services.ledger
        plans, executions = await ledger.all(Plan), await ledger.all(Execution)
        return {
            "fatal": fatal, "plans": [[plan.state.value, plan.digest] for plan in plans], "waited": waited,
            "executions": [item.state.value for item in executions],
            "effects": sorted(effect.key.rpartition(".")[2] for effect in house.effects),
            "approvals": len(await ledger.all(Approval)),
        }  # fmt: skip
    finally:
        await talk.close()
        await store.close()


async def _step(talks: Talks, waited: list[str]) -> str:
    """The next thing that a person does who finds the thread as it is."""
    view = await talks.talk.state(talks.thread, await talks.person())
    if not view.next and not view.outcome:
        return (await talks.say(WORDS)).ended.outcome
    if view.waits_for:
        plan = await talks.plan(view.waits_for)
        if plan.state is PlanState.PENDING:
            assert not talks.house.effects
            waited.append(f"{view.digest} {view.expires_at}")
            assert (plan.digest, plan.expires_at.isoformat()) == (view.digest, view.expires_at)
            await talks.decide(plan.id)
    return (await talks.go_on()).ended.outcome


def forked(folder: Path, fatal: int) -> tuple[bool, dict[str, Any]]:
    """Run `main` in a process of its own; whether it was killed, and what it said."""
    out = folder / "said.json"
    child = os.fork()
    if child == 0:
        try:
            out.write_text(json.dumps(asyncio.run(main(folder, fatal))))
        finally:
            os._exit(0 if out.exists() else 1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True, {}
    return False, json.loads(out.read_text()) if out.exists() else {"failed": fatal}


def sweep(folder: Path) -> list[dict[str, Any]]:
    """One kill at each boundary, until a run has fewer of them."""
    found: list[dict[str, Any]] = []
    for fatal in range(1, MOST):
        place = folder / str(fatal)
        place.mkdir()
        killed, said = forked(place, fatal)
        if not killed:
            return found
        _, said = forked(place, 0)
        found.append(said | {"fatal": fatal})
    return found


if __name__ == "__main__":
    print(json.dumps(sweep(Path(sys.argv[1]))))
