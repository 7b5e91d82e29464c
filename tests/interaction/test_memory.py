"""What worked before, through the API: likes, examples, quarantine and predictions."""

import re
from pathlib import Path
from typing import Any

import pytest

from opstwin.domain.audit import AuditRow
from opstwin.domain.right_sizing import LEAST_SAMPLES, MI
from opstwin.domain.series import Metric, Sample
from opstwin.domain.values import ResourceId
from tests.interaction.house import Client, House

WORDS = "deploy app:1 as web with 2 replicas on port 8080"


async def running(house: House, client: Client, words: str = WORDS) -> str:
    """The id of the deployment that comes of a plan."""
    plan = await client.approved(words)
    await client.post(f"/plans/{plan['id']}:apply")
    await house.work()
    return str((await client.get("/deployments")).json()["items"][0]["id"])


async def running_for(house: House, client: Client, words: str) -> None:
    """What somebody deploys whom another person approves."""
    plan = (await client.post("/plans", {"words": words})).json()
    async with house.caller() as person:
        decided = {"decision": "approve", "reason": "read", "digest": plan["digest"]}
        assert (await person.post(f"/plans/{plan['id']}:decide", decided)).status_code == 200
    assert (await client.post(f"/plans/{plan['id']}:apply")).status_code == 202
    await house.work()


async def items(client: Client, path: str, **asked: Any) -> list[dict[str, Any]]:
    answer = await client.get(path, **asked)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


@pytest.fixture
async def divided(tmp_path: Path) -> House:
    """A hub that two organisations share."""
    tenants = {"knowledge": {"tenants": {"shop": ["owner", "planner"], "bank": ["operator"]}}}
    return await House(tmp_path, settings=tenants).furnish()


@pytest.mark.req("S5.37")
async def test_five_past_deployments_come_the_most_alike_first(house: House) -> None:
    async with house.caller() as client:
        own = await running(house, client)
        found = await items(client, "/deployments/similar", name="web", k=5)
    assert found[0]["id"] == own
    assert len(found) == 5
    assert [item["score"] for item in found] == sorted((item["score"] for item in found), reverse=True)
    assert found[0]["manifest_summary"]


@pytest.mark.parametrize("words", ["파이썬으로 만든 API 백엔드", "a FastAPI backend"])
async def test_words_in_either_language_are_enough(house: House, words: str) -> None:
    async with house.caller("viewer") as client:
        found = await items(client, "/deployments/similar", words=words, k=1)
    assert [item["id"] for item in found] == ["curated-api-python"]


async def test_a_container_that_nobody_deployed_is_compared_by_what_was_seen_of_it(house: House) -> None:
    house.world.image("redis:7.2", exposed=(6379,), start_s=0.1)
    async with house.caller() as client:
        await running(house, client, "deploy redis:7.2 as store")
        found = await items(client, "/deployments/similar", name="store-1", k=2)
    assert {item["service"] for item in found} == {"store", "session-cache"}


async def test_a_question_about_nothing_and_a_name_of_nothing_are_refused(house: House) -> None:
    async with house.caller() as client:
        nothing = await client.get("/deployments/similar")
        unknown = await client.get("/deployments/similar", name="ghost")
    assert (nothing.status_code, nothing.json()["details"]["field"]) == (422, "name")
    assert unknown.status_code == 404


@pytest.mark.req("S5.49")
async def test_the_curated_examples_are_listed(house: House) -> None:
    async with house.caller("viewer") as client:
        found = await items(client, "/deployments/curated")
    assert len(found) == 12
    assert all(item["curated"] for item in found)


@pytest.mark.req("S5.12")
async def test_a_prediction_says_what_it_stands_on(house: House) -> None:
    async with house.caller() as client:
        await running(house, client)
        answer = (await client.get("/predictions", workload="web")).json()
        korean = (await client.get("/predictions", workload="web", language="ko")).json()
    assert answer["cpu_request"]
    assert answer["memory_limit"]
    assert answer["basis"] == "similar"
    assert answer["examples"]
    assert answer["text"].startswith("Right-sizing of web: cannot tell")
    assert "알 수 없습니다" in korean["text"]


@pytest.mark.proves("H3")
async def test_quarantine_is_an_administrators_with_a_reason_and_told_to_everybody(house: House) -> None:
    async with house.caller() as owner, house.caller("operator") as operator:
        own = await running(house, owner)
        body = {"id": own, "reason": "leaks connections"}
        assert (await operator.post("/deployments:quarantine", body)).status_code == 403
        assert (await owner.post("/deployments:quarantine", {"id": own, "reason": " "})).status_code == 422
        assert (await owner.post("/deployments:quarantine", body)).status_code == 200
        [entry] = await items(operator, "/deployments/quarantined")
        assert own not in [item["id"] for item in await items(operator, "/deployments/similar", name="web")]
        assert (await owner.post("/deployments:release", {"id": own, "reason": "mended"})).status_code == 200
        assert own in [item["id"] for item in await items(operator, "/deployments/similar", name="web")]
    assert (entry["id"], entry["reason"], entry["by"]["id"]) == (own, "leaks connections", "owner")
    assert (entry["service"], entry["requested_by"]) == ("web", "owner")
    rows = await house.services.ledger.all(AuditRow, {"subject": own})
    told = [row.action for row in rows if row.action.startswith("example.")]
    assert told == ["example.quarantined", "example.released"]


