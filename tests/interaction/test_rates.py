"""How often one may call: too many requests are refused with the time to wait, and nobody else is slowed by it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from opstwin.clock import VirtualClock
from opstwin.domain.audit import AuditRow
from opstwin.settings import Settings
from opstwin.tools.rates import MOST_CALLERS, Limit, network_of
from tests.interaction.asgi import Wire, send
from tests.interaction.house import API, HUB, House
from tests.interaction.issuer import ISSUER, OWNER, SIGNING, house_with_issuer
from tests.interaction.mcp_house import ai_client, open_house

DEFAULTS = {name: Settings.model_fields[name].default for name in Settings.model_fields if name.startswith("rate_")}


async def limited(folder: Path, **settings: Any) -> House:
    return await House(folder, settings=settings).furnish()


@pytest.mark.req("S5.82")
async def test_of_two_hundred_rapid_calls_some_are_told_to_wait(tmp_path: Path) -> None:
    """With the settings that a hub has when nobody changes them."""
    house = await limited(tmp_path, **DEFAULTS)
    async with house.caller() as client:
        answers = await asyncio.gather(*(client.post("/plans", {"words": "deploy app:1 as web"}) for _ in range(200)))
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) == 80
        assert {answer.status_code for answer in answers} == {201, 429}
        assert len((await client.get("/plans", limit=500)).json()["items"]) == 120
    for answer in refused:
        assert int(answer.headers["retry-after"]) == answer.json()["retry_after_s"] == 1
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "limit_exceeded"
        assert "rate_changes_per_minute" in answer.json()["next_step"]


@pytest.mark.req("S5.82")
async def test_who_waits_as_long_as_told_is_let_in(tmp_path: Path) -> None:
    house = await limited(tmp_path, rate_per_minute=6)
    async with house.caller() as client:
        assert [(await client.get("/hub")).status_code for _ in range(7)] == [200] * 6 + [429]
        wait = int((await client.get("/hub")).headers["retry-after"])
        assert wait == 10
        house.clock.advance(wait - 1)
        assert (await client.get("/hub")).status_code == 429
        house.clock.advance(1)
        assert (await client.get("/hub")).status_code == 200
        assert (await client.get("/hub")).status_code == 429


@pytest.mark.req("S5.82")
async def test_each_credential_has_its_own_calls(tmp_path: Path) -> None:
    house = await limited(tmp_path, rate_per_minute=5)
    second = (await house.services.people.issue_token("owner", HUB)).secret
    async with house.caller() as owner, house.caller("viewer") as viewer:
        assert [(await owner.get("/hub")).status_code for _ in range(8)].count(429) == 3
        assert (await viewer.get("/hub")).status_code == 200
        with_other = await owner.http.get(f"{API}/hub", headers={"Authorization": f"Bearer {second}"})
        assert with_other.status_code == 200


@pytest.mark.req("S5.82")
async def test_reading_goes_on_where_changing_must_wait(tmp_path: Path) -> None:
    house = await limited(tmp_path, rate_changes_per_minute=2)
    async with house.caller() as client:
        plan = await client.planned()
        assert (await client.post("/plans", {"words": "deploy app:2 as api"})).status_code == 201
        for path in ("/plans", f"/plans/{plan['id']}:apply", "/targets"):
            assert (await client.post(path, {"words": "deploy app:2 as db"})).status_code == 429, path
        assert {(await client.get("/plans")).status_code for _ in range(50)} == {200}
        assert (await client.post("/audit:verify")).status_code == 200
    assert not house.effects


@pytest.mark.req("S5.82")
async def test_refused_changes_are_counted_so_that_nobody_fills_the_audit(tmp_path: Path) -> None:
    house = await limited(tmp_path, rate_changes_per_minute=5)
    async with house.caller("viewer") as client:
        got = [(await client.post("/plans", {"words": "x"})).status_code for _ in range(9)]
    assert got == [403] * 5 + [429] * 4
    assert len([row for row in await house.audit() if row.outcome == "refused"]) == 5


@pytest.mark.req("S5.82")
async def test_a_call_that_is_sent_again_with_its_key_is_one_change(tmp_path: Path) -> None:
    house = await limited(tmp_path, rate_changes_per_minute=1)
    async with house.caller() as client:
        body = {"words": "deploy app:1 as web"}
        got = [(await client.post("/plans", body, Idempotency_Key="k")).status_code for _ in range(5)]
    assert got == [201] * 5


@pytest.mark.req("S5.82")
@pytest.mark.parametrize("era", ["stateless", "handshake"])
async def test_an_ai_client_reads_how_long_to_wait(tmp_path: Path, era: str) -> None:
    house = await limited(tmp_path, rate_changes_per_minute=2)
    async with open_house(house) as url, ai_client(url, house.tokens["planner"], era) as client:
        answers = [await client.call_tool("plan_create", {"words": f"deploy app:1 as web{n}"}) for n in range(3)]
    assert [answer.is_error for answer in answers] == [False, False, True]
    assert answers[2].structured_content is not None
    error = answers[2].structured_content["error"]
    assert (error["code"], error["retry_after_s"]) == ("limit_exceeded", 30)
    assert "Wait 30 s" in error["next_step"]


@pytest.mark.req("S5.82")
async def test_a_new_access_token_does_not_bring_new_calls(tmp_path: Path) -> None:
    """One client of one person is counted as one, however often it fetches a token; another person's is another."""
    house, issuer = await house_with_issuer(tmp_path, rate_per_minute=3)
    await house.services.people.link("viewer", ISSUER, "sub-viewer", OWNER)

    async def status(**claims: Any) -> int:
        headers = {"authorization": f"Bearer {issuer.token(**claims)}"}
        return (await send(house.app, Wire("/mcp/x/core", "PUT", headers))).status

    got = [await status(jti=str(number)) for number in range(5)]
    assert [code == 429 for code in got] == [False] * 3 + [True] * 2
    assert await status(client_id="another") != 429
    assert await status(sub="sub-viewer") != 429
    await house.app.state.mcp.close()


