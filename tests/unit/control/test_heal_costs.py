"""What a heal and a long plan cost the target and the twin: nothing is asked or written twice."""

from datetime import timedelta
from pathlib import Path

from opstwin.control.journal import FRESH_S, Journal
from opstwin.control.modes import Setting, set_mode
from opstwin.control.reconciling import Reconciler, TargetTick
from opstwin.domain.execution import Execution, Step
from opstwin.domain.resource import Observed
from opstwin.domain.target import Mode
from tests.cluster_rig import PROD, ClusterRig, cluster_rig
from tests.rig import ANNA, BEN, Rig, app

SETTINGS = {
    "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"LEVEL": "info"},
}  # fmt: skip
PATH = "/api/v1/namespaces/default/configmaps/settings"


async def healed(here: ClusterRig) -> TargetTick:
    """One look at the cluster by a reconciler that may heal."""
    rig = here.rig
    given = Setting(mode=Mode.HEAL, reason="keep it up", expires_at=rig.clock.now() + timedelta(days=1))
    await set_mode(rig.ledger, PROD, given, BEN)
    loop = Reconciler(rig.ledger, rig.observer, rig.planner, rig.approver, rig.applier, rig.breakers)
    [ticked] = (await loop.tick(PROD)).targets
    assert ticked.error == ""
    return ticked


async def test_a_heal_asks_the_cluster_once_what_it_says_and_then_does_it(tmp_path: Path) -> None:
    async with cluster_rig(tmp_path) as here:
        await here.discover()
        await here.apply(SETTINGS)
        here.cluster.remove("ConfigMap", "default", "settings")
        here.cluster.requests.clear()
        assert len((await healed(here)).healed) == 1
        assert here.owned("ConfigMap", "settings")["data"] == {"LEVEL": "info"}
        # One dry run, a write that is refused as nothing is there to be guarded, and the write.
        assert [method for method, path in here.cluster.requests if path == PATH].count("PATCH") == 3


async def began(replicas: int) -> tuple[Rig, Execution]:
    """An execution that was started and not driven."""
    rig = await Rig().ready()
    plan = await rig.plan_workloads(app(replicas=replicas))
    await rig.approved(plan, BEN)
    return rig, await rig.applier.start(plan.id, ANNA)


async def test_steps_that_begin_within_a_second_share_one_lease() -> None:
    rig, execution = await began(3)
    journal = await Journal.take(rig.ledger, execution, "worker-a", 60)
    first, second, third = sorted(await rig.ledger.all(Step), key=lambda item: item.index)
    taken = journal.execution
    await journal.intend([first], 60)
    await journal.intend([second], 60)
    assert await rig.ledger.need(Execution, execution.id) == taken
    rig.clock.advance(FRESH_S + 0.1)
    await journal.intend([third], 60)
    renewed = await rig.ledger.need(Execution, execution.id)
    assert renewed.lease_expires_at == rig.clock.now() + timedelta(seconds=60)


async def test_a_step_that_needs_longer_than_the_lease_lasts_renews_it() -> None:
    rig, execution = await began(1)
    journal = await Journal.take(rig.ledger, execution, "worker-a", 60)
    [step] = await rig.ledger.all(Step)
    await journal.intend([step], 90)
    renewed = await rig.ledger.need(Execution, execution.id)
    assert renewed.lease_expires_at == rig.clock.now() + timedelta(seconds=90)


async def test_some_records_are_read_at_once_and_what_is_not_there_is_left_out() -> None:
    rig = await Rig().ready()
    await rig.change_to(app(replicas=2))
    known = {item.id: item for item in await rig.ledger.all(Observed)}
    names = [*known, *known, "local/container/none", *(f"local/container/none-{n}" for n in range(1500))]
    assert await rig.ledger.some(Observed, names) == known
    assert await rig.ledger.some(Observed, []) == {}
