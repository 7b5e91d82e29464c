"""A planner that dies where it is told to, for `test_planner_kill.py`.

    python -m tests.reliability.planner_runs FOLDER STORY [POSTGRESQL [EVERY]]

For each place at which a conversation is kept, before and after it: one process is killed there (SIGKILL), another
takes the thread up and brings it to its end. It prints what each pair came to, as JSON, behind what comes of it when
nobody dies. The twin and the conversations are in files of the folder, or in databases of the server behind the URL.
The processes are forks, so that the libraries are loaded once; all begin on copies of one furnished hub.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from opstwin.agent.checkpoints import FILE, postgres, sqlite
from opstwin.agent.conversing import Conversations
from opstwin.agent.graph import WAITS
from opstwin.agent.models.port import LanguageModel, ModelReply, ModelRequest, Role
from opstwin.agent.models.scripted import ScriptedModel, call, calling
from opstwin.clock import VirtualClock
from opstwin.domain.approval import Approval
from opstwin.domain.execution import Execution
from opstwin.domain.plan import Plan, PlanState
from opstwin.targets.sim.world import World
from opstwin.tools.all_tools import REGISTRY
from opstwin.twin.opening import open_store
from tests.interaction.house import House
from tests.interaction.planner_home import Heard, Talks
from tests.reliability.record import leaves

DECIDE = "(decide)"
"""In a story: a person approves the plan that waits, and goes on."""

MOST = 400
AWAY_S = 900.0
NO_PLACE = 0
_ID = re.compile(r"\bexec_\w+")
DEPLOY = "deploy app:1 as web with 2 replicas"


@dataclass(frozen=True)
class Tale:
    """What a person says and decides, one after the other. `stands`: web and api run already.

    `few` says at which places it dies, see `Boundaries`; `every` that the test takes only each so manieth of them.
    """

    acts: Sequence[str]
    stands: bool = False
    model: Callable[[ModelRequest], ModelReply | str] | None = None
    few: bool = True
    every: int = 1


def proposing(request: ModelRequest) -> ModelReply:
    """Look once, then propose what was asked: the same in every process."""
    rounds = sum(message.role is Role.ASSISTANT for message in request.messages)
    return calling(call("twin_query")) if rounds == 0 else calling(call("plan_create", words=DEPLOY))


def answering(request: ModelRequest) -> ModelReply | str:
    """Diagnose once, then say so; a change is proposed."""
    if "scale" in request.messages[-1].text:
        return calling(call("plan_create", words="scale web to 3"))
    rounds = sum(message.role is Role.TOOL for message in request.messages)
    return calling(call("diagnose")) if rounds == 0 else "Nothing is wrong."


QUESTIONS = ("diagnose web", "compare web and api", "what happened last time on web?")
TALES = {
    "deploy": Tale((DEPLOY, DECIDE), few=False, every=3),
    "deploy with a model": Tale((DEPLOY, DECIDE), model=proposing),
    "ask and change": Tale(
        (*QUESTIONS, "scale web to 3", "why 3?", DECIDE, "what is there?", "undo", DECIDE), stands=True, every=3
    ),
    "ask a model": Tale(
        ("is web well?", "scale web to 3", "is web still well?", DECIDE), stands=True, model=answering, every=2
    ),
}


@dataclass
class Boundaries:
    """Counts the places at which something is kept, and dies at one of them.

    They are before and after each checkpoint and behind what a step wrote; with `few` before each checkpoint alone,
    where all that a step did is done, and it has to be done once more or not.
    """

    fatal: int
    few: bool = False
    passed: int = 0

    def cross(self) -> None:
        self.passed += 1
        if self.passed == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, saver: Any) -> Any:
        """The saver with these boundaries."""

        async def aput(*given: Any) -> Any:
            self.cross()
            kept = await type(saver).aput(saver, *given)
            if not self.few:
                self.cross()
            return kept

        async def aput_writes(*given: Any) -> None:
            await type(saver).aput_writes(saver, *given)
            if not self.few:
                self.cross()

        saver.aput, saver.aput_writes = aput, aput_writes
        return saver


@dataclass
class Life:
    """One process of a conversation: the hub as the last one left it."""

    house: House
    talks: Talks
    heard: list[str] = field(default_factory=list)
    waited: list[str] = field(default_factory=list)

    async def live(self, tale: Tale) -> dict[str, Any]:
        """Look at what runs, as a hub does that starts, and do what the story has left; what came of it."""
        await self.house.hub.worker.recover(sole=True)
        await self.house.services.observer.discover("local")
        while (step := await self._next(tale.acts)) is not None:
            heard = await step()
            self.heard += heard.steps
        return await self._found()

    async def _next(self, acts: Sequence[str]) -> Callable[[], Awaitable[Heard]] | None:
        """The next thing that a person does who finds the thread as it is."""
        talks = self.talks
        kept = await (await talks.talk.open())._kept(talks.thread)
        said = str(kept.values.get("words", ""))
        place = acts.index(said) if said in acts else -1
        waits = WAITS in kept.next
        if place >= 0 and kept.tasks and not waits:
            return talks.go_on
        following = acts[place + 1] if place + 1 < len(acts) else None
        if following == DECIDE and waits:
            return lambda: self._decided(str(kept.values["plan_id"]))
        if following == DECIDE:
            following = acts[place + 2] if place + 2 < len(acts) else None
        return None if following is None else lambda: talks.say(following)

    async def _decided(self, plan_id: str) -> Heard:
        talks = self.talks
        plan, view = await talks.plan(plan_id), await talks.talk.state(talks.thread, await talks.person())
        if plan.state is PlanState.PENDING:
            self.waited.append(f"{plan_id} {view.digest} {view.expires_at}")
            assert (plan.digest, plan.expires_at.isoformat()) == (view.digest, view.expires_at)
            assert plan.execution_id is None
            await talks.decide(plan_id)
        return await talks.go_on()

    async def _found(self) -> dict[str, Any]:
        ledger, talks = self.house.services.ledger, self.talks
        plans, executions = await ledger.all(Plan), await ledger.all(Execution)
        view = await talks.talk.state(talks.thread, await talks.person())
        effects = [f"{effect.op} {effect.resource}" for effect in self.house.effects]
        return {
            "end": {
                "plans": sorted(f"{_ID.sub('', plan.request)} {plan.state.value}" for plan in plans),
                "executions": sorted(item.state.value for item in executions), "effects": sorted(effects),
                "approvals": len(await ledger.all(Approval)), "outcome": view.outcome, "next": list(view.next),
                "runs": leaves(self.house.world),
            },
            "waited": self.waited, "steps": self.heard,
        }  # fmt: skip


def _seed() -> int:
    """Ids of one process must not come again in another one."""
    return int.from_bytes(os.urandom(6))


def _lives(folder: Path) -> int:
    """How many processes began here, this one included."""
    marks = folder / "lives"
    with marks.open("a") as lives:
        lives.write(".")
    return len(marks.read_text())


@asynccontextmanager
async def living(folder: Path, url: str, model: LanguageModel | None, at: Boundaries) -> AsyncIterator[Life]:
    """A process on what is there; it dies at `at`."""
    store = await open_store(url)
    house = House(folder, store=store, world=World(folder / "world.json", clock=VirtualClock()), seed=_seed())
    tokens = folder / "tokens.json"
    if tokens.exists():
        house.tokens = json.loads(tokens.read_text())
        # The leases of the process before have run out; a virtual clock does not go on between processes.
        house.clock.advance(AWAY_S * _lives(folder))

    @asynccontextmanager
    async def opener() -> AsyncIterator[Any]:
        place: AbstractAsyncContextManager[Any]
        place = postgres(url) if url.startswith("postgresql") else sqlite(folder / FILE)
        async with place as kept:
            yield at.around(kept)

    talk = Conversations(services=house.services, registry=REGISTRY, model=model, opener=opener)
    try:
        yield Life(house, Talks(house, talk))
    finally:
        await talk.close()
        await store.close()


async def furnished(folder: Path, url: str, tale: Tale) -> None:
    """The hub on whose copies every pair of processes begins."""
    async with living(folder, url, None, Boundaries(NO_PLACE)) as life:
        await life.house.furnish()
        if tale.stands:
            async with life.house.caller() as person:
                for words in (DEPLOY, "deploy app:1 as api"):
                    plan = await person.approved(words)
                    await person.post(f"/plans/{plan['id']}:apply")
                    await life.house.work()
        (folder / "tokens.json").write_text(json.dumps(life.house.tokens))


async def lived(folder: Path, url: str, tale: Tale, fatal: int) -> dict[str, Any]:
    """One process; what it found at the end of the story."""
    model = None if tale.model is None else ScriptedModel(otherwise=tale.model)
    async with living(folder, url, model, Boundaries(fatal, few=tale.few)) as life:
        return await life.live(tale)


def forked(folder: Path, work: Callable[[], Coroutine[Any, Any, Any]]) -> tuple[bool, dict[str, Any]]:
    """Do `work` in a process of its own; whether it was killed, and what it said."""
    out = folder / "said.json"
    out.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        try:
            out.write_text(json.dumps(asyncio.run(work())))
        finally:
            if sys.exc_info()[0] is not None:
                traceback.print_exc()
            os._exit(0 if out.exists() else 1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True, {}
    return False, json.loads(out.read_text()) if out.exists() else {"failed": folder.name}


@dataclass
class Copies:
    """Copies of the furnished hub: folders, and databases made after the first one."""

    folder: Path
    server: str

    def url(self, name: str) -> str:
        """Where the twin of a copy is."""
        if not self.server:
            return f"sqlite:///{self.folder / name / 'twin.db'}"
        head, _, options = self.server.partition("?")
        return f"{head.rpartition('/')[0]}/{self._database(name)}?{options}"

    def first(self) -> Path:
        """The folder of what is copied."""
        place = self.folder / "first"
        place.mkdir()
        self._make("first", "template0")
        return place

    def another(self, name: str) -> Path:
        """The folder of a fresh copy."""
        self._make(name, self._database("first"))
        return Path(shutil.copytree(self.folder / "first", self.folder / name))

    def drop(self, name: str) -> None:
        """It is not used again."""
        shutil.rmtree(self.folder / name)
        self._do("DROP DATABASE {}", self._database(name))

    def _make(self, name: str, template: str) -> None:
        self._do("CREATE DATABASE {} TEMPLATE {}", self._database(name), template)

    def _do(self, statement: str, *names: str) -> None:
        if self.server:
            address = self.server.replace("postgresql+psycopg", "postgresql", 1)
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _database(self, name: str) -> str:
        return f"{self.folder.name}_{name}".replace("-", "_")


def sweep(copies: Copies, tale: Tale, every: int) -> dict[str, Any]:
    """One kill at each boundary, or `every` so manieth, until a run has fewer of them."""
    first = copies.first()
    forked(first, partial(furnished, first, copies.url("first"), tale))
    calm = copies.another("calm")
    _, whole = forked(calm, partial(lived, calm, copies.url("calm"), tale, NO_PLACE))
    found: list[dict[str, Any]] = []
    for fatal in range(1, MOST, every):
        name = str(fatal)
        place = copies.another(name)
        one = partial(lived, place, copies.url(name), tale)
        killed, said = forked(place, partial(one, fatal))
        if not killed:
            return {"whole": whole, "runs": found, "last": said}
        _, said = forked(place, partial(one, NO_PLACE))
        found.append(said | {"fatal": fatal})
        copies.drop(name)
    return {"whole": whole, "runs": found, "last": {"failed": "endless"}}


if __name__ == "__main__":
    _where, _story, _server, _every = [*sys.argv[1:], "", ""][:4]
    print(json.dumps(sweep(Copies(Path(_where), _server), TALES[_story], int(_every or 1))))
