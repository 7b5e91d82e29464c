"""Who an AI client is with an access token: itself, for a person, with what both allow; and how it asks for more."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opstwin.domain.access import ActorKind, Scope
from opstwin.server.mcp.choosing import PATHS
from opstwin.server.oauth_steps import step_up
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.registry import Caller, Registry, Toolset
from tests.interaction.asgi import Answered, Wire, send
from tests.interaction.house import House
from tests.interaction.issuer import CLIENT, ISSUER, OWNER, PUBLIC, SUBJECT, Issuer, house_with_issuer
from tests.interaction.mcp_house import ERAS, ai_client, open_house

EVERYTHING = Registry([replace(tool, toolset=Toolset.DEPLOY if tool.changes else Toolset.CORE) for tool in REGISTRY])
"""Every tool of the hub, as if all were offered to AI clients: what they may not do is refused at the call."""

Place = tuple[House, Issuer]


@pytest.fixture(name="place")
async def furnished(tmp_path: Path) -> AsyncIterator[Place]:
    house, issuer = await house_with_issuer(tmp_path, registry=EVERYTHING)
    yield house, issuer
    await house.app.state.mcp.close()


async def call(
    house: House, token: str, tool: object, arguments: object = None, *, path: str = "/mcp", **extra: Any
) -> Answered:
    """One `tools/call`, as a client of the stateless era sends it."""
    params = {"name": tool, "arguments": {} if arguments is None else arguments}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params, **extra}
    headers = {
        "authorization": f"Bearer {token}", "content-type": "application/json",
        "accept": "application/json, text/event-stream",
    }  # fmt: skip
    return await send(house.app, Wire(path, "POST", headers), [json.dumps(body).encode()])


def asked_for(answer: Answered) -> str:
    """The scopes of a step-up challenge, or the answer's status."""
    header = answer.headers.get("www-authenticate", "")
    if answer.status != 403 or 'error="insufficient_scope"' not in header:
        return str(answer.status)
    return header.split('scope="')[1].rstrip('"')


@pytest.mark.parametrize("era", list(ERAS))
async def test_the_client_and_the_person_both_stand_in_the_audit(place: Place, era: str) -> None:
    house, issuer = place
    async with open_house(house) as url, ai_client(url, issuer.token(), era) as client:
        me = (await client.call_tool("who_am_i", {"response_format": "detailed"})).structured_content
        made = await client.call_tool("plan_create", {"words": "deploy app:1 as web"})
    assert me is not None
    assert me["actor"] == {
        "kind": "agent", "id": f"oauth:{CLIENT}", "on_behalf_of": "owner", "face": "mcp",
    }  # fmt: skip
    assert not made.is_error, made
    [row] = [row for row in await house.audit() if row.action == "plan.create"]
    assert (row.actor.kind, row.actor.id, row.actor.on_behalf_of, row.actor.face) == (
        ActorKind.AGENT, f"oauth:{CLIENT}", "owner", "mcp",
    )  # fmt: skip


@pytest.mark.proves("G4")
async def test_what_a_client_asked_for_counts_as_asked_for_by_its_person(place: Place) -> None:
    """The owner cannot approve as somebody else what their own client planned."""
    house, issuer = place
    async with house.caller() as owner:
        await owner.approved("deploy app:1 as web")
        plan = (await owner.get("/plans")).json()["items"][0]
        assert (await owner.post(f"/plans/{plan['id']}:apply")).status_code == 202
        await house.work()
        async with open_house(house) as url, ai_client(url, issuer.token(), "stateless") as client:
            made = await client.call_tool("plan_create", {"words": "remove web", "response_format": "detailed"})
        found = made.structured_content
        assert found is not None
        assert found["risk"] in ("high", "destructive")
        decided = await owner.post(
            f"/plans/{found['id']}:decide", {"decision": "approve", "digest": found["digest"], "reason": "mine"}
        )
    assert decided.status_code == 403
    assert "somebody other than its requester" in decided.json()["detail"]


@pytest.mark.proves("F1", "G3")
async def test_no_scope_of_a_token_makes_a_client_a_person(place: Place) -> None:
    house, issuer = place
    token = issuer.token(scope="twin:read twin:plan twin:apply twin:exec twin:admin plan:approve")
    async with house.caller() as owner:
        plan = await owner.planned()
    decide = {"id": plan["id"], "decision": "approve", "digest": plan["digest"], "reason": "I am the owner"}
    async with open_house(house) as url, ai_client(url, token, "stateless") as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        for name, given in (("plan_decide", decide), ("person_add", {"id": "eve", "display_name": "Eve"})):
            refused = await client.call_tool(name, given)
            assert refused.is_error
            assert refused.structured_content is not None
            assert refused.structured_content["error"]["code"] == "forbidden"
    assert not listed & {tool.name for tool in REGISTRY if tool.people_only}
    rows = [row for row in await house.audit() if row.outcome == "refused"]
    assert [(row.action, row.actor.id) for row in rows] == [
        ("tool.plan_decide", f"oauth:{CLIENT}"), ("tool.person_add", f"oauth:{CLIENT}"),
    ]  # fmt: skip
    async with house.caller() as owner:
        assert (await owner.get(f"/plans/{plan['id']}")).json()["state"] == "pending"


