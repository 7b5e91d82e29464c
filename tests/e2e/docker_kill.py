"""Kills a process with SIGKILL at boundaries of the journal while it works on a real Docker Engine.

Run as a program of its own, because it forks: `python -m tests.e2e.docker_kill POINTS`; prints one JSON. What the
itself reports as created, by idempotency key, shows that no effect was repeated.
"""

import json
import os
import random
import secrets
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from opstwin.clock import SystemClock
from opstwin.control.applying import Applier, ApplySettings
from opstwin.control.approving import Approver
from opstwin.control.ids import RandomIds
from opstwin.control.ledger import Ledger
from opstwin.control.observing import Observer
from opstwin.control.planning import Planner
from opstwin.control.retrying import Backoff, Breakers, Retry
from opstwin.control.starting import Gate
from opstwin.control.verifying import Patience
from opstwin.domain.access import Actor, ActorKind, Principal, Scope
from opstwin.domain.approval import SOLO
from opstwin.domain.audit import AuditEntry, AuditRow, verify_chain
from opstwin.domain.execution import Execution
from opstwin.domain.plan import Origin
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId
from opstwin.domain.workload import Workload
from opstwin.targets.stage import DockerStage
from opstwin.twin.opening import open_store
from opstwin.twin.store import Put, TwinStore
from opstwin.wiring.drivers import DriverPool, hub_secrets
from opstwin.wiring.hub import no_calls
from tests.crashing import Boundaries, MortalPlaces, MortalStore, kill
from tests.e2e.kill_sweep import begun, forked

ME = Actor(kind=ActorKind.PERSON, id="anna", face="cli")
SOCKET = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
REPOSITORY = "opstwin-kill"
TARGET = TargetId("local")
AT_ONCE = 4
PATIENCE = Patience(hold_s=0.3, timeout_s=60, poll_s=0.1)


@dataclass(frozen=True)
class Process:
    """What one process builds over the files of a scene."""

    store: TwinStore
    ledger: Ledger
    observer: Observer
    planner: Planner
    approver: Approver
    applier: Applier
    pool: DriverPool

    async def close(self) -> None:
        """Let go of everything."""
        await self.pool.close()
        await self.store.close()


async def process(folder: Path, at: Boundaries) -> Process:
    """A control plane whose commits and effects are boundaries."""
    clock = SystemClock()
    store = MortalStore(await open_store(f"sqlite:///{folder / 'twin.db'}"), at)
    ledger = Ledger(store, clock, RandomIds())
    pool = DriverPool(clock=clock, secrets=hub_secrets({}, folder), stop_grace_s=0, on_call=no_calls)
    places = MortalPlaces(pool, at)
    breakers, backoff = Breakers(clock), Backoff(clock, random.Random(1))
    observer = Observer(ledger, places, Retry(breakers, backoff))
    applier = Applier(
        ledger=ledger, gate=Gate(ledger, SOLO), readers=places, writers=places, observing=observer, breakers=breakers,
        backoff=backoff, owner=f"worker-{os.getpid()}", settings=ApplySettings(patience=PATIENCE, parallel=2),
    )  # fmt: skip
    return Process(store, ledger, observer, Planner(ledger, places, SOLO), Approver(ledger, SOLO), applier, pool)


def wish(name: str, tag: str) -> Workload:
    """Two replicas of a demo image."""
    return Workload(name=name, image=f"{REPOSITORY}:{tag}", replicas=2)


async def ground(folder: Path, name: str, tag: str) -> str:
    """Version 1 runs, and the change to `tag` is planned and approved; returns the plan."""
    here = await process(folder, Boundaries())
    now = here.ledger.clock.now()
    target = Target(
        id=TARGET, display_name="L", backend_type="docker", agent_endpoint=SOCKET, is_default=True, created_at=now
    )  # fmt: skip
    person = Principal(id="anna", kind=ActorKind.PERSON, display_name="Anna", scopes=frozenset(Scope), created_at=now)
    await here.ledger.commit([Put(target), Put(person)], [AuditEntry(action="test", subject="test", actor=ME)])
    await here.observer.discover(TARGET, ME)
    first = await planned(here, wish(name, "1"))
    execution = await here.applier.start(first, ME)
    ended = await here.applier.run(execution.id)
    assert ended.state == "succeeded", ended.error
    plan_id = await planned(here, wish(name, tag))
    await here.close()
    return plan_id