@pytest.mark.req("S5.82")
async def test_wrong_credentials_from_one_address_must_wait_and_right_ones_need_not(tmp_path: Path) -> None:
    house = await limited(tmp_path, rate_failed_sign_ins_per_minute=5)
    wrong = {"authorization": "Bearer opt_" + "A" * 43}
    got = [(await send(house.app, Wire(f"{API}/hub", headers=wrong))).status for _ in range(8)]
    assert got == [401] * 5 + [429] * 3
    right = {"authorization": f"Bearer {house.tokens['viewer']}"}
    assert (await send(house.app, Wire(f"{API}/hub", headers=right))).status == 200
    login = await send(house.app, Wire("/login", query="code=opl_" + "A" * 43))
    assert (login.status, login.headers["retry-after"]) == (429, "12")
    house.clock.advance(12)
    assert (await send(house.app, Wire(f"{API}/hub", headers=wrong))).status == 401


@pytest.mark.req("S5.82")
@pytest.mark.proves("F2")
async def test_tokens_that_cannot_be_checked_because_the_keys_are_away_are_counted_too(tmp_path: Path) -> None:
    house, issuer = await house_with_issuer(tmp_path, rate_failed_sign_ins_per_minute=4)
    issuer.file.unlink()
    forged = {"authorization": f"Bearer {issuer.token()}"}
    got = [await send(house.app, Wire("/mcp", "POST", headers=forged)) for _ in range(6)]
    assert [answer.status for answer in got] == [503] * 4 + [429] * 2
    assert got[-1].headers["retry-after"] == "15"
    right = {"authorization": f"Bearer {house.tokens['viewer']}"}
    assert (await send(house.app, Wire(f"{API}/hub", headers=right))).status == 200
    issuer.publish(SIGNING)
    house.clock.advance(120)
    assert (await send(house.app, Wire("/mcp", "POST", headers=forged))).status not in (429, 503)
    await house.app.state.mcp.close()


@pytest.mark.req("S5.82")
async def test_tries_of_a_login_code_are_counted(tmp_path: Path) -> None:
    house = await limited(tmp_path, rate_failed_sign_ins_per_minute=3)
    tries = [await send(house.app, Wire("/login", query=f"code=opl_{number}")) for number in range(5)]
    assert [answer.status for answer in tries] == [401] * 3 + [429] * 2


@pytest.mark.req("S5.82")
async def test_who_brings_no_credential_is_counted_by_address(tmp_path: Path) -> None:
    house = await limited(tmp_path, rate_open_per_minute=4)

    async def status(path: str, address: str) -> int:
        wire = Wire(path)
        scope = {**wire.scope(), "client": (address, 1)}
        wire.scope = lambda: scope  # type: ignore[method-assign]
        return (await send(house.app, wire)).status

    paths = ("/health", f"{API}/hub", "/.well-known/oauth-protected-resource", "/mcp")
    assert [await status(path, "192.0.2.7") for path in paths] == [200, 401, 404, 401]
    assert [await status(path, "192.0.2.7") for path in (*paths, "/", "/ready")] == [429] * 6
    assert await status("/health", "192.0.2.8") == 200
    assert [await status("/health", f"2001:db8:0:1::{number}") for number in range(5)] == [200] * 4 + [429]
    assert await status("/health", "2001:db8:0:2::1") == 200


@pytest.mark.req("S5.82")
async def test_a_page_that_is_asked_for_too_often_says_so_too(tmp_path: Path) -> None:
    house = await limited(tmp_path, rate_open_per_minute=2)
    headers = {"accept": "text/html"}
    got = [(await send(house.app, Wire("/", headers=headers))).status for _ in range(3)]
    assert got == [401, 401, 429]