@pytest.mark.proves("F1")
async def test_a_token_opens_what_both_its_scopes_and_its_person_may_do(place: Place) -> None:
    house, issuer = place
    await house.services.people.link("viewer", ISSUER, "sub-viewer", OWNER)
    cases = {
        ("owner", "twin:read"): {Scope.READ},
        ("owner", "twin:read twin:plan twin:made-up"): {Scope.READ, Scope.PLAN},
        ("viewer", "twin:read twin:plan twin:apply twin:admin"): {Scope.READ},
        ("viewer", "twin:plan"): set(),
    }
    for (person, scope), allowed in cases.items():
        subject = SUBJECT if person == "owner" else "sub-viewer"
        token = issuer.token(sub=subject, scope=scope)
        async with open_house(house) as url, ai_client(url, token, "stateless") as client:
            listed = {tool.name for tool in (await client.list_tools()).tools}
        usable = {tool.name for tool in REGISTRY if tool.scope in allowed and not tool.people_only}
        assert listed == usable


@pytest.mark.proves("F1")
async def test_a_call_beyond_the_tokens_scopes_is_told_what_to_ask_for_and_audited(place: Place) -> None:
    house, issuer = place
    reading = issuer.token(scope="twin:read")
    answer = await call(house, reading, "plan_create", {"words": "deploy app:1 as web"})
    assert answer.status == 403
    assert answer.headers["www-authenticate"] == (
        'Bearer error="insufficient_scope", '
        f'resource_metadata="{PUBLIC}/.well-known/oauth-protected-resource/mcp", scope="twin:read twin:plan"'
    )
    assert answer.headers["content-type"] == "application/problem+json"
    [row] = [row for row in await house.audit() if row.outcome == "refused"]
    assert (row.action, row.actor.id, row.actor.on_behalf_of) == ("tool.plan_create", f"oauth:{CLIENT}", "owner")
    async with house.caller() as owner:
        assert (await owner.get("/plans")).json()["items"] == []


@pytest.mark.proves("F1")
async def test_every_tool_that_a_person_may_use_through_a_client_names_its_scope(place: Place) -> None:
    house, issuer = place
    nothing = issuer.token(scope="")
    got = {tool.name: asked_for(await call(house, nothing, tool.name)) for tool in REGISTRY if not tool.people_only}
    assert got == {tool.name: tool.scope.value for tool in REGISTRY if not tool.people_only}


async def test_nobody_is_sent_for_a_scope_that_would_not_help(place: Place) -> None:
    """Not for what its person may not do, not for a person's own affair, not to a token of the hub, not for a typo."""
    house, issuer = place
    await house.services.people.link("viewer", ISSUER, "sub-viewer", OWNER)
    viewer = await house.services.people.create_agent(
        "reader", "Reader", "owner", OWNER, scopes=frozenset({Scope.READ})
    )
    local = (await house.services.people.issue_token(viewer.id, OWNER)).secret
    reading = issuer.token(scope="twin:read")
    for token, tool in (
        (issuer.token(sub="sub-viewer", scope="twin:read"), "plan_create"), (reading, "plan_decide"),
        (reading, "person_add"), (local, "plan_create"), (reading, "no_such_tool"), (reading, "who_am_i"),
    ):  # fmt: skip
        answer = await call(house, token, tool)
        assert "insufficient_scope" not in answer.headers.get("www-authenticate", ""), tool
        assert answer.status != 403, tool


async def test_a_tool_that_the_address_leaves_out_is_not_asked_for(place: Place) -> None:
    house, issuer = place
    reading = issuer.token(scope="twin:read")
    got = {path: asked_for(await call(house, reading, "plan_create", path=path)) for path in PATHS}
    assert {path for path, scopes in got.items() if scopes == "twin:read twin:plan"} == {"/mcp", "/mcp/x/deploy"}


