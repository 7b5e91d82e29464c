"""Every way to make the hub apply something that no human approved, through HTTP: each ends without an effect."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from opstwin.control.actors import HUB
from opstwin.domain.access import Scope
from tests.interaction.asgi import Wire, send
from tests.interaction.house import API, URL, Client, House

Attempt = Callable[[House, Client, dict[str, Any]], Awaitable[int]]
FORM = "application/x-www-form-urlencoded"


async def apply(client: Client, plan: dict[str, Any], **headers: str) -> int:
    return (await client.post(f"/plans/{plan['id']}:apply", **headers)).status_code


async def decide(client: Client, plan: dict[str, Any], decision: Any, **more: Any) -> int:
    return (await client.post(f"/plans/{plan['id']}:decide", {"decision": decision, **more})).status_code


async def post_form(house: House, plan: dict[str, Any], fields: str, **headers: str) -> int:
    wire = Wire(f"/plans/{plan['id']}", "POST", {"content-type": FORM, **headers})
    return (await send(house.app, wire, [fields.encode()])).status


async def without_any_approval(house: House, client: Client, plan: dict[str, Any]) -> int:
    return await apply(client, plan)


async def after_a_reject(house: House, client: Client, plan: dict[str, Any]) -> int:
    assert await decide(client, plan, "reject", reason="no") == 200
    return await apply(client, plan)


async def after_a_reject_and_a_late_approve(house: House, client: Client, plan: dict[str, Any]) -> int:
    assert await decide(client, plan, "reject", reason="no") == 200
    assert await decide(client, plan, "approve") == 409
    return await apply(client, plan)


async def with_an_expired_approval(house: House, client: Client, plan: dict[str, Any]) -> int:
    assert await decide(client, plan, "approve") == 200
    house.clock.advance(3601)
    return await apply(client, plan)


async def with_an_expired_plan(house: House, client: Client, plan: dict[str, Any]) -> int:
    house.clock.advance(25 * 3600)
    assert await decide(client, plan, "approve") == 409
    return await apply(client, plan)


async def with_the_approval_of_another_plan(house: House, client: Client, plan: dict[str, Any]) -> int:
    other = await client.planned("deploy app:2 as second")
    assert await decide(client, other, "approve", digest=other["digest"]) == 200
    assert await decide(client, plan, "approve", digest=other["digest"]) == 409
    return await apply(client, plan)


async def with_the_agents_own_approval(house: House, client: Client, plan: dict[str, Any]) -> int:
    async with house.caller("planner") as agent:
        assert await decide(agent, plan, "approve") == 403
        return await apply(agent, plan)


async def with_an_agent_that_says_it_is_a_person(house: House, client: Client, plan: dict[str, Any]) -> int:
    async with house.caller("planner", **{"X-Opstwin-Face": "web", "X-Actor": "person:owner"}) as agent:
        body = {"decision": "approve", "decided_by": "owner", "actor": {"kind": "person", "id": "owner"}}
        answer = await agent.post(f"/plans/{plan['id']}:decide", body)
        assert answer.status_code == 403
        return await apply(agent, plan)


JUNK = [
    "Approve",
    "APPROVE",
    "approve ",
    " approve",
    "yes",
    "y",
    "true",
    "ok",
    "1",
    "approved",
    "approve\u200b",
    "",
    "승인",
]


async def with_words_that_are_nearly_approve(house: House, client: Client, plan: dict[str, Any]) -> int:
    for word in JUNK:
        one = await client.planned(f"deploy app:1 as w{JUNK.index(word)}")
        status = await decide(client, one, word, reason="no")
        assert status in (200, 422), (word, status)
        assert await apply(client, one) == 409, word
    for value in (True, 1, None, ["approve"], {"approve": True}):
        assert await decide(client, plan, value) == 422, value
    return await apply(client, plan)


async def with_the_form_and_an_agents_token(house: House, client: Client, plan: dict[str, Any]) -> int:
    token = house.tokens["planner"]
    fields = f"decision=approve&reason=x&digest={plan['digest']}&token=x"
    assert await post_form(house, plan, fields, authorization=f"Bearer {token}") == 403
    assert await post_form(house, plan, fields, cookie=f"opstwin_session={token}", origin=URL) == 403
    return await apply(client, plan)


async def with_the_form_and_no_form_token(house: House, client: Client, plan: dict[str, Any]) -> int:
    session = await house.session("operator")
    for token in ("", "token=", "token=" + "0" * 64):
        fields = f"decision=approve&digest={plan['digest']}&{token}"
        assert await post_form(house, plan, fields, cookie=session, origin=URL) == 403
    return await apply(client, plan)


async def with_the_form_of_another_session(house: House, client: Client, plan: dict[str, Any]) -> int:
    mine, theirs = await house.session("owner"), await house.session("operator")
    fields = f"decision=approve&digest={plan['digest']}&token={await form_token(house, plan, mine)}"
    assert await post_form(house, plan, fields, cookie=theirs, origin=URL) == 403
    return await apply(client, plan)


async def with_the_form_of_another_plan(house: House, client: Client, plan: dict[str, Any]) -> int:
    other = await client.planned("deploy app:2 as second")
    session = await house.session("operator")
    fields = f"decision=approve&digest={plan['digest']}&token={await form_token(house, other, session)}"
    assert await post_form(house, plan, fields, cookie=session, origin=URL) == 403
    return await apply(client, plan)


async def with_the_form_from_another_site(house: House, client: Client, plan: dict[str, Any]) -> int:
    session = await house.session("operator")
    fields = f"decision=approve&digest={plan['digest']}&token={await form_token(house, plan, session)}"
    for origin in ("https://evil.example", "null", "http://127.0.0.1:7374", "http://localhost:7373"):
        assert await post_form(house, plan, fields, cookie=session, origin=origin) == 403, origin
    assert await post_form(house, plan, fields, cookie=session) == 403
    return await apply(client, plan)


async def with_a_viewers_browser(house: House, client: Client, plan: dict[str, Any]) -> int:
    session = await house.session("viewer")
    fields = f"decision=approve&digest={plan['digest']}&token=x"
    assert await post_form(house, plan, fields, cookie=session, origin=URL) == 403
    return await apply(client, plan)


async def with_a_key_that_was_used_for_another_plan(house: House, client: Client, plan: dict[str, Any]) -> int:
    done = await client.approved("deploy app:2 as done")
    assert await apply(client, done, Idempotency_Key="key-1") == 202
    return await apply(client, plan, Idempotency_Key="key-1")


async def with_an_approval_that_was_used(house: House, client: Client, plan: dict[str, Any]) -> int:
    """The same change again, as a second plan, after the first one's approval was used up."""
    assert await decide(client, plan, "approve") == 200
    assert await apply(client, plan) == 202
    await house.work()
    house.world.remove("web-1")
    house.world.remove("web-2")
    await house.services.observer.discover("local")
    assert await apply(client, plan) == 202, "the same plan answers with the execution it had"
    await house.work()
    again = await client.planned()
    return await apply(client, again)


