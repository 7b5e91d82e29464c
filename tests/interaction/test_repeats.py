"""Calls that are sent twice: lost answers, broken streams, double clicks. One effect, one answer."""

import asyncio
from functools import partial
from typing import Any

import pytest

from opstwin.domain.plan import Plan
from opstwin.domain.records import Reply
from opstwin.domain.values import digest_of
from opstwin.errors import Conflict, StoreError
from opstwin.server.replies import UNDER_WAY, Answer, Replies
from opstwin.twin.store import Put
from tests.interaction.asgi import Wire, send, stream
from tests.interaction.house import API, HUB, Client, House, within


async def apply(client: Client, plan: dict[str, Any], key: str) -> dict[str, Any]:
    answer = await client.post(f"/plans/{plan['id']}:apply", Idempotency_Key=key)
    return {**answer.json(), "status": answer.status_code, "again": answer.headers.get("Idempotent-Replayed")}


@pytest.mark.proves("B1")
async def test_a_client_that_loses_its_stream_and_calls_again_gets_the_same_execution_and_one_effect(
    house: House,
) -> None:
    async with house.caller("operator") as client:
        plan = await client.approved()
        first = await apply(client, plan, "one")
        headers = {"authorization": f"Bearer {house.tokens['operator']}", "accept": "text/event-stream"}
        watched = Wire(f"{API}/events", headers=headers, query=f"execution_id={first['id']}")
        async with stream(house.app, watched) as events:
            assert (await events.frame() or {})["event"] == "execution.started"
        # The client is gone in the middle; it calls again, as another request, and under a new key too.
        again, other = await apply(client, plan, "one"), await apply(client, plan, "two")
        await house.work()
        assert first["id"] == again["id"] == other["id"]
        assert [item["status"] for item in (first, again, other)] == [202, 202, 202]
        assert again["again"] == "true"
        assert len((await client.get("/executions")).json()["items"]) == 1
    assert sorted(effect.resource for effect in house.effects) == ["local/container/web-1", "local/container/web-2"]