async def test_zero_is_any_number(tmp_path: Path) -> None:
    house = await limited(tmp_path)
    async with house.caller() as client:
        assert {(await client.post("/audit:verify")).status_code for _ in range(20)} == {200}
    limit = Limit(0, VirtualClock())
    assert {limit.wait_s("x") for _ in range(100_000)} == {0.0}


def test_in_no_minute_more_than_twice_the_number_gets_through_and_in_the_long_run_just_the_number() -> None:
    clock = VirtualClock()
    limit = Limit(600, clock)
    taken = []
    for _ in range(60 * 60 * 2):
        clock.advance(0.05)
        taken.append(0 if limit.wait_s("x") else 1)
    assert abs(sum(taken) - (600 + 60 * 60)) <= 1
    assert max(sum(taken[at : at + 1200]) for at in range(0, len(taken) - 1200, 100)) <= 1200


def test_the_wait_that_is_told_is_exact() -> None:
    clock = VirtualClock()
    limit = Limit(7, clock)
    for _ in range(500):
        wait_s = limit.wait_s("x")
        if not wait_s:
            continue
        clock.advance(wait_s * 0.98)
        assert limit.wait_s("x") > 0
        clock.advance(wait_s * 0.03)
        assert limit.wait_s("x") == 0


def test_made_up_callers_do_not_fill_the_memory() -> None:
    clock = VirtualClock()
    limit = Limit(5, clock)
    for number in range(MOST_CALLERS * 3):
        limit.wait_s(str(number))
        limit.wait_s("busy")
    assert len(limit._full_at_s) <= MOST_CALLERS
    assert limit.wait_s("busy") > 0, "who calls all the time is not forgotten"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"), ("", ""), ("testclient", ""),
    ],
)  # fmt: skip
def test_what_an_address_is_counted_as(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.proves("G9")
async def test_a_requester_may_not_have_more_plans_waiting_than_people_can_read(tmp_path: Path) -> None:
    house = await limited(tmp_path, waiting_plans=40)
    async with house.caller("planner") as agent, house.caller() as owner:
        got = [await agent.post("/plans", {"words": f"deploy app:1 as web{number}"}) for number in range(50)]
        assert [answer.status_code for answer in got] == [201] * 40 + [429] * 10
        refused = got[-1].json()
        assert refused["code"] == "limit_exceeded"
        assert "opstwin get plans" in refused["next_step"]
        assert refused["retry_after_s"] == 600
        assert (await owner.post("/plans", {"words": "deploy app:1 as web-mine"})).status_code == 201
        async with house.caller("operator") as other:
            assert (await other.post("/plans", {"words": "deploy app:1 as web-theirs"})).status_code == 201
        plan = got[0].json()
        decision = {"decision": "reject", "reason": "no", "digest": plan["digest"]}
        assert (await owner.post(f"/plans/{plan['id']}:decide", decision)).status_code == 200
        assert (await agent.post("/plans", {"words": "deploy app:1 as web-next"})).status_code == 201
        assert (await agent.post("/plans", {"words": "deploy app:1 as web-more"})).status_code == 429
        house.clock.advance(601)
        assert (await agent.post("/plans", {"words": "deploy app:1 as web-later"})).status_code == 201


@pytest.mark.proves("G9")
async def test_a_flood_is_told_to_people_once(tmp_path: Path) -> None:
    house = await limited(tmp_path, waiting_plans=3)
    async with house.caller("planner") as agent:
        for number in range(10):
            await agent.post("/plans", {"words": f"deploy app:1 as web{number}"})
        events = (await agent.get("/events", limit=100)).json()["items"]
    told = [event for event in events if event["type"] == "plan.flood"]
    assert [event["message"] for event in told] == [
        "3 plans of agents of owner wait for a decision; planner may make no more for now."
    ]
    rows: list[AuditRow] = [row for row in await house.audit() if row.action == "plan.flood"]
    assert [(row.subject, row.actor.id, row.outcome) for row in rows] == [("owner", "planner", "refused")]


@pytest.mark.proves("G9")
async def test_plans_that_are_made_at_the_same_moment_are_counted_too(tmp_path: Path) -> None:
    house = await limited(tmp_path, waiting_plans=5)
    async with house.caller("planner") as agent:
        calls = (agent.post("/plans", {"words": f"deploy app:1 as web{number}"}) for number in range(30))
        got = [answer.status_code for answer in await asyncio.gather(*calls)]
    assert (got.count(201), got.count(429)) == (5, 25)


async def test_what_changes_nothing_waits_for_nobody(tmp_path: Path) -> None:
    house = await limited(tmp_path, waiting_plans=1)
    async with house.caller() as owner:
        plan = await owner.approved("deploy app:1 as web")
        await owner.post(f"/plans/{plan['id']}:apply")
        await house.work()
        for _ in range(3):
            again = await owner.post("/plans", {"words": "deploy app:1 as web"})
            assert (again.status_code, again.json()["state"]) == (201, "applied")
