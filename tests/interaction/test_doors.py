"""Who may knock: hosts, origins, cross-site requests, credentials, and paths that try to go round them."""

import pytest
import pytest_asyncio
from starlette.routing import Route

from tests.interaction.asgi import Answered, Wire, send
from tests.interaction.house import API, House

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPEN = {"/health", "/ready", "/login"}
METADATA = {
    f"/.well-known/oauth-protected-resource{path}"
    for path in (
        "",
        "/mcp",
        "/mcp/readonly",
        *(f"/mcp/x/{name}" for name in ("core", "deploy", "hosts", "metrics", "admin")),
    )
}
GOOD_HOSTS = ["127.0.0.1:7373", "127.0.0.1", "localhost:7373", "LOCALHOST", "[::1]:7373", "[::1]"]
BAD_HOSTS = [
    "evil.example", "evil.example:7373", "127.0.0.1.evil.example", "localhost.evil.example", "127.1", "127.0.0.2",
    "0.0.0.0", "0x7f.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "localhost.", "127.0.0.1:99999", "127.0.0.1:80:80",
    "user@127.0.0.1", "127.0.0.1/x", "127.0.0.1#", " 127.0.0.1", "169.254.169.254", "", ":7373", "[::1", "local host",
]  # fmt: skip
BAD_ORIGINS = [
    "https://evil.example", "http://127.0.0.1:7374", "http://127.0.0.1", "http://localhost:7373", "null", "file://",
    "http://127.0.0.1:7373.evil.example", "http://evil.example/http://127.0.0.1:7373", "ftp://127.0.0.1:7373",
    "http://127.0.0.1:7373/path", "", "chrome-extension://abcdef", "http://[", "moz-extension://127.0.0.1:7373",
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module", name="house")
async def shared_house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """One house for all: none of these requests is to change anything in it."""
    return await House(tmp_path_factory.mktemp("house")).furnish()


async def hub(house: House, **changes: object) -> Answered:
    """A good request but for the changes."""
    given = {"authorization": f"Bearer {house.tokens['owner']}"}
    headers = {**given, **changes.pop("headers", {})}  # type: ignore[dict-item]
    return await send(house.app, Wire(**{"path": f"{API}/hub", "headers": headers, **changes}))  # type: ignore[arg-type]


@pytest.mark.parametrize("host", GOOD_HOSTS)
async def test_the_hub_answers_for_its_own_names(house: House, host: str) -> None:
    assert (await hub(house, host=host)).status == 200


@pytest.mark.proves("F3")
@pytest.mark.parametrize("host", BAD_HOSTS)
async def test_a_request_for_another_host_is_misdirected(house: House, host: str) -> None:
    answer = await hub(house, host=host)
    assert answer.status == 421
    assert answer.json()["next_step"]
    assert (await send(house.app, Wire("/health", host=host))).status == 421


@pytest.mark.proves("F3")
async def test_two_hosts_or_none_are_misdirected(house: House) -> None:
    assert (await hub(house, extra=[("host", "127.0.0.1:7373")])).status == 421
    wire = Wire(f"{API}/hub")
    scope = wire.scope()
    scope["headers"] = []
    wire.scope = lambda: scope  # type: ignore[method-assign]
    assert (await send(house.app, wire)).status == 421


@pytest.mark.proves("F3")
async def test_forwarded_names_do_not_open_the_door(house: House) -> None:
    headers = {"x-forwarded-host": "127.0.0.1:7373", "forwarded": "host=127.0.0.1"}
    assert (await hub(house, host="evil.example", headers=headers)).status == 421


@pytest.mark.proves("F3")
async def test_a_named_host_is_served_with_its_port_when_one_is_named(house: House) -> None:
    other = await House(house.folder, settings={"allowed_hosts": ("hub.example.com", "lab.example.com:8443")}).furnish()
    wanted = {"hub.example.com": 200, "HUB.example.com:9": 200, "lab.example.com:8443": 200, "lab.example.com": 421}
    assert {host: (await hub(other, host=host)).status for host in wanted} == wanted


@pytest.mark.proves("F3")
@pytest.mark.req("S5.83")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("origin", BAD_ORIGINS)
async def test_a_foreign_origin_may_not_call(house: House, origin: str, method: str) -> None:
    path = f"{API}/hub" if method == "GET" else f"{API}/audit:verify"
    answer = await hub(house, path=path, method=method, headers={"origin": origin})
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.req("S5.83")
async def test_a_preflight_from_a_foreign_origin_gets_no_permission(house: House) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = await hub(house, method="OPTIONS", path=f"{API}/plans", headers=headers)
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.req("S5.83")
async def test_only_an_origin_that_the_settings_name_is_told_that_it_may(house: House) -> None:
    other = await House(house.folder, settings={"allowed_origins": ("https://ui.example.com",)}).furnish()
    named = await hub(other, headers={"origin": "https://ui.example.com"})
    assert (named.status, named.headers["access-control-allow-origin"]) == (200, "https://ui.example.com")
    assert "access-control-allow-credentials" not in named.headers
    assert (await hub(other, headers={"origin": "https://evil.example"})).status == 403


@pytest.mark.req("S5.83")
async def test_a_preflight_of_a_named_origin_is_answered_without_a_credential(house: House) -> None:
    other = await House(house.folder, settings={"allowed_origins": ("https://ui.example.com",)}).furnish()
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    for origin, status in (("https://ui.example.com", 200), ("https://evil.example", 403)):
        wire = Wire(f"{API}/plans", "OPTIONS", {"origin": origin, **asked})
        assert (await send(other.app, wire)).status == status, origin


@pytest.mark.proves("F3")
async def test_a_hub_on_an_ipv6_address_answers_for_it(house: House) -> None:
    other = await House(house.folder, settings={"host": "fd00::7"}).furnish()
    wanted = {"[fd00::7]:7373": 200, "[fd00::8]:7373": 421, "fd00::7": 421}
    assert {host: (await hub(other, host=host)).status for host in wanted} == wanted


@pytest.mark.proves("F3")
async def test_a_hub_on_every_address_still_answers_for_named_hosts_only(house: House) -> None:
    other = await House(house.folder, settings={"host": "0.0.0.0"}).furnish()
    assert (await hub(other, host="0.0.0.0:7373")).status == 421
    assert (await hub(other, host="192.168.1.5:7373")).status == 421


async def test_the_hubs_own_pages_may_call(house: House) -> None:
    assert (await hub(house, headers={"origin": "http://127.0.0.1:7373"})).status == 200


@pytest.mark.proves("F3")
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_subresource_request_from_another_site_is_refused(house: House, site: str) -> None:
    fetched = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors"}
    assert (await hub(house, headers=fetched)).status == 403


@pytest.mark.proves("F3")
async def test_a_cookie_does_not_change_anything_without_an_origin(house: House) -> None:
    session = await house.session("owner")
    wire = Wire(f"{API}/plans", "POST", {"cookie": session, "content-type": "application/json"})
    answer = await send(house.app, wire, [b'{"words": "deploy app:1 as web"}'])
    assert answer.status == 403
    wire.headers = {**wire.headers, "origin": "http://127.0.0.1:7373"}
    assert (await send(house.app, wire, [b'{"words": "deploy app:1 as web"}'])).status == 201


@pytest.mark.req("S5.76", "S5.33")
async def test_every_route_but_three_and_the_metadata_refuses_a_call_without_a_credential(house: House) -> None:
    routes = [route for route in house.app.routes if isinstance(route, Route)]
    assert len(routes) > 50
    for route in routes:
        path = route.path.replace("{id:path}", "local/container/web-1")
        for name in ("id", "target", "name"):
            path = path.replace(f"{{{name}}}", "x")
        for method in route.methods or ():
            answer = await send(house.app, Wire(path, method, {"content-type": "application/json"}), [b"{}"])
            asked_to_sign_in = answer.headers.get("www-authenticate", "").startswith("Bearer")
            assert asked_to_sign_in != (path in OPEN | METADATA), (method, path, answer.status)
            assert not asked_to_sign_in or answer.status == 401


@pytest.mark.req("S5.33")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
async def test_what_is_no_route_at_all_asks_for_a_credential_too(house: House, method: str) -> None:
    for path in ("/nothing", f"{API}/nothing", "/docs", "/redoc", "/static/x"):
        assert (await send(house.app, Wire(path, method))).status == 401, path


@pytest.mark.req("S5.76")
@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer ", "Bearer opt_wrong", "Basic b3duZXI6eA==", "opt_wrong", "Bearer opt_x opt_y",
        "Bearer " + "x" * 5000, "Bearer null", "Bearer \xff\xfe", "bearer opl_" + "A" * 43,
    ],
)  # fmt: skip
async def test_a_credential_that_is_none_is_refused_without_saying_why(house: House, header: str) -> None:
    answer = await send(house.app, Wire(f"{API}/hub", headers={"authorization": header}))
    assert answer.status == 401
    assert answer.json()["code"] == "unauthenticated"