@pytest.mark.proves("B1")
async def test_calls_at_the_same_moment_with_one_key_make_one_plan(house: House) -> None:
    async with house.caller() as client:
        body = {"words": "deploy app:1 as web"}
        answers = await asyncio.gather(*(client.post("/plans", body, Idempotency_Key="k") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 19
    assert len(await house.services.ledger.all(Plan)) == 1


@pytest.mark.proves("B1")
async def test_fifty_applies_at_once_without_any_key_start_one_execution(house: House) -> None:
    async with house.caller() as client:
        plan = await client.approved()
        answers = await asyncio.gather(*(client.post(f"/plans/{plan['id']}:apply") for _ in range(50)))
        await house.work()
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(house.effects) == 2


async def test_the_repeated_answer_is_the_first_one_even_when_the_world_moved(house: House) -> None:
    async with house.caller() as client:
        body = {"words": "deploy app:1 as web"}
        first = await client.post("/plans", body, Idempotency_Key="k")
        await client.post(f"/plans/{first.json()['id']}:decide", {"decision": "reject", "reason": "no"})
        again = await client.post("/plans", body, Idempotency_Key="k")
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]


async def test_a_key_used_for_another_request_is_refused(house: House) -> None:
    async with house.caller() as client:
        assert (await client.post("/plans", {"words": "deploy app:1 as web"}, Idempotency_Key="k")).status_code == 201
        other = await client.post("/plans", {"words": "deploy app:2 as web"}, Idempotency_Key="k")
        elsewhere = await client.post("/people", {"id": "x", "display_name": "X"}, Idempotency_Key="k")
    assert other.status_code == elsewhere.status_code == 422
    assert other.json()["details"]["field"] == "Idempotency-Key"
    assert len(await house.services.ledger.all(Plan)) == 1


@pytest.mark.proves("F5")
async def test_the_key_of_somebody_else_opens_nothing(house: House) -> None:
    body = {"words": "deploy app:1 as web"}
    async with house.caller("owner") as owner, house.caller("operator") as operator, house.caller("viewer") as viewer:
        mine = await owner.post("/plans", body, Idempotency_Key="k")
        theirs = await operator.post("/plans", body, Idempotency_Key="k")
        assert theirs.json()["id"] != mine.json()["id"]
        assert (await viewer.post("/plans", body, Idempotency_Key="k")).status_code == 403


async def test_a_refused_call_leaves_the_key_free(house: House) -> None:
    async with house.caller() as client:
        plan = await client.planned()
        assert (await apply(client, plan, "k"))["status"] == 409
        await client.post(f"/plans/{plan['id']}:decide", {"decision": "approve", "digest": plan["digest"]})
        assert (await apply(client, plan, "k"))["status"] == 202
    assert not [reply for reply in await house.services.ledger.all(Reply) if reply.status >= 400]


async def test_a_caller_who_lost_a_right_gets_no_repeated_answer(house: House) -> None:
    async with house.caller("operator") as client:
        body = {"words": "deploy app:1 as web"}
        assert (await client.post("/plans", body, Idempotency_Key="k")).status_code == 201
        viewer = (await house.services.people.get("viewer")).scopes
        await house.services.people.set_scopes("operator", viewer, HUB)
        assert (await client.post("/plans", body, Idempotency_Key="k")).status_code == 403


async def test_a_token_is_told_once_and_is_nowhere_in_the_twin(house: House) -> None:
    async with house.caller() as client:
        first = await client.post("/people/viewer/tokens", {}, Idempotency_Key="k")
        again = await client.post("/people/viewer/tokens", {}, Idempotency_Key="k")
    assert first.status_code == 201
    assert again.status_code == 409
    secret = first.json()["token"]
    kept = [*await house.services.ledger.all(Reply), *await house.audit()]
    assert secret not in repr(kept)


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a\tb", "ключ"])
async def test_a_key_that_is_none_is_refused(house: House, key: str) -> None:
    headers = {"authorization": f"Bearer {house.tokens['owner']}", "content-type": "application/json"}
    wire = Wire(f"{API}/plans", "POST", headers, extra=[("idempotency-key", key.encode().decode("latin-1"))])
    assert (await send(house.app, wire, [b'{"words": "deploy app:1 as web"}'])).status == 422


async def test_answers_are_forgotten_after_a_day(house: House) -> None:
    replies = Replies(house.services.ledger, "a")
    await replies.once("anna", "k", {}, lambda: done({"n": 1}))
    house.clock.advance(23 * 3600)
    assert await replies.forget_old() == 0
    house.clock.advance(2 * 3600)
    assert await replies.forget_old() == 1
    assert (await replies.once("anna", "k", {}, lambda: done({"n": 2}))).body == {"n": 2}


async def done(body: dict[str, int]) -> Answer:
    return Answer(200, dict(body))


async def leave_under_way(house: House, owner: str) -> None:
    """What stays behind of a call whose hub dies in the middle."""
    now = house.services.ledger.clock.now()
    left = Reply(id="anna:k", request_digest=digest_of({}), status=UNDER_WAY, body=owner, created_at=now)
    await house.services.ledger.commit([Put(left)])


async def test_a_call_whose_hub_died_half_way_is_run_again_by_the_next_hub(house: House) -> None:
    await leave_under_way(house, "first")
    second = Replies(house.services.ledger, "second")
    answer = await second.once("anna", "k", {}, lambda: done({"n": 1}))
    assert (answer.body, answer.repeated) == ({"n": 1}, False)
    assert (await second.once("anna", "k", {}, lambda: done({"n": 2}))).body == {"n": 1}


async def test_what_another_replica_works_on_is_left_to_it_until_it_must_be_dead(house: House) -> None:
    await leave_under_way(house, "first")
    second = Replies(house.services.ledger, "second", shared=True)
    with pytest.raises(Conflict) as busy:
        await second.once("anna", "k", {}, lambda: done({"n": 1}))
    assert busy.value.retry_after_s
    house.clock.advance(601)
    assert (await second.once("anna", "k", {}, lambda: done({"n": 1}))).body == {"n": 1}


async def test_a_waiting_call_gets_its_turn_when_the_first_one_fails(house: House) -> None:
    replies = Replies(house.services.ledger, "a")
    gate = asyncio.Event()

    async def fails() -> Answer:
        await gate.wait()
        raise StoreError("The disk is full.")

    first = asyncio.create_task(replies.once("anna", "k", {}, fails))
    second = asyncio.create_task(replies.once("anna", "k", {}, lambda: done({"n": 2})))
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(StoreError):
        await within(5, first)
    assert (await within(5, second)).body == {"n": 2}


@pytest.mark.proves("C6")
async def test_two_ai_clients_whose_names_and_keys_read_alike_never_share_an_answer(house: House) -> None:
    """An authorization server lets clients choose their names; together with a key one could look like another's."""
    replies = Replies(house.services.ledger, "here")
    pairs = [("oauth:c@anna", "k:y@ben:z"), ("oauth:c@anna:k:y@ben", "z"), ("oauth", "c@anna:k:y@ben:z"),
             ("oauth%3Ac@anna", "k:y@ben:z")]  # fmt: skip
    for number, (principal, key) in enumerate(pairs):
        answer = await replies.once(principal, key, {}, partial(done, {"n": number}))
        assert (answer.body, answer.repeated) == ({"n": number}, False)
    for number, (principal, key) in enumerate(pairs):
        assert (await replies.once(principal, key, {}, lambda: done({}))).body == {"n": number}
