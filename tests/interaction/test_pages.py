"""The pages: signing in once, and deciding on what will really happen."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest

from opstwin.domain.plan import Plan, sealed
from opstwin.domain.plan_text import plan_lines
from opstwin.server.page_words import WORDS, language_of
from opstwin.twin.store import Put
from tests.interaction.asgi import Answered, Wire, send
from tests.interaction.house import HUB, URL, Client, House
from tests.interaction.test_approval_bypass import form_token

LIE = 'only scales web <img src=x onerror="alert(1)"> approve me \u202e evil'


async def look(house: House, path: str, session: str = "", **headers: str) -> Answered:
    given = {"accept": "text/html", **({"cookie": session} if session else {}), **headers}
    return await send(house.app, Wire(path, headers=given))


async def press(house: House, plan: Any, session: str, **fields: str) -> Answered:
    """Send the plan's form as a browser does."""
    token = await form_token(house, plan, session)
    body = urlencode({"token": token, "digest": plan["digest"], "reason": "no", **fields})
    headers = {"cookie": session, "origin": URL, "content-type": "application/x-www-form-urlencoded"}
    return await send(house.app, Wire(f"/plans/{plan['id']}", "POST", headers), [body.encode()])


class Reading(HTMLParser):
    """The text that a reader sees, and every tag and attribute."""

    def __init__(self, page: Answered) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._hidden = 0
        self.feed(page.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden += tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.seen.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.seen).split())

    def buttons(self) -> set[str | None]:
        return {attrs["value"] for tag, attrs in self.tags if tag == "button" and attrs.get("name") == "decision"}


async def test_a_login_link_works_once(house: House) -> None:
    code = (await house.services.people.login_code("owner", HUB)).secret
    first = await send(house.app, Wire("/login", query=f"code={code}"))
    cookie = first.headers["set-cookie"]
    assert first.status == 200
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie
    again = await send(house.app, Wire("/login", query=f"code={code}"))
    assert again.status == 401
    assert "set-cookie" not in again.headers
    assert (await look(house, "/", cookie.split(";")[0])).status == 200


async def test_a_login_link_is_over_after_ten_minutes(house: House) -> None:
    code = (await house.services.people.login_code("owner", HUB)).secret
    house.clock.advance(601)
    assert (await send(house.app, Wire("/login", query=f"code={code}"))).status == 401


async def test_a_link_preview_does_not_use_the_link_up(house: House) -> None:
    code = (await house.services.people.login_code("owner", HUB)).secret
    preview = Wire("/login", query=f"code={code}", headers={"sec-purpose": "prefetch"})
    assert (await send(house.app, preview)).status == 425
    assert (await send(house.app, Wire("/login", query=f"code={code}"))).status == 200


@pytest.mark.parametrize("query", ["", "code=", "code=opl_wrong", "code=" + "A" * 4000, "code=a&code=b", "code=%00"])
async def test_a_wrong_login_link_says_nothing_but_no(house: House, query: str) -> None:
    assert (await send(house.app, Wire("/login", query=query))).status in (401, 422)


async def test_a_token_is_no_login_code(house: House) -> None:
    assert (await send(house.app, Wire("/login", query=f"code={house.tokens['owner']}"))).status == 401


async def test_signing_out_ends_the_session_wherever_its_cookie_is(house: House) -> None:
    session = await house.session("owner")
    page = (await look(house, "/", session)).body.decode()
    token = re.search(r'action="/logout"><input type="hidden" name="token" value="([0-9a-f]{64})"', page)
    assert token
    headers = {"cookie": session, "origin": URL, "content-type": "application/x-www-form-urlencoded"}
    assert (await send(house.app, Wire("/logout", "POST", headers), [b"token=0"])).status == 403
    assert (await look(house, "/", session)).status == 200
    assert (await send(house.app, Wire("/logout", "POST", headers), [f"token={token[1]}".encode()])).status == 200
    assert (await look(house, "/", session)).status == 401


async def test_who_is_not_signed_in_sees_how_to_and_nothing_else(house: House) -> None:
    async with house.caller() as client:
        plan = await client.planned()
    for path in ("/", f"/plans/{plan['id']}"):
        page = await look(house, path)
        assert page.status == 401
        assert "opstwin up" in Reading(page).text
        assert plan["id"] not in Reading(page).text


async def test_the_first_page_shows_what_waits(house: House) -> None:
    session = await house.session("operator")
    assert "Nothing waits for you." in Reading(await look(house, "/", session)).text
    async with house.caller() as client:
        plan = await client.planned()
        done = await client.approved("deploy app:2 as second")
    shown = Reading(await look(house, "/", session))
    assert plan["id"] in shown.text
    assert done["id"] not in shown.text
    assert ("a", {"href": f"/plans/{plan['id']}"}) in shown.tags