@pytest.mark.req("S5.76")
async def test_a_good_token_is_let_in_and_an_expired_one_is_not(house: House) -> None:
    async with house.caller() as client:
        issued = (await client.post("/people/viewer/tokens", {"expires_in_s": 60})).json()
        headers = {"authorization": f"Bearer {issued['token']}"}
        assert (await send(house.app, Wire(f"{API}/hub", headers=headers))).status == 200
        house.clock.advance(61)
        assert (await send(house.app, Wire(f"{API}/hub", headers=headers))).status == 401


async def test_two_authorization_headers_are_refused(house: House) -> None:
    answer = await hub(house, extra=[("authorization", f"Bearer {house.tokens['viewer']}")])
    assert answer.status == 401


@pytest.mark.proves("F6")
@pytest.mark.parametrize(
    "path",
    [
        "//api/v1/hub", "/api//v1/hub", "/api/v1//hub", "/./api/v1/hub", "/api/v1/../v1/hub", "/health/../api/v1/hub",
        "/api/v1/hub/", "/api/v1/hub;x=1", "/api/v1;/hub", "/api%2fv1/hub", "/api/v1%2Fhub", "/%61pi/v1/hub",
        "/API/v1/hub", "/api/v1/hub%00", "/api/v1/hub%20", "/api/v1/hub%0a", "/api/v1\\hub", "/api/v1%5chub",
        "/health%2f..%2fapi/v1/hub", "/health;/api/v1/hub", "/login/../api/v1/hub", "/health/api/v1/hub",
        "/health?/api/v1/hub", "/ready/../openapi.json", "//health/../metrics", "/%2e%2e/api/v1/hub", "/api/v1/%68ub",
        "/health%23/api/v1/hub", "/.//api/v1/hub", "/metrics/", "/metrics;", "/openapi.json/", "/login/", "/health/",
    ],
)  # fmt: skip
async def test_no_spelling_of_a_path_goes_round_the_check(house: House, path: str) -> None:
    """Without a credential nothing but the three open paths answers, however it is written."""
    bare, _, query = path.partition("?")
    answer = await send(house.app, Wire(bare, query=query))
    assert answer.status in ((200,) if path.startswith("/health?") else (400, 401)), answer.body
    assert b"policy" not in answer.body


