"""A plan that is asked for under an id is made once, however often and by however many processes it is asked for."""

import asyncio
from dataclasses import replace

import pytest

from opstwin.control.ids import id_from
from opstwin.domain.audit import AuditRow
from opstwin.domain.plan import Origin, Plan, PlanState
from opstwin.errors import Conflict
from opstwin.intent.words import read_request
from tests.rig import ANNA, LOCAL, ROBOT, Rig, app

WORDS = f"deploy app:1 as web on {LOCAL}"
ID = id_from("plan", b"thread turn call")


@pytest.fixture
async def rig() -> Rig:
    return await Rig().ready()


async def asked(rig: Rig, **more: object) -> Plan:
    given = {"actor": ROBOT, "plan_id": ID, **more}
    return await rig.planner.from_ask(read_request(WORDS), request=WORDS, **given)  # type: ignore[arg-type]


async def test_it_is_stored_and_audited_once(rig: Rig) -> None:
    first, *others = await asyncio.gather(*(asked(rig) for _ in range(8)))
    assert all(other.digest == first.digest for other in others)
    assert [plan.id for plan in await rig.ledger.all(Plan)] == [ID]
    assert len(await rig.ledger.all(AuditRow, {"action": "plan.create"})) == 1


@pytest.mark.parametrize("state", [PlanState.APPROVED, PlanState.REJECTED, PlanState.STALE])
async def test_what_became_of_it_is_told_and_nothing_is_made_anew(rig: Rig, state: PlanState) -> None:
    made = await asked(rig)
    await rig.put(replace(made, state=state))
    assert (await asked(rig)).state is state
    assert len(await rig.ledger.all(Plan)) == 1


async def test_another_ones_plan_of_that_id_is_nobody_elses(rig: Rig) -> None:
    await asked(rig)
    with pytest.raises(Conflict):
        await asked(rig, actor=ANNA)


async def test_files_and_ways_back_have_it_too(rig: Rig) -> None:
    about = {"request": "file", "origin": Origin.FILE, "actor": ROBOT, "plan_id": ID}
    for _ in range(2):
        plan = await rig.planner.from_workloads(LOCAL, [app("web")], **about)  # type: ignore[arg-type]
        assert plan.id == ID
    done = await rig.change_to(app("api"))
    other = id_from("plan", b"another call")
    back = [await rig.planner.rollback(str(done.id), ROBOT, plan_id=other) for _ in range(2)]
    assert [plan.id for plan in back] == [other, other]


def test_ids_differ_with_the_digest_and_look_like_others() -> None:
    assert id_from("plan", b"\x00" * 32) == "plan_0000000000"
    assert len({id_from("plan", bytes([number]) * 32) for number in range(256)}) == 256