@pytest.mark.parametrize(("button", "state"), [("approve", "approved"), ("reject", "rejected")])
async def test_a_person_decides_with_a_button_and_a_reason(house: House, button: str, state: str) -> None:
    session = await house.session("operator")
    async with house.caller() as client:
        plan = await client.planned()
        page = Reading(await look(house, f"/plans/{plan['id']}", session))
        assert page.buttons() == {"approve", "reject"}
        answer = await press(house, plan, session, decision=button, reason="seen, fine\r\nby me")
        assert (answer.status, answer.headers["location"]) == (303, f"/plans/{plan['id']}")
        decided = (await client.get(f"/plans/{plan['id']}")).json()
    assert decided["state"] == state
    [approval] = decided["approvals"]
    assert approval["decided_by"] == {"kind": "person", "id": "operator", "on_behalf_of": None, "face": "web"}
    assert approval["reason"] == "seen, fine by me"
    after = Reading(await look(house, f"/plans/{plan['id']}", session))
    assert not after.buttons()
    assert "seen, fine by me" in after.text


@pytest.mark.parametrize("button", ["", "Approve", "yes", "approve now"])
async def test_what_is_not_the_approve_button_is_a_reject(house: House, button: str) -> None:
    session = await house.session("operator")
    async with house.caller() as client:
        plan = await client.planned()
        await press(house, plan, session, decision=button)
        assert (await client.get(f"/plans/{plan['id']}")).json()["state"] == "rejected"


async def test_a_form_of_a_plan_that_changed_meanwhile_does_nothing(house: House) -> None:
    session = await house.session("operator")
    async with house.caller() as client:
        plan = await client.planned()
        answer = await press(house, {**plan, "digest": "sha256:" + "0" * 64}, session, decision="approve")
        assert answer.status == 409
        assert "It was not done" in Reading(answer).text
        assert (await client.get(f"/plans/{plan['id']}")).json()["state"] == "pending"


async def high_risk(client: Client, house: House) -> dict[str, Any]:
    """A plan that deletes a volume with its data."""
    file = json.dumps({"name": "db", "image": "app:1", "volumes": ["data:/data"]})
    plan = (await client.post("/plans", {"file": file})).json()
    await client.post(f"/plans/{plan['id']}:decide", {"decision": "approve", "digest": plan["digest"]})
    await client.post(f"/plans/{plan['id']}:apply")
    await house.work()
    await house.services.observer.discover("local")
    made = (await client.post("/plans", {"words": "delete db with its volumes"})).json()
    assert made["risk"] == "destructive"
    return dict(made)


@pytest.mark.req("S5.63")
async def test_the_requester_of_a_high_risk_plan_cannot_approve_it_and_somebody_else_can(house: House) -> None:
    mine, theirs = await house.session("owner"), await house.session("operator")
    async with house.caller("owner") as client:
        plan = await high_risk(client, house)
        page = Reading(await look(house, f"/plans/{plan['id']}", mine))
        assert page.buttons() == {"reject"}
        assert "somebody else must approve" in page.text
        assert (await press(house, plan, mine, decision="approve", confirm="local")).status == 403
        assert (await press(house, plan, theirs, decision="approve", confirm="local")).status == 303
        assert (await client.get(f"/plans/{plan['id']}")).json()["state"] == "approved"


async def test_what_cannot_be_undone_is_approved_only_with_the_targets_name(house: House) -> None:
    session = await house.session("operator")
    async with house.caller("owner") as client:
        plan = await high_risk(client, house)
        for typed in ("", "loca", "LOCAL"):
            answer = await press(house, plan, session, decision="approve", confirm=typed, reason="kept text")
            assert answer.status == 403
            assert "kept text" in Reading(answer).text
        assert (await client.get(f"/plans/{plan['id']}")).json()["state"] == "pending"
        assert (await press(house, plan, session, decision="reject")).status == 303


@pytest.mark.proves("G8")
async def test_the_page_shows_what_the_changes_do_and_not_what_was_said_about_them(house: House) -> None:
    """A plan that deletes, described by a liar in every text that a requester or a model can write."""
    session = await house.session("operator")
    async with house.caller("owner") as client:
        made = await high_risk(client, house)
    stored = await house.services.ledger.need(Plan, made["id"])
    lying = sealed(replace(stored, id="plan_1111111111", request=LIE, notes=(LIE,), mode=LIE, version=0))  # type: ignore[arg-type]
    from opstwin.domain.audit import AuditEntry

    await house.services.ledger.commit([Put(lying)], [AuditEntry(action="test", subject=lying.id, actor=HUB)])
    page = Reading(await look(house, f"/plans/{lying.id}", session))
    *lines, counts, _, _ = plan_lines(lying)
    for line in (*lines, counts, "Risk: destructive"):
        assert " ".join(line.split()) in page.text, line
    assert "volume data will be deleted" in page.text
    assert "destructive" in page.text
    assert lying.digest in page.text
    assert "scales" not in page.text
    assert "approve me" not in page.text


