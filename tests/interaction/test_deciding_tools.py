"""What a model reads around a change: what would happen, who must decide, what became of it, and the next call."""

from datetime import UTC, datetime

import pytest

from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment
from opstwin.domain.values import ExecutionId, PlanId, TargetId
from opstwin.errors import InvalidInput, NotApproved, NotFound
from opstwin.tools.searching import DEEP
from opstwin.twin.store import Put
from tests.interaction.crowd import SETTER
from tests.interaction.house import URL, House
from tests.interaction.reading_model import BUDGET, Model

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def model(house: House) -> Model:
    return Model(house)


async def test_discovering_says_what_is_new_and_what_is_gone_and_what_to_do_next(model: Model) -> None:
    model.house.world.run("stray", "app:1")
    first = await model.brief("discover", id="local")
    assert first["items"] == ["local/container/stray new"]
    assert "exceptions" not in first
    model.house.world.remove("stray")
    data, text = await model.both("discover", id="local")
    assert data["exceptions"] == ["local/container/stray gone"]
    assert data["summary"] == "local: 3 resources there, 1 of them not as before."
    assert data["hint"] == "twin_query(target=local), then plan_create(…)"
    assert "Next: twin_query(target=local)" in text


async def test_refusing_to_apply_says_all_that_leads_a_human_to_the_decision(model: Model) -> None:
    plan = await model.brief("plan_create", words="deploy app:1 as web")
    with pytest.raises(NotApproved) as caught:
        await model.whole("plan_apply", id=plan["id"])
    details = caught.value.details
    assert details["status"] == "waiting_for_human"
    assert details["summary"] == plan["summary"] != ""
    assert details["approve_url"] == f"{URL}/plans/{plan['id']}"
    assert details["approve_command"] == f"opstwin approve {plan['id']}"
    assert (details["risk"], details["digest"], details["approvals_needed"]) == ("low", plan["digest"], 1)
    assert details["approvers"] == ["operator", "owner"]
    assert details["requested_by"] == "planner"
    assert not model.house.effects


async def test_applying_the_plan_of_somebody_else_says_the_same_and_a_rejected_one_does_not_wait(model: Model) -> None:
    async with model.house.caller("operator") as operator:
        plan = await operator.planned("deploy app:1 as web")
    with pytest.raises(NotApproved) as caught:
        await model.whole("plan_apply", id=plan["id"])
    assert caught.value.details["requested_by"] == "operator"
    assert caught.value.details["status"] == "waiting_for_human"
    async with model.house.caller("owner") as owner:
        await owner.post(f"/plans/{plan['id']}:decide", {"decision": "no", "reason": "no"})
    with pytest.raises(NotApproved) as refused:
        await model.whole("plan_apply", id=plan["id"])
    assert refused.value.details["status"] == "rejected"
    assert "approve_command" not in refused.value.details


async def test_every_step_of_the_loop_names_the_next(model: Model) -> None:
    plan, text = await model.both("plan_create", words="deploy app:1 as web with 2 replicas")
    id = plan["id"]
    assert plan["hint"] == f"show a human these lines; they decide: opstwin approve {id}; then plan_apply(id={id})"
    assert plan["summary"] == "Plan: 2 to add, 0 to change, 0 to remove."
    assert any("web-1 will be created" in line for line in plan["lines"])
    assert plan["approve_command"] in text
    assert f"Digest: {plan['digest']}" in text.splitlines()
    async with model.house.caller() as owner:
        await owner.post(f"/plans/{id}:decide", {"decision": "approve", "digest": plan["digest"]})
    shown = await model.brief("plan_show", id=id)
    assert shown["hint"] == f"plan_apply(id={id})"
    assert shown["decisions"] == ["approve by owner"]
    started = await model.brief("plan_apply", id=id)
    assert f"execution_get(id={started['id']}" in started["hint"]
    await model.house.work()
    ended, told = await model.both("execution_get", id=started["id"])
    assert ended["state"] == "succeeded"
    assert ended["counts"] == {"steps": {"done": 2}}
    assert ended["steps"] == ["create container web-1 done", "create container web-2 done"]
    assert ended["hint"] == f"see it: twin_query(target=local); undo it: rollback_plan(id={ended['id']})"
    assert len(told) < 400
    assert (await model.brief("plan_show", id=id))["hint"] == f"what became of it: execution_get(id={ended['id']})"


