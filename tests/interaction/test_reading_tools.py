"""What a model reads of the twin: counts and what is wrong first, little of it, and the next call."""

import json
from typing import Any

import pytest

from opstwin.domain.resource import Health, Observed, Presence
from opstwin.errors import InvalidInput, NotFound, Unclear
from tests.interaction.crowd import Crowd
from tests.interaction.house import House
from tests.interaction.reading_model import BUDGET, Model, seen, size


@pytest.fixture
async def model(house: House) -> Model:
    return Model(house)


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
        assert caught.value.next_step.endswith("opstwin get")
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