async def by_writing_into_the_request(house: House, client: Client, plan: dict[str, Any]) -> int:
    for body in ({"approved": True}, {"force": True}, {"approval_ids": ["appr_1"]}, {"digest": plan["digest"]}):
        assert (await client.post(f"/plans/{plan['id']}:apply", body)).status_code == 422, body
    return await apply(client, plan)


async def by_another_method_or_path(house: House, client: Client, plan: dict[str, Any]) -> int:
    path = f"{API}/plans/{plan['id']}"
    tried = [("GET", f"{path}:apply"), ("PUT", f"{path}:apply"), ("POST", f"{path}:apply/"), ("POST", f"{path}/apply"),
             ("POST", f"{path}:APPLY"), ("POST", f"{path}:decide:apply")]  # fmt: skip
    for method, address in tried:
        answer = await client.http.request(method, address, json={})
        assert answer.status_code in (400, 404, 405, 422), (method, address, answer.status_code)
    override = {"X-HTTP-Method-Override": "POST", "X-Method-Override": "POST"}
    assert (await client.http.get(f"{path}:apply", headers=override)).status_code in (404, 422)
    return await apply(client, plan)


ATTEMPTS: list[Attempt] = [
    without_any_approval, after_a_reject, after_a_reject_and_a_late_approve, with_an_expired_approval,
    with_an_expired_plan, with_the_approval_of_another_plan, with_the_agents_own_approval,
    with_an_agent_that_says_it_is_a_person, with_words_that_are_nearly_approve, with_the_form_and_an_agents_token,
    with_the_form_and_no_form_token, with_the_form_of_another_session, with_the_form_of_another_plan,
    with_the_form_from_another_site, with_a_viewers_browser, with_a_key_that_was_used_for_another_plan,
    with_an_approval_that_was_used, by_writing_into_the_request, by_another_method_or_path,
]  # fmt: skip
ALLOWED = {
    with_a_key_that_was_used_for_another_plan: {"done": 1},
    with_an_approval_that_was_used: {"web": 2},
}


