"""Diagnosis of a whole control plane on the simulator: what is found, with which evidence, and what it suggests."""

from datetime import timedelta
from typing import Any

import pytest

from opstwin.control.desired import set_desired
from opstwin.control.diagnosing import Diagnostician
from opstwin.control.diagnosing_calls import NextCall, call_text
from opstwin.control.diagnosing_findings import Diagnosis, Finding
from opstwin.control.diagnosing_logs import with_last_lines
from opstwin.domain.diagnosis import Code, Severity
from opstwin.domain.event import Event
from opstwin.domain.healing import Heal, HealRecord
from opstwin.domain.resource import Desired
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId
from opstwin.domain.workload import Mount, Port, Resources
from opstwin.errors import InvalidInput, NotFound, TargetError
from opstwin.intent.words import read_request
from opstwin.targets.sim.faults import Fault, FaultKind
from tests.rig import ANNA, BEN, LOCAL, Rig, app

WEB1 = ResourceId("local/container/web-1")
OLD_S = 120.0


@pytest.fixture
async def rig() -> Rig:
    ready = await Rig().ready()
    await ready.change_to(app(resources=Resources(memory_bytes=64 << 20)))
    return ready


async def diagnosis(rig: Rig, target: str | None = None, subject: str | None = None, language: str = "en") -> Diagnosis:
    assert rig.places is not None
    return await Diagnostician(rig.ledger, rig.places, rig.breakers, OLD_S).diagnose(target, subject, language)


async def only(rig: Rig, code: Code, **where: str) -> Finding:
    [found] = [item for item in (await diagnosis(rig, **where)).findings if item.code is code]
    return found


async def look(rig: Rig) -> None:
    await rig.observer.discover(LOCAL)


async def happened(rig: Rig, type: str, *minutes_ago: float, **details: Any) -> None:
    """Events of web-1 as a follower writes them."""
    at = [rig.clock.now() - timedelta(minutes=ago) for ago in sorted(minutes_ago, reverse=True)]
    await rig.ledger.commit(
        events=[Event(at=item, type=type, target=LOCAL, resource=WEB1, details=details) for item in at]
    )


def said(call: NextCall) -> str:
    return call_text(call)


async def test_nothing_found_says_so(rig: Rig) -> None:
    found = await diagnosis(rig)
    assert (found.findings, found.unchecked, found.targets) == ((), (), (LOCAL,))
    assert found.summary == "Nothing is wrong as far as the twin can tell."


async def test_a_container_that_keeps_ending_is_found_with_its_exit_code_and_the_way_back(rig: Rig) -> None:
    await rig.change_to(app(image="app:2"))
    rig.world.image("app:2", exposed=(80,), exits=3, start_s=0.5)
    rig.clock.advance(30)
    await look(rig)
    loops = [item for item in (await diagnosis(rig)).findings if item.code is Code.CRASH_LOOP]
    assert [item.subject for item in loops] == ["local/container/web-1", "local/container/web-2"]
    facts = {item.fact: item.value for item in loops[0].evidence}
    assert (facts["state"], facts["exit_code"]) == ("restarting", 3)
    assert {item.at for item in loops[0].evidence} == {rig.clock.now()}
    assert [said(call) for call in loops[0].next_calls] == [
        "logs_search(subject=local/container/web-1, tail=200)", "plan_create(rollback=web, target=local)",
    ]  # fmt: skip


async def test_running_out_of_memory_suggests_twice_the_limit(rig: Rig) -> None:
    rig.clock.advance(600)
    await happened(rig, "container.oom", 2)
    found = await only(rig, Code.OUT_OF_MEMORY)
    assert found.severity is Severity.CRITICAL
    assert "64 MiB" in found.why
    assert {item.fact for item in found.evidence} == {"container.oom", "memory_bytes"}
    words = found.next_calls[0].arguments["words"]
    assert words == "set web memory to 128Mi"


