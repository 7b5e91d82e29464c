"""What a model reads of the twin: counts and what is wrong first, little of it, and the next call."""

import json
from dataclasses import replace
from typing import Any

import pytest

from opstwin.control.people import actor_of
from opstwin.domain.resource import Health, Observed, Presence
from opstwin.errors import InvalidInput, NotApproved, NotFound, Unclear
from opstwin.tools import guard
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.registry import Caller
from opstwin.tools.shaping import CONCISE, shaped
from opstwin.twin.store import Put
from tests.interaction.crowd import Crowd
from tests.interaction.house import URL, House

BUDGET = 400 * 4
"""Characters of a default answer, at 4 a token; the text and the data each stay below it."""


class Model:
    """An AI client that acts for the owner."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def whole(self, name: str, **raw: Any) -> dict[str, Any]:
        """The whole answer."""
        agent = await self.house.services.people.get("planner")
        actor = replace(actor_of(agent, "mcp"), on_behalf_of="owner")
        caller = Caller(principal=agent, scopes=agent.scopes, actor=actor, request_id="req_1", base_url=URL)
        answer = await guard.call(REGISTRY[name], self.house.services, caller, raw)
        assert isinstance(answer, dict)
        return answer

    async def brief(self, name: str, **raw: Any) -> dict[str, Any]:
        """What it gets by default, as data."""
        return (await self.both(name, **raw))[0]

    async def both(self, name: str, **raw: Any) -> tuple[dict[str, Any], str]:
        """What it gets by default, as data and as text."""
        data, text = shaped(REGISTRY[name], await self.whole(name, **raw), CONCISE, None)
        return json.loads(json.dumps(data)), text

    async def done(self, words: str) -> str:
        """Plan, approve, apply and finish; returns the execution's id."""
        async with self.house.caller("owner") as owner, self.house.caller("operator") as operator:
            plan = await owner.planned(words)
            decision = {"decision": "approve", "reason": "looks right", "digest": plan["digest"]}
            assert (await operator.post(f"/plans/{plan['id']}:decide", decision)).status_code == 200
        execution = await self.whole("plan_apply", id=plan["id"])
        await self.house.work()
        return str(execution["id"])


@pytest.fixture
async def model(house: House) -> Model:
    return Model(house)


def size(data: dict[str, Any]) -> int:
    """Characters of an answer as it goes over the wire."""
    return len(json.dumps(data, ensure_ascii=False, separators=(",", ":")))


async def seen(house: House, name: str, **changes: Any) -> None:
    """Let a container of `local` be seen otherwise."""
    ledger = house.services.ledger
    old = await ledger.get(Observed, f"local/container/{name}")
    assert old is not None
    await ledger.commit([Put(replace(old, **changes))])


CROWDS = {
    "all_well": Crowd(500),
    "some_ill": Crowd(500, unhealthy_every=9, drifted_every=50),
    "many_targets": Crowd(500, targets=40, unhealthy_every=20),
    "long_names": Crowd(
        500, unhealthy_every=2, name="a" * 55, image="registry.example.com/" + "b" * 200, place="p" * 58
    ),
    "all_ill": Crowd(700, targets=3, unhealthy_every=1),
}


@pytest.mark.parametrize("crowd", CROWDS)
async def test_a_question_about_500_workloads_is_answered_within_400_tokens(model: Model, crowd: str) -> None:
    await CROWDS[crowd].settle(model.house.services.ledger)
    data, text = await model.both("twin_query")
    assert data["counts"]["kind"]["container"] >= 500
    assert size(data) <= BUDGET
    assert len(text) <= BUDGET
    assert len(data.get("exceptions", [])) + len(data.get("items", [])) >= 1
    workloads, told = await model.both("twin_query", kind="workload")
    assert workloads["counts"]["kind"] == {"workload": CROWDS[crowd].workloads}
    assert max(size(workloads), len(told)) <= BUDGET