@pytest.mark.proves("F6")
@pytest.mark.parametrize(
    "path",
    [
        "/api%2fv1/hub", "/api/v1%2Fhub", "/api/v1/hub%0a", "/api/v1/hub%20", "/api/v1/hub%00", "/api/v1/hub%5c",
        "//api/v1/hub", "/api/v1/./hub", "/api/v1/x/../hub", "/api/v1/hub;x", "/api/v1/hub%e2%80%8b", "/api/v1/hub%ff",
        "/api/v1/hub%252f", "/api/v1/resources/local%2fcontainer%2fweb-1", "/api/v1/targets/local%0a", "/" + "a" * 3000,
    ],
)  # fmt: skip
async def test_a_crooked_path_is_refused_as_such_with_a_good_credential_too(house: House, path: str) -> None:
    """Two servers in a row that read such a path differently would check one thing and do another."""
    answer = await hub(house, path=path)
    assert answer.status == 400
    assert answer.json()["details"]["field"] == "path"


@pytest.mark.proves("F6")
@pytest.mark.parametrize(
    "header",
    ["x-original-url", "x-rewrite-url", "x-http-method-override", "x-method-override", "x-forwarded-prefix",
     "x-forwarded-uri", "x-forwarded-for", "x-real-ip", "x-forwarded-user", "x-remote-user"],
)  # fmt: skip
async def test_headers_that_other_servers_obey_change_nothing(house: House, header: str) -> None:
    for value in ("/health", "GET", "127.0.0.1", "owner"):
        assert (await send(house.app, Wire(f"{API}/hub", headers={header: value}))).status == 401
    for query in ("_method=GET", "access_token=x", f"token={house.tokens['owner']}"):
        assert (await send(house.app, Wire(f"{API}/hub", query=query))).status == 401


@pytest.mark.proves("F3")
async def test_a_web_socket_is_turned_away(house: House) -> None:
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect"}

    async def take(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {**Wire("/api/v1/events", headers={"origin": "https://evil.example"}).scope(), "type": "websocket"}
    await house.app(scope, receive, take)  # type: ignore[arg-type]
    assert [item["type"] for item in sent] == ["websocket.close"]


@pytest.mark.proves("F3")
async def test_a_hub_listens_on_this_machine_only_unless_told_otherwise() -> None:
    from opstwin.settings import Settings

    assert Settings().host == "127.0.0.1"


async def test_every_answer_carries_the_safe_headers(house: House) -> None:
    for path in ("/health", f"{API}/hub", "/nothing", "/", "/login"):
        headers = (await send(house.app, Wire(path, headers={"accept": "text/html"}))).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-request-id"]
        assert "server" not in headers