async def test_a_failing_health_check_suggests_a_restart(rig: Rig) -> None:
    rig.world.ail("web-1")
    rig.clock.advance(10)
    await look(rig)
    found = await only(rig, Code.UNHEALTHY)
    assert said(found.next_calls[0]) == 'plan_create(words="restart web", target=local)'
    assert {"fact": "health_output", "value": "the check failed"} in [
        {"fact": item.fact, "value": item.value} for item in found.evidence
    ]
    assert found.since is not None


async def test_restarts_by_somebody_else_are_a_storm(rig: Rig) -> None:
    rig.clock.advance(600)
    await happened(rig, "container.start", 1, 2, 3, 4, 5)
    assert (await only(rig, Code.RESTART_STORM)).subject == WEB1


async def test_restarts_by_an_execution_are_none(rig: Rig) -> None:
    await happened(rig, "container.start", 0, 0, 0, 0, 0)
    assert (await diagnosis(rig)).findings == ()


async def test_an_image_that_is_gone_is_found_for_what_runs_and_for_what_must_be_made(rig: Rig) -> None:
    rig.world.forget_image("app:1")
    rig.world.remove("web-2")
    await look(rig)
    found = {item.subject: item for item in (await diagnosis(rig)).findings if item.code is Code.IMAGE_MISSING}
    assert found[WEB1].severity is Severity.NOTICE
    missing = found["local/container/web-2"]
    assert missing.severity is Severity.CRITICAL
    assert said(missing.next_calls[0]) == "plan_create(drift=true, target=local, resources=[local/container/web-2])"


async def test_an_image_that_is_wanted_and_never_was_there_is_not_called_gone(rig: Rig) -> None:
    record = await rig.ledger.need(Desired, WEB1)
    await set_desired(
        rig.ledger, WEB1, {**(record.spec or {}), "image": "app:9"}, if_revision=record.revision, actor=ANNA
    )
    found = await only(rig, Code.IMAGE_MISSING, subject=WEB1)
    assert found.why == (
        "web-1 runs another image. app:9, which it should run, is not on local: it would have to be fetched."
    )


async def test_a_port_that_somebody_took_is_found_with_its_holder() -> None:
    rig = await Rig().ready()
    await rig.change_to(app(replicas=1, ports=(Port(container=80, host=8080),)))
    rig.world.remove("web-1")
    rig.world.run("thief", "app:1", ports=[{"container": 80, "host": 8080}])
    await look(rig)
    found = await only(rig, Code.PORT_CONFLICT)
    assert (found.subject, found.severity) == (WEB1, Severity.CRITICAL)
    assert "8080/tcp" in found.why
    assert "thief" in found.why
    assert said(found.next_calls[0]) == "twin_get(id=local/container/thief)"


async def test_a_volume_that_was_kept_is_found_and_one_in_use_is_not() -> None:
    rig = await Rig().ready()
    await rig.change_to(app(volumes=(Mount(path="/data", volume="web-data"),)))
    await look(rig)
    assert (await diagnosis(rig)).findings == ()
    plan = await rig.plan("delete web")
    await rig.approved(plan, BEN)
    await rig.applier.run((await rig.applier.start(plan.id, ANNA)).id)
    await look(rig)
    found = await only(rig, Code.ORPHANED_VOLUME)
    assert (found.subject, found.severity) == ("local/volume/web-data", Severity.NOTICE)
    assert "web" in found.why


async def test_while_a_container_cannot_be_seen_no_volume_is_called_orphaned() -> None:
    rig = await Rig().ready()
    rig.world.volume("theirs")
    rig.world.run("stranger", "app:1")
    await look(rig)
    assert [item.code for item in (await diagnosis(rig)).findings] == [Code.ORPHANED_VOLUME]
    rig.world.faults.add(Fault(call="observe", kind=FaultKind.UNREACHABLE))
    await rig.observer.observe([ResourceId("local/container/stranger")])
    found = await diagnosis(rig)
    assert found.findings == ()
    assert Code.ORPHANED_VOLUME in {item.code for item in found.unchecked}


