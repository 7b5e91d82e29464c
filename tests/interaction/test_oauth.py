"""Access tokens at the MCP server's addresses: which are taken, and all that is wrong with those that are not."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from joserfc import jwk

from tests.interaction.asgi import Answered, Wire, send
from tests.interaction.house import API, House
from tests.interaction.issuer import (
    ISSUER,
    MCP,
    OTHER,
    OWNER,
    PUBLIC,
    SIGNING,
    SUBJECT,
    Issuer,
    encoded,
    house_with_issuer,
    signed,
    unsigned,
    with_secret,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}  # fmt: skip
CHALLENGE = f'Bearer error="invalid_token", resource_metadata="{PUBLIC}/.well-known/oauth-protected-resource/mcp", '


@pytest_asyncio.fixture(scope="module", loop_scope="module", name="place")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[House, Issuer]]:
    """One house for all: no refused token is to change anything in it."""
    house, issuer = await house_with_issuer(tmp_path_factory.mktemp("house"))
    yield house, issuer
    await house.app.state.mcp.close()


async def bring(house: House, token: str, path: str = "/mcp", **headers: str) -> Answered:
    """One request of the handshake, with a token."""
    given = {
        "authorization": f"Bearer {token}", "content-type": "application/json",
        "accept": "application/json, text/event-stream", **headers,
    }  # fmt: skip
    wire = Wire(path, "POST", given, host="ops.example.com")
    return await send(house.app, wire, [json.dumps(INITIALIZE).encode()])


Bad = Callable[[Issuer], str]
PEM = SIGNING.as_pem(private=False)
CLAIMS_WRONG: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example"},
    "another tenant": {"iss": ISSUER + "-other"},
    "the issuer with a slash": {"iss": ISSUER + "/"},
    "no issuer": {"iss": None},
    "a list of issuers": {"iss": [ISSUER]},
    "another audience": {"aud": "https://api.example.com"},
    "the hub without its path": {"aud": PUBLIC},
    "the audience with a slash": {"aud": MCP + "/"},
    "an address below ours": {"aud": MCP + "/readonly"},
    "no audience": {"aud": None},
    "an empty list of audiences": {"aud": []},
    "audiences that are no texts": {"aud": [{"x": MCP}, 1]},
    "an audience that begins like ours": {"aud": MCP + ".evil.example"},
    "an expired one": {"exp": 1},
    "no end": {"exp": None},
    "an end that is a text": {"exp": "9999999999"},
    "an end that is true": {"exp": True},
    "an end beyond all time": {"exp": 10**30},
    "an end before all time": {"exp": -1},
    "not yet valid": {"nbf": 10**10},
    "issued in the future": {"iat": 10**10},
    "nobody": {"sub": None},
    "an empty name": {"sub": ""},
    "a name with a line break": {"sub": "owner\nroot"},
    "a name that turns the text round": {"sub": "owner\u202eroot"},
    "a name that is a number": {"sub": 7},
    "a name that is too long": {"sub": "x" * 501},
    "no client": {"client_id": None},
    "a client with a space": {"client_id": "claude owner"},
    "a client that is too long": {"client_id": "x" * 201},
    "one bound to its client's key": {"cnf": {"jkt": "x"}},
}  # fmt: skip
HEADERS_WRONG: dict[str, dict[str, Any]] = {
    "made for another use": {"typ": "logout+jwt"},
    "a proof and no token": {"typ": "dpop+jwt"},
    "an unknown key": {"kid": "key-9"},
    "a key id that is a path": {"kid": "../../../../dev/null"},
    "a key id that is a query": {"kid": "' UNION SELECT 'x"},
    "an empty key id": {"kid": ""},
}
FORGED: dict[str, Bad] = {
    "none": lambda made: unsigned(made.claims()),
    "None": lambda made: unsigned(made.claims(), alg="None"),
    "NONE with a key id": lambda made: unsigned(made.claims(), alg="NONE", kid="key-1"),
    "no algorithm": lambda made: f"{encoded({'typ': 'at+jwt'})}.{encoded(made.claims())}.{encoded(b'x' * 256)}",
    "a list of algorithms": lambda made: f"{encoded({'alg': ['RS256']})}.{encoded(made.claims())}.{encoded(b'x')}",
    "the public key as a secret": lambda made: with_secret(made.claims(), PEM),
    "the modulus as a secret": lambda made: with_secret(made.claims(), str(SIGNING.as_dict()["n"]).encode()),
    "an empty secret": lambda made: with_secret(made.claims(), b""),
    "HS384": lambda made: with_secret(made.claims(), PEM, alg="HS384"),
    "a key of its own": lambda made: made.token(key=OTHER, header={"kid": "key-1"}),
    "a key that it brings": lambda made: made.token(
        key=OTHER, header={"kid": "key-1", "jwk": OTHER.as_dict(private=False)}
    ),
    "an address of keys that it brings": lambda made: made.token(
        key=OTHER, header={"jku": "http://127.0.0.1:1/keys", "x5u": "http://169.254.169.254/"}
    ),
    "a signature cut short": lambda made: made.token()[:-8],
    "no signature": lambda made: made.token().rpartition(".")[0] + ".",
    "a signature of other claims": lambda made: ".".join(
        [made.token().split(".")[0], encoded(made.claims(scope="twin:admin")), made.token(jti="2").split(".")[2]]
    ),
    "something that must be understood": lambda made: signed(made.claims(), crit=["b64"], b64=True),
    "an algorithm that its key is not for": lambda made: signed(made.claims(), alg="RS512"),
    "claims that are a list": lambda made: signed(b"[]"),
    "claims that are no JSON": lambda made: signed(b"{"),
    "claims that are deep": lambda made: signed(b"[" * 2500 + b"]" * 2500),
    "a header that is deep": lambda made: f"eyJ{encoded(b'[' * 1400)}.e30.AA",
    "a header that is no JSON": lambda made: "eyJhbGciOiJSUzI1NiIs.e30.AA",
    "a long header": lambda made: made.token(header={"note": "x" * 2000}),
    "five parts": lambda made: "eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d",
    "nine thousand characters": lambda made: made.token(note="x" * 9000),
}


def every_bad_token() -> dict[str, Bad]:
    claims = {name: (lambda made, c=changes: made.token(**c)) for name, changes in CLAIMS_WRONG.items()}
    headers = {name: (lambda made, h=header: made.token(header=h)) for name, header in HEADERS_WRONG.items()}
    return {**claims, **headers, **FORGED}


BAD = every_bad_token()


async def test_a_good_token_is_taken(place: tuple[House, Issuer]) -> None:
    house, issuer = place
    for token in (issuer.token(), signed(issuer.claims())):
        answer = await bring(house, token)
        assert answer.status == 200, answer.body
        assert b'"opstwin"' in answer.body


@pytest.mark.proves("F2")
@pytest.mark.parametrize("name", list(BAD))
async def test_a_bad_token_is_refused_without_a_trace_in_the_twin(place: tuple[House, Issuer], name: str) -> None:
    house, issuer = place
    before = len(await house.audit())
    answer = await bring(house, BAD[name](issuer))
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith(CHALLENGE)
    assert answer.json()["detail"] == "No valid credential came with the call."
    assert len(await house.audit()) == before
    assert not house.effects


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["account", MCP]}, {"scope": None, "scp": ["twin:read"]}, {"scope": None, "scp": "twin:read"},
        {"client_id": None, "azp": "claude"}, {"nbf": 0}, {"scope": ""}, {"iat": None},
    ],
    ids=str,
)  # fmt: skip
async def test_what_servers_write_differently_is_taken_too(
    place: tuple[House, Issuer], changes: dict[str, Any]
) -> None:
    house, issuer = place
    assert (await bring(house, issuer.token(**changes))).status == 200


@pytest.mark.parametrize("typ", ["JWT", "at+JWT", "application/at+jwt", None])
async def test_the_types_of_access_tokens_are_taken(place: tuple[House, Issuer], typ: str | None) -> None:
    house, issuer = place
    assert (await bring(house, issuer.token(header={"typ": typ}))).status == 200


@pytest.mark.proves("F2")
@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("PS256", jwk.RSAKey.generate_key(2048, parameters={"kid": "k"})),
        ("ES256", jwk.ECKey.generate_key("P-256", parameters={"kid": "k"})),
        ("ES384", jwk.ECKey.generate_key("P-384", parameters={"kid": "k"})),
        ("Ed25519", jwk.OKPKey.generate_key("Ed25519", parameters={"kid": "k"})),
    ],
)  # fmt: skip
async def test_other_signatures_with_a_private_key_are_taken(
    place: tuple[House, Issuer], algorithm: str, key: Any
) -> None:
    house, issuer = place
    issuer.publish(SIGNING, key)
    house.clock.advance(700)
    try:
        assert (await bring(house, issuer.token(key=key, header={"alg": algorithm}))).status == 200
        assert (await bring(house, issuer.token(key=SIGNING, header={"kid": "k"}))).status == 401
    finally:
        issuer.publish(SIGNING)
        house.clock.advance(700)


@pytest.mark.proves("F2")
async def test_a_token_ends_at_its_time_though_it_was_taken_before(place: tuple[House, Issuer]) -> None:
    house, issuer = place
    token = issuer.token()
    assert (await bring(house, token)).status == 200
    house.clock.advance(329)
    assert (await bring(house, token)).status == 200
    house.clock.advance(2)
    assert (await bring(house, token)).status == 401


@pytest.mark.proves("F2")
async def test_a_token_for_one_address_of_the_server_is_none_for_the_others(place: tuple[House, Issuer]) -> None:
    """A token for the read-only address opens no door that changes something."""
    house, issuer = place
    narrow = issuer.token(aud=f"{MCP}/readonly")
    got = {path: (await bring(house, narrow, path)).status for path in ("/mcp", "/mcp/readonly", "/mcp/x/core")}
    assert got == {"/mcp": 401, "/mcp/readonly": 200, "/mcp/x/core": 401}
    wide = issuer.token()
    assert {(await bring(house, wide, path)).status for path in got} == {200}


@pytest.mark.proves("F2")
@pytest.mark.parametrize("path", [f"{API}/hub", f"{API}/plans", "/", "/metrics", "/openapi.json"])
async def test_a_token_for_the_mcp_server_opens_nothing_else(place: tuple[House, Issuer], path: str) -> None:
    house, issuer = place
    headers = {"authorization": f"Bearer {issuer.token()}"}
    for method in ("GET", "POST"):
        answer = await send(house.app, Wire(path, method, headers))
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="opstwin"'


@pytest.mark.proves("F2")
async def test_somebody_whom_nobody_linked_is_told_how_and_gets_no_account(place: tuple[House, Issuer]) -> None:
    house, issuer = place
    before = [person.id for person in await house.services.people.all()]
    answer = await bring(house, issuer.token(sub="auth0|mallory; rm -rf"))
    assert answer.status == 403
    assert answer.json()["next_step"].endswith("opstwin people link NAME --subject 'auth0|mallory; rm -rf'")
    assert [person.id for person in await house.services.people.all()] == before


@pytest.mark.proves("F2")
async def test_a_local_token_goes_on_working_beside(place: tuple[House, Issuer]) -> None:
    house, _ = place
    assert (await bring(house, house.tokens["planner"])).status == 200
    assert (await bring(house, house.tokens["planner"][::-1])).status == 401


async def test_a_cookie_is_no_credential_of_an_ai_client(place: tuple[House, Issuer]) -> None:
    house, _ = place
    cookie = await house.session("owner")
    headers = {"cookie": cookie, "origin": "http://127.0.0.1:7373", "content-type": "application/json"}
    answer = await send(house.app, Wire("/mcp", "POST", headers), [json.dumps(INITIALIZE).encode()])
    assert answer.status == 401


@pytest.mark.parametrize("path", ["/mcp", "/mcp/readonly", "/mcp/x/deploy", "/mcp/nothing"])
async def test_without_a_credential_the_answer_says_where_to_get_one(place: tuple[House, Issuer], path: str) -> None:
    house, _ = place
    for method in ("GET", "POST", "DELETE"):
        answer = await send(house.app, Wire(path, method))
        described = path if path != "/mcp/nothing" else "/mcp"
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == (
            f'Bearer resource_metadata="{PUBLIC}/.well-known/oauth-protected-resource{described}", scope="twin:read"'
        )


@pytest.mark.proves("F2")
async def test_shutting_a_person_out_and_ending_a_link_hold_at_once(tmp_path: Any) -> None:
    house, issuer = await house_with_issuer(tmp_path)
    people = house.services.people
    await people.link("operator", ISSUER, "sub-operator", OWNER)
    mine, theirs = issuer.token(), issuer.token(sub="sub-operator")
    assert [(await bring(house, token)).status for token in (mine, theirs)] == [200, 200]
    [link] = [item for item in await people.credentials("owner") if item.purpose == "link"]
    await people.revoke(link.id, OWNER)
    await people.deactivate("operator", OWNER)
    assert [(await bring(house, token)).status for token in (mine, theirs)] == [403, 403]
    await people.link("viewer", ISSUER, SUBJECT, OWNER)
    assert (await bring(house, mine)).status == 200
    await house.app.state.mcp.close()


@pytest.mark.proves("F2")
async def test_a_key_that_was_taken_back_stops_to_count_with_tokens_that_were_taken_before(tmp_path: Any) -> None:
    house, issuer = await house_with_issuer(tmp_path)
    token = issuer.token(exp=10**10)
    assert (await bring(house, token)).status == 200
    issuer.publish(OTHER)
    house.clock.advance(601)
    assert (await bring(house, token)).status == 401
    assert (await bring(house, issuer.token(key=OTHER))).status == 200
    await house.app.state.mcp.close()


@pytest.mark.proves("F2")
async def test_with_the_accounts_id_in_a_claim_nobody_must_be_linked(tmp_path: Any) -> None:
    by_id = {"oauth_people": "by_id", "oauth_person_claim": "preferred_username"}
    house, issuer = await house_with_issuer(tmp_path, linked=False, **by_id)
    wanted = {"owner": 200, "viewer": 200, "planner": 403, "nobody": 403, "OWNER": 403, "owner ": 401}
    got = {name: (await bring(house, issuer.token(preferred_username=name))).status for name in wanted}
    assert got == wanted
    await house.services.people.deactivate("viewer", OWNER)
    assert (await bring(house, issuer.token(preferred_username="viewer"))).status == 403
    await house.app.state.mcp.close()


@pytest.mark.proves("F2")
async def test_an_audience_of_the_settings_stands_in_place_of_the_address(tmp_path: Any) -> None:
    house, issuer = await house_with_issuer(tmp_path, oauth_audience="api://opstwin")
    assert (await bring(house, issuer.token(aud="api://opstwin"))).status == 200
    assert (await bring(house, issuer.token())).status == 401
    await house.app.state.mcp.close()


@pytest.mark.proves("F2")
async def test_without_an_issuer_no_access_token_is_taken_and_nothing_points_to_one(tmp_path: Any) -> None:
    off = {"oauth_issuer": None, "oauth_jwks_file": None}
    house, issuer = await house_with_issuer(tmp_path, **off)
    answer = await bring(house, issuer.token())
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="opstwin"')
    for path in ("", "/mcp", "/mcp/readonly", "/mcp/x/core"):
        described = await send(house.app, Wire(f"/.well-known/oauth-protected-resource{path}"))
        assert described.status == 404


@pytest.mark.parametrize("path", ["", "/mcp", "/mcp/readonly", "/mcp/x/deploy"])
async def test_the_metadata_says_who_gives_tokens_for_this_very_address(place: tuple[House, Issuer], path: str) -> None:
    house, _ = place
    answer = await send(house.app, Wire(f"/.well-known/oauth-protected-resource{path}"))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "resource": f"{PUBLIC}{path or '/mcp'}",
        "authorization_servers": [ISSUER],
        "scopes_supported": ["twin:read", "twin:plan", "twin:apply", "twin:exec", "twin:admin"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Opstwin",
    }


@pytest.mark.proves("F6")
@pytest.mark.parametrize(
    "path",
    [
        "/mcp/", "//mcp", "/mcp//readonly", "/mcp/./readonly", "/mcp/x/../readonly", "/mcp%2freadonly", "/mcp/x%2fcore",
        "/mcp;x=1", "/MCP", "/%6dcp", "/mcp%00", "/mcp%20", "/mcp/x/core/", "/mcp/x/", "/mcp/x/nothing", "/mcp/../mcp",
        "/health/../mcp", "/mcp\\readonly", "/.well-known/../mcp", "/.well-known/oauth-protected-resource/../../mcp",
        "/.well-known/oauth-protected-resource/", "/.well-known/oauth-protected-resource/mcp/",
        "/.well-known/oauth-protected-resource/api/v1/hub", "/.well-known/oauth-protected-resource/mcp/x/nothing",
        "/.well-known/oauth-protected-resource/mcp%2freadonly", "/.well-known/oauth-authorization-server",
        "/.well-known", "/.well-known/oauth-protected-resource;/mcp", "/.well-known/oauth-protected-resourcex",
    ],
)  # fmt: skip
async def test_no_spelling_of_an_address_goes_round_the_sign_in(place: tuple[House, Issuer], path: str) -> None:
    house, _ = place
    for method in ("GET", "POST"):
        bare = await send(house.app, Wire(path, method, {"content-type": "application/json"}), [b"{}"])
        assert bare.status in (400, 401), bare.body
        assert b"opstwin" not in bare.body.replace(b"urn:opstwin", b"").replace(b"opstwin up", b"")


@pytest.mark.proves("F6")
@pytest.mark.parametrize("header", ["x-original-url", "x-rewrite-url", "x-forwarded-prefix", "x-http-method-override"])
async def test_no_header_makes_an_open_address_of_it(place: tuple[House, Issuer], header: str) -> None:
    house, issuer = place
    for value in ("/health", "/.well-known/oauth-protected-resource", "GET"):
        assert (await send(house.app, Wire("/mcp", "POST", {header: value}))).status == 401
    token = issuer.token()
    for query in (f"access_token={token}", f"token={token}"):
        assert (await send(house.app, Wire("/mcp", "POST", query=query))).status == 401
    read_only = issuer.token(aud=f"{MCP}/readonly")
    assert (await bring(house, read_only, "/mcp", **{header: "/mcp/readonly"})).status == 401