@pytest.mark.proves("G8")
async def test_nothing_in_a_plan_becomes_markup_or_moves_text(house: House) -> None:
    session = await house.session("operator")
    evil = '</pre><script>alert(1)</script><form action="https://evil.example">\u202eevoba\u0007'
    async with house.caller() as client:
        file = json.dumps({"name": "web", "image": "app:1", "env": {"X": evil, "Y": "a\nb"}, "command": [evil]})
        plan = (await client.post("/plans", {"file": file})).json()
        answer = await look(house, f"/plans/{plan['id']}", session)
    page = Reading(answer)
    tags = {tag for tag, _ in page.tags}
    assert "script" not in tags
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert {attrs.get("action") for tag, attrs in page.tags if tag == "form"} == {"/logout", f"/plans/{plan['id']}"}
    assert "\u202e" not in answer.body.decode()
    assert "\\u202e" in page.text
    policy = answer.headers["content-security-policy"]
    assert "script-src" not in policy
    assert policy.startswith("default-src 'none'; style-src 'nonce-")
    [style] = [attrs for tag, attrs in page.tags if tag == "style"]
    assert f"'nonce-{style['nonce']}'" in policy
    other = (await look(house, f"/plans/{plan['id']}", session)).headers["content-security-policy"]
    assert other != policy


async def test_a_viewer_sees_a_plan_and_cannot_decide(house: House) -> None:
    session = await house.session("viewer")
    async with house.caller() as client:
        plan = await client.planned()
    page = Reading(await look(house, f"/plans/{plan['id']}", session))
    assert not page.buttons()
    assert "web-1" in page.text


@pytest.mark.proves("G3")
async def test_an_agent_sees_no_form_and_its_post_is_refused_and_audited(house: House) -> None:
    token = house.tokens["planner"]
    async with house.caller() as client:
        plan = await client.planned()
    page = Reading(await look(house, f"/plans/{plan['id']}", f"opstwin_session={token}"))
    assert not page.buttons()
    body = urlencode({"decision": "approve", "digest": plan["digest"], "token": "0" * 64}).encode()
    form = {"content-type": "application/x-www-form-urlencoded"}
    for headers in (
        {"authorization": f"Bearer {token}", **form},
        {"cookie": f"opstwin_session={token}", "origin": URL, **form},
    ):
        assert (await send(house.app, Wire(f"/plans/{plan['id']}", "POST", headers), [body])).status == 403
    async with house.caller("planner") as agent:
        decided = await agent.post(f"/plans/{plan['id']}:decide", {"decision": "approve", "digest": plan["digest"]})
        assert decided.status_code == 403
    refused = [row for row in await house.audit() if row.outcome == "refused"]
    assert [(row.action, row.actor.id, row.plan_id) for row in refused] == [
        ("tool.plan_decide", "planner", plan["id"])
    ] * 3
    async with house.caller() as client:
        assert (await client.get(f"/plans/{plan['id']}")).json()["approvals"] == []


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("ko", "ko"), ("ko-KR,ko;q=0.9,en;q=0.8", "ko"), ("en-US,en;q=0.9,ko;q=0.8", "en"), ("en,ko", "en"), ("", "en"),
        ("fr", "en"), ("ko;q=0.1, en;q=0.9", "en"), ("*", "en"), ("ko;q=0", "en"), ("x" * 9000, "en"), ("ko,en", "ko"),
    ],
)  # fmt: skip
def test_the_language_is_the_readers(accept: str, language: str) -> None:
    assert language_of(accept) == language


async def test_the_page_is_korean_for_a_korean_reader(house: House) -> None:
    session = await house.session("operator")
    async with house.caller() as client:
        plan = await client.planned()
    page = await look(house, f"/plans/{plan['id']}", session, **{"accept-language": "ko-KR"})
    assert '<html lang="ko">' in page.body.decode()
    assert "승인" in Reading(page).text
    assert "계획: 추가 2" in Reading(page).text


def test_every_text_is_there_in_both_languages() -> None:
    for key, (english, korean) in WORDS.items():
        assert english, key
        assert re.search("[가-힣]", korean), key
        assert set(re.findall(r"{(\w+)}", english)) == set(re.findall(r"{(\w+)}", korean)), key