async def test_drift_is_found_with_the_exit_code_of_what_stopped(rig: Rig) -> None:
    rig.world.edit("web-1", restart="no")
    rig.world.kill("web-1", 3)
    rig.world.edit("web-2", memory_bytes=32 << 20)
    await look(rig)
    found = {item.subject: item for item in (await diagnosis(rig)).findings}
    assert {item.code for item in found.values()} == {Code.DRIFT}
    assert found["local/container/web-2"].severity is Severity.WARNING
    assert "memory_bytes" in found["local/container/web-2"].why


async def test_a_target_that_is_away_is_one_finding_and_everything_else_there_is_a_doubt(rig: Rig) -> None:
    rig.world.faults.add(Fault(call="*", kind=FaultKind.UNREACHABLE, times=None))
    with pytest.raises(TargetError):
        await look(rig)
    rig.clock.advance(900)
    found = await diagnosis(rig)
    [away] = found.findings
    assert (away.code, away.subject, away.severity) == (Code.TARGET_AWAY, LOCAL, Severity.CRITICAL)
    assert away.since is not None
    assert said(away.next_calls[0]) == "discover(id=local)"
    unchecked = {item.code: item.count for item in found.unchecked}
    assert unchecked[Code.CRASH_LOOP] == unchecked[Code.DRIFT] == 2
    assert "could not be told" in found.summary


async def test_a_target_that_answers_again_is_no_longer_away(rig: Rig) -> None:
    down = rig.world.faults.add(Fault(call="*", kind=FaultKind.UNREACHABLE, times=None))
    with pytest.raises(TargetError):
        await look(rig)
    rig.world.faults.remove(down)
    rig.clock.advance(60)
    await look(rig)
    assert (await diagnosis(rig)).findings == ()


async def test_observations_that_grew_old_are_found(rig: Rig) -> None:
    rig.clock.advance(OLD_S - 10)
    assert (await diagnosis(rig)).findings == ()
    rig.clock.advance(600)
    found = await only(rig, Code.STALE_OBSERVATION)
    assert (found.subject, found.severity) == (LOCAL, Severity.WARNING)
    assert said(found.next_calls[0]) == "discover(id=local)"


async def test_a_plan_that_ran_out_suggests_to_ask_again_unless_somebody_has(rig: Rig) -> None:
    plan = await rig.plan("scale web to 3")
    rig.clock.advance(2 * 86_400)
    await look(rig)
    found = await only(rig, Code.EXPIRED_APPROVAL)
    assert found.subject == plan.id
    assert said(found.next_calls[0]) == 'plan_create(words="scale web to 3", target=local)'
    await rig.plan("scale web to 3")
    assert (await diagnosis(rig)).findings == ()


async def test_an_approval_that_ran_out_is_told_apart_from_a_plan_that_did(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan("scale web to 3"))
    assert plan.expires_at > rig.clock.now() + timedelta(hours=23)
    rig.clock.advance(86_400 - 60)
    await look(rig)
    codes = [item.code for item in (await diagnosis(rig)).findings]
    assert codes == [Code.EXPIRED_APPROVAL]
    assert "approved" in (await only(rig, Code.EXPIRED_APPROVAL)).why


async def test_paused_healing_is_found(rig: Rig) -> None:
    now = rig.clock.now()
    await rig.put(HealRecord(id=WEB1, target=LOCAL, heals=(Heal(at=now),) * 3, paused=True, paused_at=now))
    found = await only(rig, Code.HEALING_PAUSED)
    assert (found.subject, found.since) == (WEB1, now)
    assert said(found.next_calls[0]) == f"drift_explain(resource={WEB1})"


async def test_the_most_severe_come_first_and_then_the_oldest(rig: Rig) -> None:
    rig.world.volume("unused")
    rig.world.edit("web-2", memory_bytes=32 << 20)
    await look(rig)
    rig.clock.advance(60)
    rig.world.ail("web-1")
    rig.clock.advance(10)
    await look(rig)
    found = await diagnosis(rig)
    assert [(item.severity.value, item.code.value) for item in found.findings] == [
        ("critical", "unhealthy"), ("warning", "drift"), ("notice", "orphaned_volume"),
    ]  # fmt: skip
    assert found.summary == "3 finding(s): 1 critical, 1 warning, 1 notice."