async def test_counts_and_what_is_wrong_come_before_what_is_in_order(model: Model) -> None:
    await model.done("deploy app:1 as web with 3 replicas")
    await seen(model.house, "web-2", health=Health.UNHEALTHY)
    await seen(model.house, "web-3", presence=Presence.UNKNOWN, health=Health.UNKNOWN)
    data, text = await model.both("twin_query", kind="container")
    assert list(data) == ["summary", "counts", "exceptions", "items", "hint"]
    assert data["summary"] == "3 resources on 1 target (1 workload): 2 need attention."
    assert data["counts"] == {
        "kind": {"container": 3}, "health": {"healthy": 1, "unhealthy": 1, "unknown": 1},
        "drift": {"unhealthy": 1, "unknown": 1}, "attention": {"unhealthy": 1, "unknown": 1},
    }  # fmt: skip
    assert data["exceptions"][0] == "local/container/web-2 running unhealthy app:1"
    assert data["exceptions"][1].startswith("local/container/web-3 unknown app:1 seen ")
    assert data["items"] == ["local/container/web-1 running healthy app:1"]
    assert "twin_get(id=local/container/web-2)" in data["hint"]
    assert text.index("Attention:") < text.index("web-2") < text.index("Items:") < text.index("web-1")


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"workload": "web"}, ["web-1", "web-2"]),
        ({"text": "API"}, ["api-1"]),
        ({"text": "app:2"}, ["api-1"]),
        ({"text": "*b-1"}, ["web-1"]),
        ({"text": "b-1*x"}, []),
        ({"health": "unhealthy"}, ["web-2"]),
        ({"drift": "any"}, ["web-2"]),
        ({"drift": "unhealthy"}, ["web-2"]),
        ({"drift": "changed"}, []),
        ({"drift": "none"}, ["api-1", "web-1"]),
        ({"attention": True}, ["web-2"]),
        ({"attention": False}, ["api-1", "web-1"]),
        ({"managed": False}, []),
        ({"stale": True}, []),
        ({"target": "local", "managed": True}, ["api-1", "web-1", "web-2"]),
    ],
)
async def test_each_filter_keeps_what_fits(model: Model, asked: dict[str, Any], names: list[str]) -> None:
    await model.done("deploy app:1 as web with 2 replicas")
    await model.done("deploy app:2 as api")
    await seen(model.house, "web-2", health=Health.UNHEALTHY)
    found = await model.whole("twin_query", kind="container", **asked)
    assert sorted(row["name"] for row in (*found["exceptions"], *found["items"])) == names


async def test_what_nobody_looked_at_for_long_needs_attention(model: Model) -> None:
    await model.done("deploy app:1 as web")
    assert "attention" not in (await model.brief("twin_query"))["counts"]
    model.house.clock.advance(3600)
    found = await model.brief("twin_query", kind="container", stale=True)
    assert found["counts"]["attention"] == {"stale": 1}
    assert found["exceptions"] == ["local/container/web-1 running healthy app:1 seen 1h ago"]


async def test_a_container_that_keeps_restarting_needs_attention_until_it_has_run_for_long(model: Model) -> None:
    await model.done("deploy app:1 as web")
    facts: dict[str, Any] = {"state": "running", "restart_count": 7}
    started = model.house.clock.now()
    await seen(model.house, "web-1", facts={**facts, "started_at": started.isoformat()}, observed_at=started)
    found = await model.brief("twin_query", kind="container")
    assert found["exceptions"] == ["local/container/web-1 running healthy app:1 restarts:7"]
    model.house.clock.advance(900)
    await seen(
        model.house, "web-1", facts={**facts, "started_at": started.isoformat()}, observed_at=model.house.clock.now()
    )
    assert "exceptions" not in await model.brief("twin_query", kind="container")


async def test_pages_fit_together_whatever_is_wrong(model: Model) -> None:
    await Crowd(60, targets=2, unhealthy_every=7).settle(model.house.services.ledger)
    wanted = await model.whole("twin_query", limit=1000)
    everything = [row["id"] for row in (*wanted["exceptions"], *wanted["items"])]
    assert len(everything) == len(set(everything)) >= 60
    for limit in (None, 7):
        got: list[str] = []
        cursor: str | None = None
        while True:
            asked = {"cursor": cursor} if cursor else {}
            page = await model.whole("twin_query", **asked, **({"limit": limit} if limit else {}))
            got += [row["id"] for row in (*page["exceptions"], *page["items"])]
            assert page["counts"] == wanted["counts"], "counts are over everything, not over the page"
            cursor = page["next"]
            if cursor is None:
                break
        assert got == everything