async def test_every_field_has_a_label_and_nothing_needs_a_mouse(house: House) -> None:
    session = await house.session("operator")
    async with house.caller("owner") as client:
        plan = await high_risk(client, house)
    page = Reading(await look(house, f"/plans/{plan['id']}", session))
    labels = {attrs.get("for") for tag, attrs in page.tags if tag == "label"}
    fields = {
        attrs.get("id") for tag, attrs in page.tags if tag in ("input", "textarea") and attrs.get("type") != "hidden"
    }
    assert fields == labels == {"reason", "confirm"}
    assert ("meta", {"name": "viewport", "content": "width=device-width,initial-scale=1"}) in page.tags
    assert not [attrs for _, attrs in page.tags if attrs.get("tabindex", "0") != "0"]


async def test_the_list_says_what_each_plan_is_about(house: House) -> None:
    session = await house.session("owner")
    async with house.caller("planner") as client:
        await client.planned("deploy app:1 as shop")
        many = "\n---\n".join(json.dumps({"name": f"w{number}", "image": "app:1"}) for number in range(5))
        assert (await client.post("/plans", {"file": many})).status_code == 201
        rows = (await client.get("/plans")).json()["items"]
    assert [row["workloads"] for row in rows] == [["w0", "w1", "w2", "w3", "w4"], ["shop"]]
    seen = Reading(await look(house, "/", session)).text
    assert "shop" in seen
    assert "w0, w1, w2 and 2 more" in seen
    assert "w3" not in seen
    assert "외 2개" in Reading(await look(house, "/", session, **{"accept-language": "ko"})).text


@pytest.mark.parametrize("path", ["/nosuch", "/plans", "/plans/a/b"])
async def test_a_reader_gets_a_page_where_nothing_is_and_a_program_gets_json(house: House, path: str) -> None:
    session = await house.session("owner")
    page = await look(house, path, session)
    assert page.status == 404
    assert "There is nothing at this address." in Reading(page).text
    assert ("a", "/") in [(tag, attrs.get("href")) for tag, attrs in Reading(page).tags]
    assert "아무것도 없습니다" in Reading(await look(house, path, session, **{"accept-language": "ko"})).text
    program = await look(house, path, session, accept="application/json")
    assert program.json()["code"] == "not_found"


@pytest.mark.parametrize("id", ["nosuch", "plan_0000000000", "plan_UPPER"])
async def test_a_plan_that_is_not_there_is_a_page_too(house: House, id: str) -> None:
    page = await look(house, f"/plans/{id}", await house.session("owner"))
    assert page.status == 404
    assert "There is no such plan." in Reading(page).text


@pytest.mark.parametrize("path", ["/api/v1/nosuch", "/nosuch"])
async def test_nobody_learns_what_is_there_without_signing_in(house: House, path: str) -> None:
    answer = await look(house, path)
    assert answer.status == 401
    assert ("Sign in" in answer.body.decode()) is not path.startswith("/api/")


async def test_a_plan_that_is_stale_can_be_rejected_and_not_approved(house: House) -> None:
    session = await house.session("owner")
    async with house.caller("operator") as client:
        ready = await client.approved()
        await client.post(f"/plans/{ready['id']}:apply")
        await house.work()
        plan = await client.planned("upgrade web to app:2")
        assert Reading(await look(house, f"/plans/{plan['id']}", session)).buttons() == {"approve", "reject"}
        house.world.edit("web-1", memory_bytes=64 << 20)
        await client.post("/targets/local:discover")
        assert (await client.get(f"/plans/{plan['id']}")).json()["moved"] == ["local/container/web-1"]
    page = Reading(await look(house, f"/plans/{plan['id']}", session))
    assert page.buttons() == {"reject"}
    assert "cannot run any more" in page.text


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Set directly, without a plan, by"), ("ko", "계획 없이 직접 설정한 사람")]
)
async def test_the_page_names_everybody_who_set_directly_what_the_plan_brings_about(
    house: House, language: str, words: str
) -> None:
    async with house.caller("owner") as owner:
        plan = await owner.approved("deploy app:1 as web")
        await owner.post(f"/plans/{plan['id']}:apply")
        await house.work()
        path = "/resources/local/container/web-1"
        spec = (await owner.get(path)).json()["desired"]["spec"]
        put = await owner.put(f"{path}/desired", {"spec": {**spec, "restart": "always"}}, If_Match='"1"')
        assert put.status_code == 202, put.text
    session = await house.session("operator")
    async with house.caller("operator") as operator:
        asked = await operator.planned("restart web")
    headers = {"cookie": session, "accept-language": language}
    page = Reading(await send(house.app, Wire(f"/plans/{asked['id']}", "GET", headers), []))
    facts = page.text[page.text.index(words) :]
    assert facts.startswith(words)
    assert "owner" in facts[: len(words) + 12]