@pytest.mark.proves("H8")
async def test_two_organisations_on_one_hub_learn_nothing_of_each_other(divided: House) -> None:
    async with divided.caller() as shop, divided.caller("operator") as bank, divided.caller("planner") as agent:
        own = await running(divided, shop)
        for client, sees in ((shop, True), (agent, True), (bank, False)):
            for asked in ({"name": "web"}, {"words": "web app"}, {"image": "app"}):
                found = [item["id"] for item in await items(client, "/deployments/similar", k=20, **asked)]
                assert (own in found) == sees, asked
        assert (await bank.get("/predictions", workload="web")).status_code == 404
        assert own in (await shop.get("/predictions", workload="web")).json()["examples"]
        for path, asked in (("/deployments/search", {"workload": "web"}), ("/diagnosis", {"subject": "web"})):
            told = [(await client.get(path, **asked)).json()["summary"] for client in (shop, bank)]
            assert ["Right-sizing" in text for text in told] == [True, False], path
        await shop.post("/deployments:quarantine", {"id": own, "reason": "why"})
        assert len(await items(shop, "/deployments/quarantined")) == 1
        assert await items(bank, "/deployments/quarantined") == []


@pytest.mark.proves("H8")
async def test_an_administrator_of_one_organisation_does_not_find_the_examples_of_another(tmp_path: Path) -> None:
    split = {"knowledge": {"tenants": {"bank": ["operator"]}}}
    house = await House(tmp_path, settings=split).furnish()
    async with house.caller() as owner, house.caller("operator") as bank:
        plan = await bank.planned(WORDS)
        body = {"decision": "approve", "reason": "looks right", "digest": plan["digest"]}
        assert (await owner.post(f"/plans/{plan['id']}:decide", body)).status_code == 200
        await bank.post(f"/plans/{plan['id']}:apply")
        await house.work()
        [own] = [item["id"] for item in await items(bank, "/deployments/similar", name="web") if not item["curated"]]
        answers = [await owner.post("/deployments:quarantine", {"id": id, "reason": "why"}) for id in (own, "dep_none")]
    assert [answer.status_code for answer in answers] == [404, 404]


async def test_the_memory_can_be_made_again(house: House) -> None:
    async with house.caller() as client:
        await running(house, client)
        answer = await client.post("/deployments:rebuild")
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"deployments": 13, "without_vectors": "no embeddings are set"}


@pytest.mark.req("S5.41")
@pytest.mark.parametrize(
    ("path", "asked"), [("/deployments/search", {"workload": "web"}), ("/diagnosis", {"subject": "web"})]
)
async def test_right_sizing_stands_beside_what_is_told_of_a_workload(
    house: House, path: str, asked: dict[str, str]
) -> None:
    async with house.caller() as client:
        await running(house, client)
        before = (await client.get(path, **asked)).json()["summary"]
        resource, labels = ResourceId("local/container/web-1"), (("workload", "web"),)
        for _ in range(LEAST_SAMPLES):
            values = {Metric.CPU_MILLICORES: 100.0, Metric.MEMORY_BYTES: 100.0 * MI}
            at = house.clock.now()
            await house.services.sampler.store.write(
                [Sample(resource=resource, metric=key, at=at, value=one, labels=labels) for key, one in values.items()]
            )
            house.clock.advance(15)
        after = (await client.get(path, **asked)).json()["summary"]
        others = (await client.get(path)).json()["summary"]
    assert "Right-sizing of web: cannot tell" in before
    assert "request 100m CPU (95th percentile) without a CPU limit, a memory limit of 115 MiB (peak × 1.15)" in after
    assert re.search(r"; from 10\d measurements over 25 min\.$", after)
    assert "Right-sizing" not in others


async def test_the_lists_of_the_past_hold_what_ones_own_organisation_deployed(divided: House) -> None:
    async with divided.caller() as client:
        own = await running(divided, client)
        mine = await items(client, "/deployments")
        search = (await client.get("/deployments/search", workload="web")).json()
        record = (await client.get("/twin/get/web")).json()
    async with divided.caller("operator") as other:
        assert await items(other, "/deployments") == []
        assert await items(other, "/deployments", service="web", limit=1) == []
        theirs = (await other.get("/deployments/search", workload="web")).json()
        seen = (await other.get("/twin/get/web")).json()
    assert [item["id"] for item in mine] == [own]
    assert [item["id"] for item in search["items"]] == [own]
    assert (theirs["items"], theirs["exceptions"]) == ([], [])
    assert "succeeded: app:1" in str(record["changes"])
    assert "succeeded: app:1" not in str(seen["changes"])


async def test_a_page_of_the_past_that_is_all_of_another_organisation_is_passed_over(divided: House) -> None:
    async with divided.caller() as client:
        own = await running(divided, client)
    async with divided.caller("operator") as other:
        await running_for(divided, other, "deploy app:1 as ledger")
    async with divided.caller() as client:
        assert [item["id"] for item in await items(client, "/deployments", limit=1)] == [own]
