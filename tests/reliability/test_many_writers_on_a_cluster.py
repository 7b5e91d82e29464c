"""A hundred writers on one thing of a cluster: no update is lost, and who came too late tries again."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from opstwin.clock import VirtualClock
from opstwin.domain.execution import ExecutionState
from opstwin.domain.plan import Op, Plan
from opstwin.domain.resource import Desired
from opstwin.errors import Conflict, Rejected, StalePlan, Timeout
from opstwin.targets.kubernetes.sending import Call
from opstwin.targets.sim.kube.serving import serving
from opstwin.targets.sim.kube.world import KubeWorld
from tests.cluster_rig import ClusterRig, cluster_rig
from tests.e2e.kube.spot import Spot, spot_at
from tests.rig import ANNA

WRITERS = 100
AT_ONCE = 3
"""Writers that have read and not yet written. With all hundred there would be 99 refusals for each that wins."""

NUMBERS = itertools.count()
KEYS = st.dictionaries(st.sampled_from(["ours", "a", "b"]), st.sampled_from("123"), min_size=1)
NAMES = st.sampled_from(["kubectl", "helm", "robot"])
SETTINGS = "prod/configmap/default/settings"


def config(**data: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/part-of": "shop"}
    metadata = {"name": "settings", "namespace": "default", "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[ClusterRig]:
    async with cluster_rig(tmp_path) as here:
        await here.discover()
        yield here


class Writers:
    """Each adds its own key to what it saw, and does so again when somebody else was faster."""

    def __init__(self, shop: ClusterRig) -> None:
        self.shop, self.outcomes = shop, Counter[str]()
        self.slots = asyncio.Semaphore(AT_ONCE)

    async def add(self, number: int) -> None:
        while True:
            async with self.slots:
                outcome = await self.tried(f"k{number}")
            self.outcomes[outcome] += 1
            if outcome == "written":
                return

    async def tried(self, key: str) -> str:
        seen = await self.shop.rig.ledger.need(Desired, SETTINGS)
        data: Any = (seen.spec or {})["data"]
        try:
            plan = await self.shop.from_manifests(config(**{**data, key: "1"}))
            assert plan.changes, f"{key} is there, though whoever wanted it was refused"
            if self.revision(plan) != seen.revision:
                return "read anew"
            await self.shop.rig.approved(plan)
            execution = await self.shop.rig.applier.start(plan.id, ANNA)
        except (StalePlan, Conflict) as refused:
            return type(refused).__name__
        ended = await self.shop.rig.applier.run(execution.id)
        if ended.state is ExecutionState.SUCCEEDED:
            return "written"
        assert ended.error is not None
        assert ended.error["code"] == StalePlan.code, ended.error
        return "stale at the step"

    def revision(self, plan: Plan) -> int:
        return next(item.desired_revision for item in plan.base if item.resource == SETTINGS)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.proves("C4")
async def test_a_hundred_plans_on_one_thing_of_a_cluster_lose_no_update(shop: ClusterRig) -> None:
    await shop.apply(config(first="1"))
    writers, written = Writers(shop), list[dict[str, str]]()
    shop.cluster.cluster.store.listeners.append(lambda change: written.append(change.doc.get("data") or {}))
    await asyncio.gather(*(writers.add(number) for number in range(WRITERS)))
    wanted = {"first": "1"} | {f"k{number}": "1" for number in range(WRITERS)}
    assert shop.owned("ConfigMap", "settings")["data"] == wanted
    desired = await shop.rig.ledger.need(Desired, SETTINGS)
    assert (desired.spec or {})["data"] == wanted
    assert [len(data) for data in written] == [*range(2, WRITERS + 2)], "whoever was refused wrote nothing"
    assert writers.outcomes.total() > WRITERS, "nobody came too late, so nothing was shown"
    await shop.rig.audit()


class Hands:
    """Somebody who reads a ConfigMap, adds a key and writes all of it back, as long as nobody else was faster."""

    def __init__(self, spot: Spot) -> None:
        self.spot, self.refused = spot, 0

    async def add(self, manager: str, key: str, value: str) -> None:
        path = "/api/v1/namespaces/default/configmaps/settings"
        while True:
            seen = await self.spot.losing.inner.send(Call(method="GET", path=path, deadline_s=10))
            body = {**seen.body, "data": {**(seen.body.get("data") or {}), key: value}}
            put = Call(method="PUT", path=path, body=body, query={"fieldManager": manager}, deadline_s=10)
            answer = await self.spot.losing.inner.send(put)
            if answer.ok:
                return
            assert answer.status == 409, answer
            self.refused += 1


@asynccontextmanager
async def spot_on_a_simulated_cluster(folder: Path) -> AsyncIterator[tuple[KubeWorld, Spot]]:
    """A writer of the driver and another beside it, on one ConfigMap that the driver made."""
    world = KubeWorld(VirtualClock())
    async with serving(world, token=True) as served:
        kubeconfig = served.write_kubeconfig(folder / f"kubeconfig-{next(NUMBERS)}")
        spot = spot_at(kubeconfig, "default")
        spot.beside.append(spot_at(kubeconfig, "default"))
        await spot.writer.apply(spot.order(Op.CREATE, spot.configmap(ours="0"), "run.0"))
        try:
            yield world, spot
        finally:
            for one in (spot, *spot.beside):
                await one.writer.close()


@pytest.mark.slow
@pytest.mark.proves("C4")
async def test_the_driver_and_a_hundred_hands_on_one_object_lose_nothing_of_each_other(tmp_path: Path) -> None:
    async with spot_on_a_simulated_cluster(tmp_path) as (world, spot):
        hands, slots = Hands(spot), asyncio.Semaphore(4)

        async def theirs(number: int) -> None:
            async with slots:
                await hands.add(f"hand-{number}", f"theirs-{number}", "1")

        async def ours() -> None:
            for number in range(1, 11):
                wanted = spot.configmap(ours=str(number))
                while True:
                    try:
                        await spot.writer.apply(spot.order(Op.UPDATE, wanted, f"run{number}.0"))
                        break
                    except Timeout:  # others came first at each of its tries: it says so, and may be asked again
                        continue

        await asyncio.gather(ours(), *(theirs(number) for number in range(WRITERS)))
        wanted = {"ours": "10"} | {f"theirs-{number}": "1" for number in range(WRITERS)}
        assert world.get("ConfigMap", "default", "settings")["data"] == wanted
        assert hands.refused > 0, "nobody came too late, so nothing was shown"


class Shared(RuleBasedStateMachine):
    """One ConfigMap that the driver and others write, beside a dictionary that follows the same rules."""

    folder = Path()

    def __init__(self) -> None:
        super().__init__()
        self.runner, self.turn = asyncio.Runner(), 0
        self.here = spot_on_a_simulated_cluster(self.folder)
        self.world, self.spot = self.runner.run(self.here.__aenter__())
        self.hands = Hands(self.spot)
        self.ours, self.theirs = {"ours": "0"}, dict[str, str]()

    def teardown(self) -> None:
        self.runner.run(self.here.__aexit__(None, None, None))
        self.runner.close()

    @rule(ours=KEYS, faster=st.lists(st.tuples(NAMES, st.integers(0, 9)), max_size=3))
    def the_driver_writes_while_others_are_faster(self, ours: dict[str, str], faster: list[tuple[str, int]]) -> None:
        """Somebody else writes between its look and its write, several times in a row."""
        waiting = [(name, str(value)) for name, value in faster]

        async def meanwhile(call: Call) -> None:
            if call.method == "PATCH" and waiting:
                name, value = waiting.pop()
                await self.hands.add(name, f"theirs-{name}", value)
                self.theirs[f"theirs-{name}"] = value

        self.turn += 1
        self.spot.losing.meanwhile = meanwhile
        order = self.spot.order(Op.UPDATE, self.spot.configmap(**ours), f"run{self.turn}.0")
        self.runner.run(self.spot.writer.apply(order))
        self.spot.losing.meanwhile, self.ours = None, ours

    @rule(name=NAMES, value=st.integers(0, 9))
    def somebody_else_writes(self, name: str, value: int) -> None:
        self.runner.run(self.hands.add(name, f"theirs-{name}", str(value)))
        self.theirs[f"theirs-{name}"] = str(value)

    @rule(ours=KEYS)
    def a_worker_that_was_replaced_writes(self, ours: dict[str, str]) -> None:
        self.turn += 1
        fresh = self.spot.order(Op.UPDATE, self.spot.configmap(**ours), f"run{self.turn}.0", fence=2)
        self.runner.run(self.spot.writer.apply(fresh))
        self.ours = ours
        late = replace(fresh, key=f"run{self.turn}.1", fence=1)
        with pytest.raises(Rejected, match="replaced"):
            self.runner.run(self.spot.writer.apply(late))

    @rule(ours=KEYS, newer=KEYS)
    def another_worker_takes_over_between_look_and_write(self, ours: dict[str, str], newer: dict[str, str]) -> None:
        """What the first one looked at is no longer there, so its write is refused, and it sees why."""
        self.turn += 1
        [second], waiting = self.spot.beside, [newer]

        async def meanwhile(call: Call) -> None:
            if call.method == "PATCH" and waiting:
                wanted = self.spot.configmap(**waiting.pop())
                await second.writer.apply(self.spot.order(Op.UPDATE, wanted, f"run{self.turn}.0", fence=2))

        self.spot.losing.meanwhile = meanwhile
        late = self.spot.order(Op.UPDATE, self.spot.configmap(**ours), f"run{self.turn}.1", fence=1)
        with pytest.raises(Rejected, match="replaced"):
            self.runner.run(self.spot.writer.apply(late))
        self.spot.losing.meanwhile, self.ours = None, newer

    @invariant()
    def everybody_finds_what_he_wrote(self) -> None:
        assert self.world.get("ConfigMap", "default", "settings")["data"] == self.ours | self.theirs


@pytest.mark.slow
@pytest.mark.proves("C4")
def test_no_sequence_of_writes_to_one_object_differs_from_the_model(tmp_path: Path) -> None:
    machine = type("SharedHere", (Shared,), {"folder": tmp_path})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=10, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