async def planned(here: Process, workload: Workload) -> str:
    """Plan and approve one workload."""
    plan = await here.planner.from_workloads(TARGET, [workload], request="test", origin=Origin.FILE, actor=ME)
    await here.approver.decide(plan.id, ME, "approve", "test", plan.digest)
    return plan.id


async def apply(folder: Path, plan_id: str, fatal: int) -> int:
    """Apply; dies at the boundary `fatal`, else returns how many there were."""
    at = Boundaries(fatal, kill)
    here = await process(folder, at)
    execution = await here.applier.start(plan_id, ME)
    await here.applier.run(execution.id)
    await here.close()
    return len(at.passed)


async def go_on(folder: Path, plan_id: str) -> dict[str, Any]:
    """Another process takes over and ends it."""
    here = await process(folder, Boundaries())
    execution = await here.applier.start(plan_id, ME)
    if execution.lease_owner:
        await here.applier.release(execution)
    await here.applier.run(execution.id)
    ended = await here.ledger.need(Execution, execution.id)
    rows = await here.ledger.all(AuditRow)
    verify_chain(rows)
    await here.close()
    intents = sorted(str(row.details["key"]) for row in rows if row.action == "step.intended")
    return {"state": ended.state.value, "failure": ended.error and dict(ended.error), "intents": intents}


def running(engine: docker.DockerClient, name: str) -> dict[str, str]:
    """The containers of a workload and their images."""
    found = engine.api.containers(all=True)
    mine = [item for item in found if item["Names"][0].startswith(f"/{name}-")]
    return {item["Names"][0][1:]: f"{item['Image']} {item['State']}" for item in mine}


def created(engine: docker.DockerClient, name: str, since: float, until: float) -> Counter[str]:
    """How often the engine created a container, by idempotency key."""
    events = engine.events(
        since=since, until=until, decode=True, filters={"event": "create", "label": f"io.opstwin.workload={name}"}
    )
    return Counter(event["Actor"]["Attributes"]["io.opstwin.step"] for event in events)


def point(engine: docker.DockerClient, folder: Path, tag: str, fatal: int) -> dict[str, Any]:
    """One kill and what came of it."""
    import time

    name = f"kill-{secrets.token_hex(3)}"
    since = time.time()
    try:
        plan_id = forked(lambda: ground(folder, name, tag))
        total = forked(lambda: apply(folder, plan_id, fatal))
        end = forked(lambda: go_on(folder, plan_id))
        there = running(engine, name)
        made = created(engine, name, since - 1, time.time() + 1)
    finally:
        for container in running(engine, name):
            engine.api.remove_container(container, force=True)
    good = tag != "bad"
    image = f"{REPOSITORY}:{tag if good else '1'} running"
    right = {
        "died": total is None,
        "state": end["state"] == ("succeeded" if good else "rolled_back"),
        "running": there == {f"{name}-1": image, f"{name}-2": image},
        "once": max(made.values()) == 1,
        "intended": set(made) <= set(end["intents"]),
    }
    return {"tag": tag, "fatal": fatal, "total": total, "right": all(right.values()), "checks": right, "end": end,
            "there": there, "made": dict(made)}  # fmt: skip


def share(numbers: list[int]) -> list[dict[str, Any]]:
    """Some of the points, one after the other: even ones are good upgrades, odd ones bad."""
    engine = docker.DockerClient(base_url=SOCKET)
    results = []
    for number in numbers:
        with tempfile.TemporaryDirectory(prefix="kill-") as folder:
            results.append(point(engine, Path(folder), ("2", "bad")[number % 2], 2 + number))
    engine.close()
    return results


def main(points: int) -> dict[str, Any]:
    """`points` kills, spread over the boundaries of a good and of a bad upgrade, several at the same time."""
    stage = DockerStage(SOCKET, REPOSITORY)
    stage.prepare()
    try:
        shares = [list(range(points))[first::AT_ONCE] for first in range(AT_ONCE)]
        workers = [begun(lambda mine=numbers: share(mine)) for numbers in shares]
        results = [item for worker in workers for item in worker.ended()]
    finally:
        stage.clean_up("none")
    return {"points": len(results), "wrong": [item for item in results if not item["right"]]}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