@pytest.mark.parametrize("subject", ["web", "web-1", "local/container/web-1"])
async def test_a_diagnosis_can_be_about_one_subject_and_its_target(rig: Rig, subject: str) -> None:
    await rig.change_to(app(), app("api", replicas=1))
    rig.world.volume("unused")
    rig.world.edit("web-1", running=False)
    rig.world.edit("api-1", running=False)
    await look(rig)
    found = await diagnosis(rig, subject=subject)
    assert [item.subject for item in found.findings] == [WEB1]


async def test_a_plan_can_be_the_subject(rig: Rig) -> None:
    plan = await rig.plan("scale web to 3")
    rig.world.edit("web-1", running=False)
    rig.clock.advance(2 * 86_400)
    await look(rig)
    assert [item.subject for item in (await diagnosis(rig, subject=plan.id)).findings] == [plan.id]


async def test_what_is_not_there_cannot_be_diagnosed(rig: Rig) -> None:
    for where in ({"subject": "nothing"}, {"target": "nowhere"}, {"subject": "plan_9"}, {"subject": "local/volume/x"}):
        with pytest.raises(NotFound):
            await diagnosis(rig, **where)
    with pytest.raises(InvalidInput):
        await diagnosis(rig, target="local", subject="other/container/web-1")


async def test_a_diagnosis_asks_no_target_and_writes_nothing(rig: Rig) -> None:
    rig.world.faults.add(Fault(call="*", kind=FaultKind.UNREACHABLE, times=None))
    rows = await rig.audit()
    await diagnosis(rig)
    assert rig.world.faults.struck == []
    assert await rig.audit() == rows


async def test_every_finding_speaks_korean_too(rig: Rig) -> None:
    rig.world.edit("web-1", running=False)
    await look(rig)
    found = await diagnosis(rig, language="ko")
    assert found.summary == "발견 1건: 1 심각."
    assert found.findings[0].why == "web-1이(가) 실행되어야 하지만 멈춰 있습니다."


async def test_words_that_are_suggested_are_understood(rig: Rig) -> None:
    rig.clock.advance(600)
    await happened(rig, "container.oom", 2)
    rig.world.ail("web-1")
    rig.clock.advance(10)
    await look(rig)
    calls = [call for item in (await diagnosis(rig)).findings for call in item.next_calls]
    words = [str(call.arguments["words"]) for call in calls if "words" in call.arguments]
    assert len(words) == 2
    for text in words:
        plan = await rig.planner.from_ask(read_request(text), request=text, actor=ANNA)
        assert plan.changes


async def test_a_target_that_is_switched_off_is_left_out(rig: Rig) -> None:
    off = Target(
        id="spare", display_name="Spare", backend_type="kubernetes", agent_endpoint="http://spare", is_active=False,
        created_at=rig.clock.now(),
    )  # type: ignore[arg-type]  # fmt: skip
    await rig.put(off)
    assert (await diagnosis(rig)).targets == (LOCAL,)


async def test_the_last_lines_of_a_failing_container_are_evidence_without_their_secrets(rig: Rig) -> None:
    rig.world.say("web-1", "cannot reach db, password=hunter2", "stderr")
    rig.world.ail("web-1")
    rig.clock.advance(10)
    await look(rig)
    assert rig.places is not None
    found = await with_last_lines(rig.ledger, rig.places, rig.breakers, (await diagnosis(rig)).findings)
    line = found[0].evidence[-1]
    assert (line.fact, line.value, line.source) == ("stderr", "cannot reach db, password=***", "log")


async def test_a_log_that_cannot_be_read_leaves_the_finding_as_it_is(rig: Rig) -> None:
    rig.world.ail("web-1")
    rig.clock.advance(10)
    await look(rig)
    rig.world.faults.add(Fault(call="logs", kind=FaultKind.TIMEOUT))
    findings = (await diagnosis(rig)).findings
    assert rig.places is not None
    assert await with_last_lines(rig.ledger, rig.places, rig.breakers, findings) == findings