@pytest.mark.proves("E1")
@pytest.mark.parametrize(
    "message",
    [
        None, [], "x", 7, {}, {"method": "tools/call"}, {"method": "tools/call", "params": []},
        {"method": "tools/call", "params": {"name": ["plan_create"]}}, {"method": "tools/call", "params": {"name": {}}},
        {"method": ["tools/call"], "params": {"name": "plan_create"}},
        {"method": "tools/list", "params": {"name": "plan_create"}},
    ],
    ids=str,
)  # fmt: skip
async def test_what_is_no_call_of_a_tool_asks_for_nothing(place: Place, message: Any) -> None:
    house, _ = place
    owner = await house.services.people.get("owner")
    actor = replace(OWNER, kind=ActorKind.AGENT, id="oauth:x", on_behalf_of="owner", face="mcp")
    caller = Caller(principal=owner, scopes=frozenset(), actor=actor, request_id="r", issuer=ISSUER)
    assert await step_up(EVERYTHING, house.services, caller, "/mcp", message) is None


@pytest.mark.proves("F5")
async def test_two_people_with_one_client_do_not_get_each_others_answers(place: Place) -> None:
    """The same Idempotency-Key of the same client is another call when it acts for another person."""
    house, issuer = place
    await house.services.people.link("operator", ISSUER, "sub-operator", OWNER)
    words = {"words": "deploy app:1 as web"}
    made: list[str] = []
    for subject in (SUBJECT, "sub-operator", SUBJECT):
        token = issuer.token(sub=subject)
        keyed = {"idempotency-key": "same"}
        async with open_house(house) as url, ai_client(url, token, "stateless", headers=keyed) as client:
            answer = (await client.call_tool("plan_create", words)).structured_content
            assert answer is not None
            made.append(str(answer.get("id") or answer["plan"]))
    assert made[0] == made[2] != made[1]


@pytest.mark.proves("F5")
async def test_nobody_goes_on_with_anothers_session(place: Place) -> None:
    """Not another person's client, not another client of the same person, not an agent of the hub."""
    house, issuer = place
    await house.services.people.link("operator", ISSUER, "sub-operator", OWNER)
    mine = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    begin = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }  # fmt: skip

    async def post(token: str, body: object, **headers: str) -> Answered:
        given = {**mine, "authorization": f"Bearer {token}", **headers}
        return await send(house.app, Wire("/mcp", "POST", given), [json.dumps(body).encode()])

    session = (await post(issuer.token(), begin)).headers["mcp-session-id"]
    kept = {"mcp-session-id": session, "mcp-protocol-version": "2025-11-25"}
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    others = (issuer.token(sub="sub-operator"), issuer.token(client_id="other"), house.tokens["planner"])
    assert [(await post(token, ping, **kept)).status for token in others] == [404, 404, 404]
    assert (await post(issuer.token(jti="renewed"), ping, **kept)).status == 200


@pytest.mark.proves("F1")
@pytest.mark.parametrize("face", ["cli", "http", "web", "mcp"])
async def test_a_persons_own_token_does_nothing_here_and_is_told_why(place: Place, face: str) -> None:
    """Whatever face it claims: the address says that a model is behind it."""
    house, _ = place
    said = {"x-opstwin-face": face}
    async with open_house(house) as url, ai_client(url, house.tokens["owner"], "stateless", headers=said) as client:
        for name, given in (("plan_create", {"words": "deploy app:1 as web"}), ("who_am_i", {})):
            refused = await client.call_tool(name, given)
            assert refused.is_error
            assert refused.structured_content is not None
            assert "never with a person's" in refused.structured_content["error"]["message"]
            assert "opstwin people add" in refused.structured_content["error"]["next_step"]
    [row] = [row for row in await house.audit() if row.outcome == "refused"]
    assert (row.action, row.actor.id, row.actor.face) == ("tool.plan_create", "owner", "mcp")


async def caller_behind(house: House, token: str, host: str = "127.0.0.1:7373", face: str = "cli") -> Caller:
    """Whom the sign-in puts into the request's state."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json", "x-opstwin-face": face}
    wire = Wire("/mcp", "POST", headers, host=host)
    scope = wire.scope()
    wire.scope = lambda: scope  # type: ignore[method-assign]
    await send(house.app, wire, [b"{}"])
    found: Caller = scope["state"]["caller"]
    return found


async def test_a_link_of_the_client_leads_to_the_public_address(place: Place) -> None:
    house, issuer = place
    hosts = ("ops.example.com", "OPS.example.com", "127.0.0.1:7373")
    seen = [(await caller_behind(house, issuer.token(), host)).base_url for host in hosts]
    assert seen == [PUBLIC, PUBLIC, "http://127.0.0.1:7373"]


async def test_at_these_addresses_everybody_is_an_ai_client_whatever_face_it_names(place: Place) -> None:
    house, issuer = place
    for token in (issuer.token(), house.tokens["planner"], house.tokens["owner"]):
        for face in ("cli", "web", "http"):
            assert (await caller_behind(house, token, face=face)).actor.face == "mcp"