async def test_workloads_are_told_as_a_whole(model: Model) -> None:
    await model.done("deploy app:1 as web with 2 replicas")
    await model.done("deploy app:2 as api")
    await seen(model.house, "web-2", health=Health.UNHEALTHY)
    data = await model.brief("twin_query", kind="workload")
    assert data["summary"] == "2 workloads on 1 target: 1 needs attention."
    assert data["exceptions"] == ["local/workload/web 2/2 unhealthy app:1"]
    assert data["items"] == ["local/workload/api 1/1 healthy app:2"]
    await model.done("delete web")
    after = await model.brief("twin_query", kind="workload")
    assert [item.split()[0] for item in after["items"]] == ["local/workload/api"]


async def test_a_target_that_is_not_there_is_answered_with_the_nearest(model: Model) -> None:
    with pytest.raises(NotFound) as caught:
        await model.whole("twin_query", target="locale")
    assert "local" in caught.value.next_step
    with pytest.raises(InvalidInput) as wrong:
        await model.whole("twin_query", cursor="nonsense")
    assert wrong.value.field == "cursor"


async def test_the_answer_holds_what_was_written_a_moment_ago(model: Model) -> None:
    nothing = await model.brief("twin_query", kind="container")
    assert nothing["summary"] == "Nothing fits; the twin knows 3 resources."
    assert nothing["hint"] == "Without filters: twin_query()"
    await model.done("deploy app:1 as web")
    assert (await model.brief("twin_query", workload="web"))["counts"]["kind"] == {"container": 1}


HOSTILE = "x`|y](http://evil) <img src=x> \n# Ignore\u202e all \x1b[31m"


async def test_nothing_that_a_target_says_becomes_markdown_or_moves_the_text(model: Model) -> None:
    await model.done("deploy app:1 as web")
    await seen(model.house, "web-1", facts={"state": HOSTILE}, spec={"image": HOSTILE})
    for name, asked in (("twin_query", {"kind": "container"}), ("twin_get", {"id": "local/container/web-1"})):
        data, text = await model.both(name, **asked)
        for line in text.splitlines():
            assert not line.startswith("#")
        for bad in ("\u202e", "\x1b", "\n#", " <img", "y](", "x`|"):
            assert bad not in text
        assert "\u202e" not in json.dumps(data, ensure_ascii=False)


async def test_a_resource_is_told_with_what_differs_and_what_happened(model: Model) -> None:
    execution = await model.done("deploy app:1 as web with 2 replicas")
    old = await model.house.services.ledger.get(Observed, "local/container/web-1")
    assert old is not None
    assert old.spec is not None
    await seen(model.house, "web-1", spec={**old.spec, "image": "app:9"}, revision=old.revision + 1)
    data, text = await model.both("twin_get", id="local/container/web-1")
    assert data["summary"] == "local/container/web-1 running healthy app:9 drift:changed"
    assert '~ image = "app:1" -> "app:9"' in data["differences"]
    assert data["settings"]["image"] == "app:9"
    assert any("runs local/image/" in item for item in data["links"])
    assert any("set to revision 1 by planner" in item for item in data["changes"])
    assert data["hint"].startswith("why: drift_explain(resource=local/container/web-1)")
    assert max(size(data), len(text)) <= BUDGET
    assert execution.startswith("exec_")


@pytest.mark.parametrize("id", ["web", "local/workload/web"])
async def test_a_workload_is_told_with_its_resources_and_its_past(model: Model, id: str) -> None:
    await model.done("deploy app:1 as web with 2 replicas")
    execution = await model.done("upgrade web to app:2")
    data, text = await model.both("twin_get", id=id)
    assert data["id"] == "local/workload/web"
    assert data["summary"] == "local/workload/web 2/2 healthy app:2"
    assert data["settings"]["replicas"] == "2"
    assert [part.split()[0] for part in data["parts"]] == ["local/container/web-1", "local/container/web-2"]
    assert f"succeeded: app:2 {execution}" in data["changes"]
    assert data["hint"] == "its past: history_search(workload=web)"
    assert max(size(data), len(text)) <= BUDGET


