"""The story of each drift: what differs, what changed it, and what happens next."""

from dataclasses import replace
from datetime import timedelta

import pytest

from opstwin.control.desired import set_desired
from opstwin.control.drift_explaining import DriftExplainer, Story, masked_value
from opstwin.control.proposals import Proposals
from opstwin.domain.drift import DriftKind
from opstwin.domain.event import Event
from opstwin.domain.healing import Heal, HealRecord, Mandate
from opstwin.domain.resource import Desired
from opstwin.domain.target import Mode, Target
from opstwin.domain.values import ResourceId
from opstwin.domain.workload import RestartPolicy
from opstwin.errors import NotFound, TargetError
from opstwin.targets.sim.faults import Fault, FaultKind
from tests.rig import ANNA, LOCAL, Rig, app

WEB1 = ResourceId("local/container/web-1")


@pytest.fixture
async def rig() -> Rig:
    ready = await Rig().ready()
    await ready.change_to(app(env={"LEVEL": "info", "DB_PASSWORD": "letmein"}))
    ready.clock.advance(600)
    return ready


async def stories(rig: Rig, target: str | None = None, resource: str | None = None) -> tuple[Story, ...]:
    assert rig.places is not None
    explainer = DriftExplainer(rig.ledger, rig.places, rig.breakers)
    return await explainer.stories(await explainer.drifts(target, resource))


async def story(rig: Rig) -> Story:
    await rig.observer.discover(LOCAL)
    [found] = await stories(rig)
    return found


async def happened(rig: Rig, type: str, **details: str) -> None:
    event = Event(at=rig.clock.now(), type=type, target=LOCAL, resource=WEB1, details=dict(details))
    await rig.ledger.commit(events=[event])


async def mode(rig: Rig, mode: Mode) -> None:
    target = await rig.ledger.need(Target, LOCAL)
    await rig.put(replace(target, mode=mode))


async def test_without_drift_there_is_no_story(rig: Rig) -> None:
    await rig.observer.discover(LOCAL)
    assert await stories(rig) == ()


async def test_what_somebody_changed_by_hand_is_told_field_by_field_and_blamed_on_nobody_of_ours(rig: Rig) -> None:
    rig.world.edit("web-1", memory_bytes=32 << 20)
    await happened(rig, "container.update")
    found = await story(rig)
    assert (found.kind, found.cause) == (DriftKind.CHANGED, "outside")
    assert [(item.path, item.desired, item.observed) for item in found.differences] == [
        ("memory_bytes", None, 32 << 20)
    ]
    assert found.since == rig.clock.now()
    assert "container.update" in {item.fact for item in found.evidence}


async def test_no_secret_is_in_a_story(rig: Rig) -> None:
    rig.world.edit("web-1", env={"LEVEL": "debug", "DB_PASSWORD": "other", "URL": "http://u:hunter2@db"})
    found = await story(rig)
    told = {item.path: (item.desired, item.observed) for item in found.differences}
    assert told["env.LEVEL"] == ("info", "debug")
    assert told["env.DB_PASSWORD"] == ("(masked)", "(masked)")
    assert all(secret not in repr(found) for secret in ("letmein", "other'", "hunter2"))


def test_secrets_are_masked_at_any_depth_and_references_are_not() -> None:
    value = {"API_KEY": "x", "list": ["http://u:p@h"], "n": 3, "empty_token": ""}
    assert masked_value(("env",), value) == {
        "API_KEY": "(masked)", "list": ["http://***@h"], "n": 3, "empty_token": "",
    }  # fmt: skip
    assert masked_value(("secret_env", "DB_PASSWORD"), "env:DB") == "env:DB"


async def test_a_process_that_ended_by_itself_is_told_with_its_exit_code(rig: Rig) -> None:
    await rig.change_to(app(restart=RestartPolicy.NEVER))
    rig.clock.advance(600)
    rig.world.kill("web-1", 3)
    await happened(rig, "container.die", exitCode="3")
    found = await story(rig)
    assert (found.kind, found.cause) == (DriftKind.STOPPED, "ended")
    assert "exit code 3" in found.cause_text


async def test_a_container_that_somebody_stopped_is_not_called_a_process_that_ended(rig: Rig) -> None:
    rig.world.edit("web-1", running=False)
    await happened(rig, "container.stop")
    assert (await story(rig)).cause == "outside"


async def test_a_wish_that_changed_is_the_cause_when_nothing_else_did(rig: Rig) -> None:
    desired = await rig.ledger.need(Desired, WEB1)
    assert desired.spec is not None
    await set_desired(
        rig.ledger, WEB1, {**desired.spec, "restart": "always"}, if_revision=desired.revision, actor=ANNA,
        observer=rig.observer,
    )  # fmt: skip
    found = await story(rig)
    assert found.cause == "desired_changed"
    assert "anna" in found.cause_text


