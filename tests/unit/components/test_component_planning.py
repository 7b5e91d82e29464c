"""Components end to end on the simulator: discover, decide by that alone, plan, apply."""

import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Unpack

import pytest

from opstwin.catalog.component import About, Context, Probe, Settings
from opstwin.control.component_planning import ComponentPlanner
from opstwin.control.existence import Provision
from opstwin.control.planning import About as Asked
from opstwin.domain.plan import Op, Origin, Plan, PlanState, sealed
from opstwin.domain.resource import Health, WorkloadRecord
from opstwin.domain.values import Json, PlanId, ResourceId
from opstwin.domain.workload import Workload
from opstwin.errors import Conflict, Forbidden, InvalidInput, StalePlan, Unclear
from opstwin.targets.probing import Met, ProbeAnswer
from opstwin.targets.reaching import Reach
from opstwin.targets.scripted_prober import REFUSED, ScriptedProber, says
from opstwin.targets.sim.faults import Crash
from tests.crashing import Boundaries, MortalPlaces, MortalStore
from tests.rig import ANNA, BEN, ROBOT, Rig, app
from tests.unit.components.conftest import CONTROLLER, ENDPOINT, HEALTH, Site, SpyController, WorldProber, document

IDENTITY: dict[str, Json] = {"kind": "hub-and-spoke-controller", "id": "network", "version": "1"}
SILENT = ProbeAnswer(met=Met.SILENT, reason="no answer within 5 s")


def on_containers(plan: Plan) -> list[tuple[str, str]]:
    return [(change.op.value, change.name) for change in plan.changes if change.kind == "container"]


@pytest.mark.req("S1.10", "S1.11")
async def test_a_refused_endpoint_bootstraps_the_controller_first_and_then_the_rest(site: Site) -> None:
    plan = await site.plan()
    assert (plan.mode, plan.origin) == ("bootstrap", Origin.COMPONENT)
    assert on_containers(plan) == [
        ("create", CONTROLLER), ("create", "network-router-1"), ("create", "network-router-2")
    ]  # fmt: skip
    controller = plan.changes[[change.name for change in plan.changes].index(CONTROLLER)]
    for change in plan.changes:
        if change.workload == "network-router" and change.kind == "container":
            assert controller.resource in change.needs


@pytest.mark.req("S1.8", "S1.9")
async def test_an_answer_of_the_expected_thing_adds_routers_and_only_that(site: Site) -> None:
    site.prober.instead = says(IDENTITY)
    plan = await site.plan()
    assert plan.mode == "expand"
    assert on_containers(plan) == [("create", "network-router-1"), ("create", "network-router-2")]
    assert not [item for item in plan.workloads if "controller" in item.name]
    assert site.spy.deployed == 0


@pytest.mark.req("S1.5")
async def test_discovery_comes_first_and_is_told_in_the_plan(site: Site) -> None:
    plan = await site.plan()
    assert site.prober.asked == [HEALTH]
    assert plan.notes[0] == f"{HEALTH}: the connection was refused."
    refusing = ScriptedProber()
    with pytest.raises(Unclear):
        await site.planner_with(refusing).plan(document(target="local"), None, None, ANNA)
    assert refusing.asked == [HEALTH]


@pytest.mark.req("S1.12", "S1.1")
async def test_bootstrap_then_expand_e2e(site: Site) -> None:
    first = await site.apply()
    assert first.mode == "bootstrap"
    assert sorted(site.rig.running()) == [CONTROLLER, "network-router-1", "network-router-2"]
    controller = site.rig.world.containers()[CONTROLLER]
    again = await site.apply()
    assert (again.mode, again.changes, again.state) == ("expand", (), PlanState.APPLIED)
    more = await site.apply(routers=3)
    assert (more.mode, on_containers(more)) == ("expand", [("create", "network-router-3")])
    assert site.rig.world.containers()[CONTROLLER].id == controller.id, "the very same controller"