async def test_targets_plans_and_executions_are_told_by_their_ids(model: Model) -> None:
    execution = await model.done("deploy app:1 as web")
    target = await model.brief("twin_get", id="local")
    assert target["summary"].startswith("target local (sim, propose): it answers, seen ")
    assert (await model.brief("twin_get", id="target/local")) == target
    plan = (await model.whole("execution_get", id=execution))["plan_id"]
    assert (await model.brief("twin_get", id=plan)) == (await model.brief("plan_show", id=plan))
    assert (await model.brief("twin_get", id=execution)) == (await model.brief("execution_get", id=execution))


async def test_an_id_of_nothing_is_answered_with_the_nearest_and_the_next_call(model: Model) -> None:
    await model.done("deploy app:1 as web")
    for wrong, near in (("wbe", "local/workload/web"), ("local/container/web-7", "local/container/web-1")):
        with pytest.raises(NotFound) as caught:
            await model.whole("twin_get", id=wrong)
        assert near in caught.value.details["choices"]  # type: ignore[operator]
        assert "twin_query(text=" in caught.value.next_step
    for gone in ("plan_0000000000", "exec_0000000000"):
        with pytest.raises(NotFound) as caught:
            await model.whole("twin_get", id=gone)
        assert caught.value.next_step


async def test_a_name_that_several_things_bear_is_asked_back(model: Model) -> None:
    await Crowd(2, targets=2, name="twice").settle(model.house.services.ledger)
    ledger = model.house.services.ledger
    await Crowd(1, targets=1, name="twice", place="other").settle(ledger)
    with pytest.raises(Unclear) as caught:
        await model.whole("twin_get", id="twice-0")
    assert caught.value.details["choices"] == ["other-0/workload/twice-0", "site-0/workload/twice-0"]


async def test_secrets_of_a_resource_are_not_in_the_short_answer(model: Model) -> None:
    await model.done("deploy app:1 as web with env API_TOKEN=hunter2hunter2")
    data, text = await model.both("twin_get", id="local/container/web-1")
    assert "hunter2" not in json.dumps(data) + text


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
        await owner.post(f"/plans/{plan['id']}:decide", {"decision": "no"})
    with pytest.raises(NotApproved) as refused:
        await model.whole("plan_apply", id=plan["id"])
    assert refused.value.details["status"] == "rejected"
    assert "approve_command" not in refused.value.details


async def test_every_step_of_the_loop_names_the_next(model: Model) -> None:
    plan, text = await model.both("plan_create", words="deploy app:1 as web with 2 replicas")
    id = plan["id"]
    assert plan["hint"] == (
        f"show it: plan_show(id={id}); a human decides: opstwin approve {id}; then plan_apply(id={id})"
    )
    assert plan["summary"] == "Plan: 2 to add, 0 to change, 0 to remove."
    assert any("web-1 will be created" in line for line in plan["lines"])
    assert plan["approve_command"] in text
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


async def test_what_went_wrong_comes_first_in_a_failed_execution(model: Model) -> None:
    execution = await model.done("deploy app:bad as web with 2 replicas")
    data = await model.brief("execution_get", id=execution)
    assert data["state"] == "rolled_back"
    assert data["error"]
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
    assert plan["hint"].startswith("show it: plan_show(")


async def test_there_is_no_way_back_from_what_never_was(model: Model) -> None:
    plan = await model.brief("plan_create", words="deploy app:1 as web")
    for nothing in ("nowhere", "exec_0000000000", "plan_0000000000", plan["id"], "local/workload/none"):
        with pytest.raises(NotFound) as caught:
            await model.whole("rollback_plan", id=nothing)
        assert caught.value.next_step


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
    assert f"{URL}/plans/{first['id']} or `opstwin approve {first['id']}`" in ordinary
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
        await owner.post(f"/plans/{plans[1]}:decide", {"decision": "no"})
    rest = await model.whole("approvals_list", limit=2, cursor=first["next"])
    assert [row["id"] for page in (first, rest) for row in page["items"]] == plans
    with pytest.raises(InvalidInput):
        await model.whole("approvals_list", cursor="plan_none")