async def test_what_is_changed_back_after_each_heal_is_told(rig: Rig) -> None:
    rig.world.edit("web-1", memory_bytes=32 << 20)
    now = rig.clock.now()
    await rig.put(HealRecord(id=WEB1, target=LOCAL, heals=(Heal(at=now, over=("memory_bytes",)),)))
    found = await story(rig)
    assert found.cause == "heal_failed"
    assert "1 time(s)" in found.cause_text


async def test_an_execution_at_work_is_the_cause_and_the_outlook(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan("upgrade web to app:2"))
    execution = await rig.applier.start(plan.id, ANNA)
    found = next(item for item in await stories(rig) if item.resource == WEB1)
    assert (found.cause, found.outlook) == ("execution", "applying")
    assert execution.id in found.cause_text


async def test_of_what_nobody_can_see_no_cause_is_made_up(rig: Rig) -> None:
    rig.world.faults.add(Fault(call="*", kind=FaultKind.UNREACHABLE, times=None))
    with pytest.raises(TargetError):
        await rig.observer.discover(LOCAL)
    found = (await stories(rig))[0]
    assert (found.kind, found.cause, found.outlook) == (DriftKind.UNKNOWN, "unknown", "waits_for_target")
    assert found.next_call.tool == "discover"


async def test_a_target_that_is_only_observed_is_left_as_it_is(rig: Rig) -> None:
    await mode(rig, Mode.OBSERVE)
    rig.world.edit("web-1", memory_bytes=32 << 20)
    found = await story(rig)
    assert found.outlook == "nothing"
    assert found.next_call.arguments == {"drift": True, "target": "local", "resources": [WEB1]}


async def test_a_plan_that_waits_is_shown(rig: Rig) -> None:
    rig.world.edit("web-1", memory_bytes=32 << 20)
    assert (await story(rig)).outlook == "proposes"
    plan = await rig.planner.from_drift(LOCAL, [WEB1], ANNA)
    found = await story(rig)
    assert found.outlook == "proposed"
    assert found.next_call.arguments == {"id": plan.id}
    rig.clock.advance(2 * 86_400)
    assert (await story(rig)).outlook == "proposes"


async def test_what_a_person_rejected_is_left_alone(rig: Rig) -> None:
    rig.world.edit("web-1", memory_bytes=32 << 20)
    await rig.observer.discover(LOCAL)
    plan = await rig.planner.from_drift(LOCAL, [WEB1], ANNA)
    await rig.approver.decide(plan.id, ANNA, "reject", "we want it so", plan.digest)
    assert WEB1 in await Proposals(rig.ledger).rejected(LOCAL)
    assert (await story(rig)).outlook == "left_alone"


async def test_a_mandate_heals_until_it_ends_and_a_pause_waits_for_a_person(rig: Rig) -> None:
    await mode(rig, Mode.HEAL)
    rig.world.edit("web-1", memory_bytes=32 << 20)
    assert (await story(rig)).outlook == "proposes"
    now = rig.clock.now()
    mandate = Mandate(
        id="mandate_1", target=LOCAL, given_by=ANNA, reason="night", given_at=now, expires_at=now + timedelta(hours=1)
    )
    await rig.put(mandate)
    assert (await story(rig)).outlook == "heals"
    await rig.put(HealRecord(id=WEB1, target=LOCAL, paused=True, paused_at=now))
    found = await story(rig)
    assert found.outlook == "paused"
    assert f"opstwin resume {WEB1}" in found.outlook_text
    rig.clock.advance(7200)
    record = await rig.ledger.need(HealRecord, WEB1)
    await rig.put(replace(record, paused=False))
    assert (await story(rig)).outlook == "proposes"


async def test_an_unhealthy_resource_is_nothing_that_a_plan_would_put_back(rig: Rig) -> None:
    rig.world.ail("web-1")
    rig.clock.advance(10)
    found = await story(rig)
    assert (found.kind, found.cause, found.outlook) == (DriftKind.UNHEALTHY, "ended", "nothing")
    assert found.next_call.tool == "logs_search"


async def test_a_story_can_be_asked_for_by_resource_and_by_workload(rig: Rig) -> None:
    rig.world.edit("web-1", memory_bytes=32 << 20)
    rig.world.edit("web-2", memory_bytes=32 << 20)
    await rig.observer.discover(LOCAL)
    assert [item.resource for item in await stories(rig, resource="web-1")] == [WEB1]
    assert len(await stories(rig, resource="web")) == len(await stories(rig, target="local")) == 2
    with pytest.raises(NotFound):
        await stories(rig, target="nowhere")