async def test_a_plan_and_an_execution_read_the_same_whichever_tool_shows_them(model: Model) -> None:
    execution = await model.done("deploy app:1 as web")
    assert await model.both("twin_get", id=execution) == await model.both("execution_get", id=execution)
    plan = (await model.whole("execution_get", id=execution))["plan_id"]
    data, text = await model.both("twin_get", id=plan)
    shown, told = await model.both("plan_show", id=plan)
    assert text == told
    assert data == shown


async def test_what_went_wrong_comes_first_in_a_failed_execution(model: Model) -> None:
    execution = await model.done("deploy app:bad as web with 2 replicas")
    data = await model.brief("execution_get", id=execution)
    assert data["state"] == "rolled_back"
    assert data["error"].endswith("Mend the cause, then plan again: plan_create(…)")
    assert not any("Mend the cause" in step for step in data["steps"])
    assert data["counts"]["undone"]
    assert "diagnose(" in data["hint"]


async def test_a_long_plan_is_capped_and_says_so(model: Model) -> None:
    plan = await model.brief("plan_create", words="deploy app:1 as web with 40 replicas")
    assert len(plan["lines"]) <= 61
    assert plan["lines"][-1].endswith("more: response_format=detailed")
    assert plan["summary"] == "Plan: 40 to add, 0 to change, 0 to remove."


@pytest.mark.parametrize("by", ["web", "local/workload/web", "execution", "plan"])
async def test_the_way_back_is_a_plan_from_a_workload_an_execution_or_a_plan(model: Model, by: str) -> None:
    await model.done("deploy app:1 as web")
    execution = await model.done("upgrade web to app:2")
    ids = {"execution": execution, "plan": (await model.whole("execution_get", id=execution))["plan_id"]}
    plan = await model.brief("rollback_plan", id=ids.get(by, by))
    assert plan["state"] == "pending"
    assert any('image = "app:2" -> "app:1"' in line for line in plan["lines"])
    assert plan["hint"].startswith("show a human these lines")


async def test_there_is_no_way_back_from_what_never_was(model: Model) -> None:
    plan = await model.brief("plan_create", words="deploy app:1 as web")
    for nothing in ("nowhere", "exec_0000000000", "plan_0000000000", plan["id"], "local/workload/none"):
        with pytest.raises(NotFound) as caught:
            await model.whole("rollback_plan", id=nothing)
        assert caught.value.next_step


async def test_logs_of_a_hub_that_manages_nothing_say_how_to_read_those_of_others(model: Model) -> None:
    data, text = await model.both("logs_search")
    assert data["summary"].startswith("Nothing is managed here")
    assert "logs_search(subject=…)" in data["hint"]
    assert "twin_query(kind=container)" in text.splitlines()[-1]


async def test_the_past_names_only_a_way_back_that_there_is(model: Model) -> None:
    assert (await model.brief("history_search"))["hint"] == "what runs all the same: twin_query()"
    narrowed = await model.brief("history_search", workload="web")
    assert narrowed["hint"] == "nothing fits; all of them: history_search()"
    made = await model.done("deploy app:1 as web")
    assert (await model.brief("history_search"))["hint"].endswith(f"go back: rollback_plan(id={made})")
    await model.done("upgrade web to app:2")
    assert (await model.brief("history_search"))["hint"].endswith("go back: rollback_plan(id=web)")
    for words in ("deploy app:bad as api", "upgrade web to app:bad"):
        failed = await model.done(words)
        assert (await model.brief("history_search"))["hint"] == f"one in full: execution_get(id={failed})"


async def test_the_past_is_searched_by_workload_target_outcome_image_and_text(model: Model) -> None:
    await model.done("deploy app:1 as web")
    await model.done("upgrade web to app:2")
    failed = await model.done("deploy app:bad as api")
    data, text = await model.both("history_search")
    assert data["summary"] == "3 deployments: 2 succeeded, 1 did not."
    assert data["counts"] == {"outcome": {"succeeded": 2, "rolled_back": 1}, "workload": {"web": 2, "api": 1}}
    assert [line.split()[2] for line in data["exceptions"]] == ["local/api"]
    assert "app:2 ×1 (was app:1) succeeded" in data["items"][0]
    assert f"execution_get(id={failed})" in data["hint"]
    assert len(text) <= BUDGET
    for asked, number in (
        ({"workload": "web"}, 2), ({"workload": "none"}, 0), ({"target": "local"}, 3), ({"target": "other"}, 0),
        ({"outcome": "succeeded"}, 2), ({"outcome": "failed"}, 1), ({"outcome": "rolled_back"}, 1),
        ({"outcome": "needs_human"}, 0), ({"image": "app:2"}, 1), ({"image": "APP"}, 3), ({"text": failed}, 1),
        ({"text": "api"}, 1),
    ):  # fmt: skip
        found = await model.whole("history_search", **asked)
        assert len(found["items"]) + len(found["exceptions"]) == number, asked