async def form_token(house: House, plan: dict[str, Any], session: str) -> str:
    """The hidden field of a plan's page as that session sees it."""
    page = await send(house.app, Wire(f"/plans/{plan['id']}", headers={"cookie": session, "accept": "text/html"}))
    text = page.body.decode()
    form = text[text.index(f'action="/plans/{plan["id"]}"') :]
    return form.split('name="token" value="')[1].split('"')[0]


@pytest.mark.proves("G1")
@pytest.mark.req("S5.63")
@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda item: item.__name__)
async def test_nothing_runs_that_no_human_approved(house: House, attempt: Attempt) -> None:
    async with house.caller("operator") as client:
        plan = await client.planned()
        before = len(house.effects)
        status = await attempt(house, client, plan)
    await house.work()
    assert status in (403, 409, 422), status
    made = sum(ALLOWED.get(attempt, {}).values())
    assert len(house.effects) - before == made, house.effects


@pytest.mark.proves("G1")
async def test_who_may_apply_but_not_approve_gets_nothing_done_by_healing(house: House) -> None:
    """Mode heal and a desired state, both set by the same person, are no approval."""
    async with house.caller("operator") as client:
        await apply(client, await client.approved())
        await house.work()
    people = house.services.people
    await people.create_person("worker", "Worker", HUB, scopes={Scope.READ, Scope.APPLY})
    house.tokens["worker"] = (await people.issue_token("worker", HUB)).secret
    path = "/resources/local/container/web-1"
    heal = {"mode": "heal", "reason": "nights", "expires_in_s": 86400}
    async with house.caller("worker") as client:
        answer = await client.post("/targets/local:mode", heal)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        resource = (await client.get(path)).json()
        spec = {**resource["desired"]["spec"], "memory_bytes": 64 << 20}
        put = await client.put(f"{path}/desired", {"spec": spec}, If_Match=f'"{resource["desired"]["revision"]}"')
        assert put.status_code == 202
    async with house.caller("operator") as client:
        assert (await client.post("/targets/local:mode", heal)).status_code == 200
    before = len(house.effects)
    [ticked] = (await house.services.reconciler.tick("local")).targets
    assert (ticked.healed, len(ticked.proposed)) == ((), 1)
    assert len(house.effects) == before


async def test_setting_desired_over_http_looks_for_a_strangers_container_first(house: House) -> None:
    house.world.run("box", "app:1")
    async with house.caller("operator") as client:
        put = await client.put("/resources/local/container/box/desired", {"spec": {"image": "app:2"}}, If_Match='"0"')
    assert put.status_code == 412
    assert "opstwin adopt local/container/box" in put.json()["next_step"]