@pytest.mark.req("S1.2")
async def test_controller_never_redeployed_when_present(site: Site) -> None:
    """100 applies with other settings each time, a crash in every third: the controller is never even rendered."""
    await site.apply(routers=1)
    controller = site.rig.world.containers()[CONTROLLER]
    spy, effects, crashes = SpyController(), len(site.rig.world.effects), 0
    site.spy = spy
    for number in range(100):
        plan = await site.plan(image=("app:2", "app:1")[number % 2], routers=1 + number // 20)
        await site.rig.approved(plan, BEN)
        if number % 3 == 0:
            crashes += await died_applying(site, plan, at=1 + number % 17)
        site = site.twin(number, spy)
        site.rig.clock.advance(600)
        execution = await site.rig.applier.start(plan.id, BEN)
        done = await site.rig.applier.run(execution.id)
        assert done.state == "succeeded", done.error
    assert crashes > 25
    assert spy.deployed == 0
    touched = {effect.resource for effect in site.rig.world.effects[effects:]}
    assert touched == {f"local/container/network-router-{number}" for number in range(1, 6)}
    assert site.rig.world.containers()[CONTROLLER].id == controller.id


async def died_applying(site: Site, plan: Plan, at: int) -> bool:
    """Apply in a process that dies at a boundary of the journal; whether it did."""
    mortal = Boundaries(at)
    rig = Rig(
        store=MortalStore(site.rig.store, mortal), clock=site.rig.clock, world=site.rig.world, seed=1000 + at,
        owner=f"dead-{site.rig.clock.monotonic_s()}", places=MortalPlaces(site.rig.places, mortal),  # type: ignore[arg-type]
    )  # fmt: skip
    try:
        execution = await rig.applier.start(plan.id, BEN)
        await rig.applier.run(execution.id)
    except Crash:
        return True
    return False


@pytest.mark.req("S1.13")
async def test_nobody_chooses_the_mode(site: Site) -> None:
    assert "mode" not in inspect.signature(ComponentPlanner.plan).parameters
    for word in ("expand", "bootstrap"):
        with pytest.raises(InvalidInput) as caught:
            await site.plan(mode=word)
        assert caught.value.field == "components.network.mode"
    assert (await site.plan()).mode == "bootstrap"
    site.prober.instead = says(IDENTITY)
    assert (await site.plan()).mode == "expand"


ASKS = {
    "silent": SILENT,
    "tls": ProbeAnswer(met=Met.GARBLED, reason="its TLS is not trusted"),
    "forbidden": says({}, 403),
    "broken": says(IDENTITY, 503),
    "other": says({**IDENTITY, "id": "another"}),
}


@pytest.mark.req("S1.G1", "S1.G2", "S1.G3")
@pytest.mark.parametrize("answer", ASKS)
async def test_what_is_not_certain_is_asked_with_what_was_seen_and_the_choices(site: Site, answer: str) -> None:
    site.prober.instead = ASKS[answer]
    with pytest.raises(Unclear) as caught:
        await site.plan()
    assert caught.value.details["mode"] == Provision.NEEDS_DECISION.value
    assert caught.value.details["choices"]
    seen = caught.value.details["seen"]
    assert isinstance(seen, dict)
    assert seen["exists"] is (None if answer == "silent" else True)
    assert await site.rig.ledger.all(Plan) == []
    assert site.spy.deployed == 0


@pytest.mark.req("S1.G1")
async def test_a_controller_that_the_twin_says_was_created_is_never_bootstrapped_again(site: Site) -> None:
    await site.apply()
    site.prober.instead = REFUSED
    with pytest.raises(Unclear, match="refused") as caught:
        await site.plan(routers=5)
    assert caught.value.details["mode"] == "needs_decision"
    assert "opstwin drift" in caught.value.next_step


@pytest.mark.req("S1.G1")
async def test_a_person_may_say_that_it_was_never_created(site: Site) -> None:
    site.prober.instead = SILENT
    with pytest.raises(Forbidden):
        await site.planner.say_never_created(document(), None, ROBOT, "I am sure")
    with pytest.raises(InvalidInput):
        await site.planner.say_never_created(document(), None, ANNA, " ")
    assert await site.planner.say_never_created(document(), None, ANNA, "new site, nothing there") == (
        "network-controller",
    )
    assert [(row.action, row.reason) for row in await site.rig.audit()][-1] == (
        "component.never_created", "new site, nothing there"
    )  # fmt: skip
    plan = await site.plan()
    assert plan.mode == "bootstrap"
    await site.rig.carry_out(plan)
    with pytest.raises(Unclear):
        await site.plan()
    with pytest.raises(Conflict):
        await site.planner.say_never_created(document(), None, ANNA, "again")


async def test_what_was_taken_down_counts_as_no_evidence_that_nothing_is_there(site: Site) -> None:
    await site.apply()
    gone = await site.rig.planner.from_workloads(
        "local", (), request="remove", origin=Origin.FILE, actor=ANNA, remove=("network-router", "network-controller")
    )
    await site.rig.carry_out(gone, BEN)
    site.prober.instead = SILENT
    with pytest.raises(Unclear):
        await site.plan()
    site.prober.instead = None
    assert (await site.plan()).mode == "bootstrap"


@pytest.mark.req("S1.G4")
async def test_two_daemons_one_bootstrap(site: Site) -> None:
    """Two hubs plan a bootstrap at the same moment and both get their approval: one controller is made, once."""
    other = site.twin()
    plans = [await site.plan(), await other.plan()]
    assert [plan.mode for plan in plans] == ["bootstrap", "bootstrap"]
    await site.rig.approved(plans[0], BEN)
    await other.rig.approved(plans[1], BEN)
    execution = await site.rig.applier.start(plans[0].id, BEN)
    with pytest.raises((StalePlan, Conflict)):
        await other.rig.applier.start(plans[1].id, BEN)
    await site.rig.applier.run(execution.id)
    with pytest.raises((StalePlan, Conflict)):
        await other.rig.applier.start(plans[1].id, BEN)
    made = [item for item in site.rig.world.effects if CONTROLLER in str(item)]
    assert len(made) == 1
    assert (await other.plan()).changes == ()


async def test_a_version_that_is_asked_for_upgrades_the_controller_first(site: Site) -> None:
    await site.apply(version="1")
    plan = await site.apply(version="2", image="app:2")
    assert plan.mode == "upgrade"
    assert on_containers(plan) == [
        ("replace", CONTROLLER), ("replace", "network-router-1"), ("replace", "network-router-2")
    ]  # fmt: skip
    env = site.rig.world.containers()[CONTROLLER].spec["env"]
    assert isinstance(env, dict)
    assert json.loads(str(env["IDENTITY"]))["version"] == "2"
    assert (await site.plan(version="2", image="app:2")).changes == ()


async def test_without_a_version_in_the_file_the_running_one_is_kept(site: Site) -> None:
    await site.apply(version="1")
    plan = await site.plan(routers=3)
    assert (plan.mode, on_containers(plan)) == ("expand", [("create", "network-router-3")])


async def test_there_is_no_upgrade_back_and_none_of_what_is_not_ours(site: Site) -> None:
    await site.apply(version="2")
    with pytest.raises(InvalidInput, match="no way back"):
        await site.plan(version="1")
    elsewhere = ScriptedProber({HEALTH: says({**IDENTITY, "id": "far"})})
    with pytest.raises(Unclear, match="not made by Opstwin"):
        await site.planner_with(elsewhere).plan(document("far", version="2"), None, None, ANNA)


async def test_routers_of_a_controller_elsewhere_reach_it_by_its_endpoint(site: Site) -> None:
    site.prober.instead = says(IDENTITY)
    plan = await site.apply()
    (router,) = [item.workload for item in plan.workloads]
    assert router is not None
    assert (router.env["CONTROLLER_URL"], router.networks, router.needs) == (ENDPOINT, (), ())
    assert (await site.plan()).changes == ()


async def test_fewer_routers_are_never_taken_away_by_a_components_plan(site: Site) -> None:
    await site.apply(routers=3)
    with pytest.raises(Unclear, match="would remove 2 of 3") as caught:
        await site.plan(routers=1)
    assert "scale network-router to 1" in caught.value.next_step


async def test_a_workload_of_somebody_else_with_that_name_is_not_taken_over(site: Site) -> None:
    await site.rig.change_to(app("network-router", replicas=1))
    with pytest.raises(Conflict, match="does not belong"):
        await site.plan()


class Reaching(SpyController):
    """A hostile plugin: one more component of the entry, which renders a workload that is not its own."""

    about = About(name="reaching", kind="reaching", version="1")

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def existence(self, settings: Settings) -> Probe:
        return Probe(workload=settings.workload("reaching"))

    def desired(self, settings: Settings, context: Context) -> tuple[Workload, ...]:
        return (app(self.name, replicas=1),)


@pytest.mark.req("S1.2", "S1.9")
async def test_a_component_that_reaches_for_the_controller_is_refused_before_a_plan_is_made(site: Site) -> None:
    await site.apply()
    plans = len(await site.rig.ledger.all(Plan))
    site.extra = (Reaching("network-controller"),)
    with pytest.raises(Forbidden, match="network-controller"):
        await site.plan()
    site.extra = (Reaching("shop"),)
    with pytest.raises(InvalidInput, match="outside its own names"):
        await site.plan()
    assert len(await site.rig.ledger.all(Plan)) == plans


@pytest.mark.req("S1.2", "S1.9")
@pytest.mark.parametrize("op", [Op.UPDATE, Op.REPLACE, Op.RESTART, Op.DELETE, Op.CREATE])
async def test_a_plan_that_came_out_with_the_controller_in_it_is_withdrawn(site: Site, op: Op) -> None:
    """Whatever the planner does, a plan that touches the controller never waits for an approval."""
    await site.apply()
    planner = site.planner_with(site.prober, Straying(site, op))
    with pytest.raises(Forbidden, match="must stay as it is"):
        await planner.plan(document(routers=3), None, None, ANNA)
    newest = (await site.rig.ledger.all(Plan))[-1]
    assert newest.state is PlanState.STALE
    assert (await site.rig.audit())[-1].action == "plan.withdraw"


@dataclass
class Straying:
    """A planner that adds a change on the controller."""

    site: Site
    op: Op

    async def from_workloads(self, target_id: str, workloads: Sequence[Workload], **asked: Unpack[Asked]) -> Plan:
        plan = await self.site.rig.planner.from_workloads(target_id, workloads, **asked)
        stray = replace(
            plan.changes[0], resource=ResourceId(f"local/container/{CONTROLLER}"), name=CONTROLLER,
            workload="network-controller", op=self.op,
        )  # fmt: skip
        whole = sealed(replace(plan, id=PlanId("plan_stray"), changes=(*plan.changes, stray), version=0))
        await self.site.rig.put(whole)
        return replace(whole, version=1)


async def test_a_plan_made_for_nothing_there_is_stale_when_something_came_up(site: Site) -> None:
    plan = await site.plan()
    await site.planner.check_still(plan)
    site.prober.instead = says(IDENTITY)
    with pytest.raises(StalePlan, match="bootstrap"):
        await site.planner.check_still(plan)
    site.prober.instead = SILENT
    with pytest.raises(StalePlan):
        await site.planner.check_still(plan)


async def test_the_endpoint_given_on_the_command_line_is_looked_at_again(site: Site) -> None:
    prober = ScriptedProber({"http://10.0.0.9:1/health": says(IDENTITY)})
    planner = site.planner_with(prober)
    plan = await planner.plan(document(endpoint=None), "10.0.0.9:1", None, ANNA)
    assert plan.mode == "expand"
    await planner.check_still(plan)
    assert prober.asked == ["http://10.0.0.9:1/health"] * 2


@pytest.mark.req("S1.28")
async def test_the_health_of_components_is_read_from_what_was_observed(site: Site) -> None:
    await site.apply()
    found = {item.component: item.health for item in await site.planner.health(document(), None)}
    assert found == {
        "hub-and-spoke-controller": Health.HEALTHY, "hub-and-spoke-router": Health.HEALTHY
    }  # fmt: skip
    found = {item.component: item.health for item in await site.planner.health(document(routers=3), None)}
    assert found["hub-and-spoke-router"] is Health.UNHEALTHY


async def test_a_file_for_two_targets_is_refused(site: Site) -> None:
    here, there = document("here", target="local")["components"], document("there", target="lab")["components"]
    assert isinstance(here, dict)
    assert isinstance(there, dict)
    both: dict[str, Json] = {"components": {**here, **there}}
    with pytest.raises(InvalidInput, match="one target"):
        await site.planner.plan(both, None, None, ANNA)


async def test_the_record_of_a_workload_carries_its_component(site: Site) -> None:
    await site.apply()
    record = await site.rig.ledger.need(WorkloadRecord, "local/workload/network-router")
    assert record.workload is not None
    assert record.workload.labels == {"component": "hub-and-spoke-router", "part-of": "network"}
    assert record.workload.needs == ("network-controller",)


def test_the_prober_of_the_tests_sees_only_the_endpoint(site: Site) -> None:
    assert isinstance(site.prober, WorldProber)


@dataclass
class LedTo:
    """Asks the simulated world; the endpoint's name leads to one address after the other, the last one for good."""

    world: WorldProber
    addresses: list[str]

    async def get(self, url: str, timeout_s: float, *, by_person: bool) -> ProbeAnswer:
        address = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        reach = Reach(is_here=lambda ip: ip == ip_address("127.0.0.1"))
        reach.check(address, 18080, by_person=by_person)
        return await self.world.get(url, timeout_s, by_person=by_person)


@pytest.mark.proves("E5")
async def test_what_an_ai_client_plans_never_has_the_hubs_machine_asked(site: Site) -> None:
    planner = site.planner_with(LedTo(site.prober, ["127.0.0.1"]))
    with pytest.raises(Forbidden):
        await planner.plan(document(), None, None, ROBOT)
    with pytest.raises(Forbidden):
        await planner.discover_endpoint(ENDPOINT, ROBOT)
    assert (site.prober.asked, await site.rig.ledger.all(Plan)) == ([], [])
    assert (await planner.plan(document(), None, None, ANNA)).mode == "bootstrap"


@pytest.mark.proves("E5")
async def test_a_name_that_changes_after_the_plan_stops_an_ai_clients_plan_and_not_a_persons(site: Site) -> None:
    planner = site.planner_with(LedTo(site.prober, ["10.0.0.5", "127.0.0.1"]))
    plan = await planner.plan(document(), None, None, ROBOT)
    asked = len(site.prober.asked)
    with pytest.raises(StalePlan):
        await planner.check_still(plan)
    assert len(site.prober.asked) == asked
    await planner.check_still(replace(plan, requested_by=ANNA))
