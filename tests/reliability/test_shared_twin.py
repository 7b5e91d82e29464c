"""Several processes on one PostgreSQL twin: one of them acts at a time, and one that slept too long acts no more."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from opstwin.clock import SystemClock
from opstwin.domain.audit import AuditRow
from opstwin.domain.execution import Execution, ExecutionState
from opstwin.domain.plan import Origin
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId
from opstwin.targets.sim.driver import opened_world
from opstwin.targets.sim.world import World
from tests.plugins.postgres import SETTINGS, Cluster
from tests.reliability.accounting import account_for, account_for_hub, check_finished
from tests.reliability.hubs import Answer, Hub, in_the_middle, running, unready, until, waits
from tests.reliability.record import leaves
from tests.reliability.worker import rig_on
from tests.rig import ANNA, BEN, Rig, app

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STOPS = {
    "a": "after step.intended",
    "b": "before effect b/container/web-1",
    "c": "after effect c/container/web-1",
    "d": "before execution.verifying",
}
"""Where the first worker of each target is stopped."""


def prepared(path: Path, seed: int) -> None:
    """A world with two versions of an image, and with an identity of its own."""
    world = World(path, seed=seed)
    for image in ("app:1", "app:2"):
        world.image(image, exposed=(80,))


async def furnished(rig: Rig) -> dict[str, Execution]:
    """An upgrade of two replicas approved and started on each target; driven by nobody yet."""
    for person in ("anna", "ben"):
        await rig.put(rig.person(person))
    started = await asyncio.gather(*(upgrade(rig, TargetId(name)) for name in STOPS))
    return dict(zip(STOPS, started, strict=True))


async def upgrade(rig: Rig, target: TargetId) -> Execution:
    """The upgrade of one target."""
    now = rig.clock.now()
    await rig.put(Target(id=target, display_name=target, backend_type="sim", agent_endpoint="sim://x", created_at=now))
    await rig.observer.discover(target, ANNA)
    first = await begin(rig, target, "app:1")
    assert (await rig.applier.run(first.id)).state is ExecutionState.SUCCEEDED
    return await begin(rig, target, "app:2")


async def begin(rig: Rig, target: TargetId, image: str) -> Execution:
    """Two replicas of an image, planned, approved and started."""
    wish = [app(image=image)]
    plan = await rig.planner.from_workloads(target, wish, request="t", origin=Origin.FILE, actor=ANNA)
    await rig.approved(plan, BEN)
    return await rig.applier.start(plan.id, ANNA)


def begun(url: str, folder: Path, *words: str) -> "subprocess.Popen[str]":
    """A worker process."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.reliability.worker", url, str(folder), *words],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def is_stopped(process: "subprocess.Popen[str]") -> bool:
    """Whether a process stands still."""
    assert process.poll() is None, process.communicate()
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def said(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """What a worker printed."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    result: dict[str, Any] = json.loads(out)
    return result


@pytest.mark.proves("C3", "K4")
async def test_a_worker_that_slept_past_its_lease_can_neither_write_nor_act_when_it_wakes(
    postgres_database: str, tmp_path: Path
) -> None:
    for seed, name in enumerate(STOPS):
        prepared(tmp_path / f"{name}.json", seed)
    rig = await rig_on(postgres_database, tmp_path, "ground")
    started = await furnished(rig)
    first = {
        name: begun(postgres_database, tmp_path, f"first-{name}", stop, started[name].id)
        for name, stop in STOPS.items()
    }
    with ExitStack() as undo:
        for process in first.values():
            undo.callback(process.kill)
            until(lambda process=process: is_stopped(process))
        fences = {name: (await rig.ledger.need(Execution, item.id)).fence for name, item in started.items()}
        assert said(begun(postgres_database, tmp_path, "second", ""))["refused"] == []
        before = {name: World(tmp_path / f"{name}.json").effects for name in STOPS}
        rows = len(await rig.audit())
        for process in first.values():
            process.send_signal(signal.SIGCONT)
        ends = {name: said(process) for name, process in first.items()}
    # The late ones wrote nothing, and what reached a target was refused for its fence.
    assert {name: end["ended"] for name, end in ends.items()} == dict.fromkeys(STOPS, "LeaseLost")
    refused = [name for name, end in ends.items() if any("replaced (fence" in text for text in end["refused"])]
    assert refused == ["a", "b"]
    assert len(await rig.ledger.all(AuditRow)) == rows
    for name, item in started.items():
        world = World(tmp_path / f"{name}.json")
        assert world.effects == before[name]
        assert leaves(world) == {"web-1": "app:2", "web-2": "app:2"}
        ended = await rig.ledger.need(Execution, item.id)
        assert (ended.state, ended.lease_owner) == (ExecutionState.SUCCEEDED, "second")
        assert ended.fence > fences[name]
        await account_for(world.effects, rig.ledger)
    await rig.store.close()


@contextmanager
def two_hubs(url: str, folder: Path) -> Iterator[tuple[Hub, Hub]]:
    """Two hub processes on one twin, with one target."""
    with ExitStack() as closing:
        hubs: list[Hub] = []
        for name in ("one", "other"):
            (folder / name).mkdir()
            settings = {"database_url": url, "replicas": "2", "policy": "solo"}
            hubs.append(closing.enter_context(running(folder / name, sim=False, **settings)))
        opened_world(folder / "world.json", clock=SystemClock())
        hubs[0].add(f"sim://{folder / 'world.json'}")
        for hub in hubs:
            (hub.folder / "world.json").symlink_to(folder / "world.json")
        yield hubs[0], hubs[1]


def at_once(*calls: Callable[[], Answer]) -> list[Answer]:
    """The answers to calls made at the same moment."""
    start = Barrier(len(calls))

    def one(call: Callable[[], Answer]) -> Answer:
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


@pytest.mark.proves("C1", "K4")
def test_two_hubs_that_apply_at_once_run_one_plan_at_a_time_and_each_plan_once(
    postgres_database: str, tmp_path: Path
) -> None:
    with two_hubs(postgres_database, tmp_path) as (one, other):
        one.change("deploy nginx:1.27 as web with 2 replicas")
        plan = one.approved("deploy redis:7 as cache with 2 replicas")
        answers = at_once(lambda: one.apply(plan), lambda: other.apply(plan), lambda: other.apply(plan))
        assert [answer.status for answer in answers] == [202, 202, 202], answers
        assert len({answer.body["id"] for answer in answers}) == 1
        assert other.ended(answers[0].body["id"])["state"] == "succeeded"
        plans = [one.approved("upgrade web to nginx:1.28"), other.approved("scale web to 3")]
        answers = at_once(lambda: one.apply(plans[0]), lambda: other.apply(plans[1]))
        assert sorted(answer.status for answer in answers) == [202, 409], answers
        [won] = [answer for answer in answers if answer.status == 202]
        [lost] = [answer for answer in answers if answer.status == 409]
        assert lost.body["code"] in ("conflict", "stale_plan")
        assert one.ended(won.body["id"])["state"] == "succeeded"
        [loser] = [item for item, answer in zip(plans, answers, strict=True) if answer is lost]
        for hub in (one, other):
            late = hub.apply(loser)
            assert (late.status, late.body["code"]) == (409, "stale_plan")
        assert one.get(f"/plans/{loser['id']}")["state"] == "stale"
        account_for_hub(one, postgres_database)


@contextmanager
def stopped(cluster: Cluster) -> Iterator[None]:
    """While this lasts, the database server is down."""
    cluster.run("pg_ctl", "-m", "fast", "-w", "stop")
    try:
        yield
    finally:
        cluster.run("pg_ctl", "-o", f"-k {cluster.folder} {SETTINGS}", "-w", "start")


def test_a_hub_whose_database_server_is_away_refuses_and_goes_on_alone_when_it_is_back(
    postgres_cluster: Cluster, postgres_database: str, tmp_path: Path
) -> None:
    with running(tmp_path, database_url=postgres_database, policy="solo") as hub:
        plan = hub.approved("deploy redis:7 as cache")
        id = in_the_middle(hub)
        with stopped(postgres_cluster):
            until(lambda: waits(hub, id))
            effects = hub.effect_keys()
            refused = hub.apply(plan)
            assert (refused.status, refused.cause) == (503, "connection_lost")
            assert hub.ask("GET", "/health").status == 200
            assert "store" in until(lambda: unready(hub)).body["down"]
            # Long enough that each loop of the hub has met it.
            until(lambda: {"worker_waits", "targets_wait"} <= {line["event"] for line in hub.log_lines()})
            assert hub.effect_keys() == effects
        until(lambda: hub.ready().status == 200)
        check_finished(hub, id, postgres_database)