async def test_pages_of_the_past_fit_together_also_when_more_happens(model: Model) -> None:
    for number in range(5):
        await model.done(f"deploy app:{1 + number % 2} as web-{number}")
    got: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await model.whole("history_search", limit=2, **cursor)
        got += [row["workload"] for row in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
        if len(got) == 2:
            await model.done("deploy app:1 as late")
    assert got == ["web-4", "web-3", "web-2", "web-1", "web-0"]
    with pytest.raises(InvalidInput):
        await model.whole("history_search", cursor="nonsense!")


def deployment(number: int) -> Deployment:
    """One of many; only the first was of the image `rare`."""
    image = "rare" if number == 0 else "app"
    return Deployment(
        id=f"dep_{number:05d}", service_name="web", image_name=image, image_tag="1", replicas=1,
        target_cluster=TargetId("local"), deployed_at=MOMENT, success=True, outcome="succeeded",
        plan_id=PlanId("plan_0"), execution_id=ExecutionId("exec_0"), workload=None,
    )  # fmt: skip


async def test_a_search_far_back_says_how_far_it_looked_and_goes_on_from_its_cursor(model: Model) -> None:
    ledger = model.house.services.ledger
    for first in range(0, DEEP + 500, 500):
        entry = AuditEntry(action="test.put", subject="past", actor=SETTER)
        await ledger.commit([Put(deployment(first + number)) for number in range(500)], [entry])
    near = await model.whole("history_search", image="rare")
    assert near["summary"] == f"0 deployments among the newest {DEEP}: 0 succeeded, 0 did not."
    far = await model.whole("history_search", image="rare", cursor=near["next"])
    assert [row["id"] for row in far["items"]] == ["dep_00000"]
    assert far["next"] is None


async def test_what_waits_is_listed_with_whom_it_waits_for_and_for_how_long(model: Model) -> None:
    quiet = await model.brief("approvals_list")
    assert quiet["summary"] == "0 plans wait for a human."
    await model.done("deploy app:1 as web")
    first = await model.brief("plan_create", words="scale web to 3")
    model.house.clock.advance(600)
    second = await model.brief("plan_create", words="delete web")
    data, text = await model.both("approvals_list")
    assert data["summary"] == "2 plans wait for a human."
    [risky] = data["exceptions"]
    [ordinary] = data["items"]
    assert risky.startswith(f"{second['id']} high on local by planner, waits 0s for operator: ")
    assert ordinary.startswith(f"{first['id']} low on local by planner, waits 10m for operator, owner: ")
    assert f"{URL}/plans/{first['id']} or: opstwin approve {first['id']}" in ordinary
    assert data["decisions"][0].endswith(" approve by operator 10m ago: looks right")
    assert data["hint"].startswith(f"show a human what it does: plan_show(id={second['id']})")
    assert len(text) <= BUDGET


async def test_an_approval_that_ran_out_waits_again_and_what_was_applied_does_not(model: Model) -> None:
    async with model.house.caller() as owner:
        plan = await owner.approved("deploy app:1 as web")
    assert (await model.whole("approvals_list"))["items"] == []
    model.house.clock.advance(7200)
    [item] = (await model.whole("approvals_list"))["items"]
    assert (item["id"], item["again"], item["given"], item["needed"]) == (plan["id"], True, 0, 1)
    model.house.clock.advance(86400)
    assert (await model.whole("approvals_list"))["items"] == [], "too old to decide on"


async def test_pages_of_what_waits_fit_together_also_when_one_is_decided(model: Model) -> None:
    plans: list[str] = []
    for number in range(4):
        plans.append((await model.brief("plan_create", words=f"deploy app:1 as web-{number}"))["id"])
        model.house.clock.advance(1)
    first = await model.whole("approvals_list", limit=2)
    async with model.house.caller() as owner:
        await owner.post(f"/plans/{plans[1]}:decide", {"decision": "no", "reason": "no"})
    rest = await model.whole("approvals_list", limit=2, cursor=first["next"])
    assert [row["id"] for page in (first, rest) for row in page["items"]] == plans
    with pytest.raises(InvalidInput):
        await model.whole("approvals_list", cursor="plan_none")
