"""One hub, three faces: what a person does on the command line or in a browser, an AI client does the same way."""

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from tests.e2e.cli.conftest import Shell
from tests.e2e.mcp.conftest import API, Talk, ended, owner, talking

ASKED = "restart faces"
PLACE = ("seq", "at", "uptime_s", "prev_hash", "hash")
"""The place of a row in the chain and its moment: no two rows share them."""

Face = tuple[Callable[[], Awaitable[dict[str, Any]]], Callable[[str], Awaitable[dict[str, Any]]]]


@pytest.mark.req("S1.38", "S1.49")
async def test_same_action_via_cli_web_mcp(hub: Shell) -> None:
    """The same plan, approved by the same person, applied through each face, leaves the same rows in the audit.

    Compared are all rows of the plan in their order and every field of them, but for three things: the row's place in
    the chain (`PLACE`); the ids and the digest that belong to this one plan (each is replaced by a word, so that they
    must stand in the same places); and the actor, which must be the caller of that face on every row that the face
    caused, and the person on the approval.
    """
    with owner(hub) as http, _browser(hub) as browser:
        me = http.get("/me").json()["actor"]["id"]
        await _through(hub, http, _over_http(http, "", "deploy nginx:1.27 as faces"))
        async with talking(hub) as talk:
            faces = {"cli": _cli(hub), "web": _over_http(browser, API, ASKED), "mcp": _mcp(talk)}
            rows = {name: await _through(hub, http, face) for name, face in faces.items()}
    actors = {name: [row.pop("actor") for row in found] for name, found in rows.items()}
    assert rows["cli"] == rows["web"] == rows["mcp"]
    assert [row["action"] for row in rows["cli"]] == [
        "plan.create", "plan.approve", "execution.start", "execution.lease", "step.intended", "step.done",
        "execution.verifying", "execution.succeeded",
    ]  # fmt: skip
    human = {"kind": "person", "id": me, "on_behalf_of": None}
    callers = {
        "cli": human | {"face": "cli"},
        "web": human | {"face": "web"},
        "mcp": {"kind": "agent", "id": "mcp-local", "on_behalf_of": me, "face": "mcp"},
    }
    for name, found in actors.items():
        assert found.pop(1) == human | {"face": "http"}
        assert found == [callers[name]] * 7, name


async def _through(hub: Shell, http: httpx2.Client, face: Face) -> list[dict[str, Any]]:
    """The audit rows of one plan that was asked for and applied through a face, without what no two rows share."""
    asked, applied = face
    plan = await asked()
    decision = {"decision": "approve", "reason": "go on", "digest": plan["digest"]}
    assert http.post(f"/plans/{plan['id']}:decide", json=decision).status_code == 200
    execution = await applied(plan["id"])
    assert ended(hub, execution["id"])["state"] == "succeeded"
    items = http.get("/audit", params={"plan_id": plan["id"], "newest_first": "false"}).json()["items"]
    own = {plan["id"]: "PLAN", plan["digest"]: "DIGEST", execution["id"]: "EXECUTION", items[1]["approval_id"]: "APPR"}
    text = json.dumps([{key: value for key, value in row.items() if key not in PLACE} for row in items])
    for mine, word in own.items():
        text = text.replace(mine, word)
    return list(json.loads(text))


def _cli(hub: Shell) -> Face:
    async def asked() -> dict[str, Any]:
        return dict(hub.json("plan", ASKED))

    async def applied(plan: str) -> dict[str, Any]:
        return dict(hub.json("apply", plan)["execution"])

    return asked, applied


def _over_http(client: httpx2.Client, prefix: str, words: str) -> Face:
    async def asked() -> dict[str, Any]:
        return dict(client.post(f"{prefix}/plans", json={"words": words}).json())

    async def applied(plan: str) -> dict[str, Any]:
        return dict(client.post(f"{prefix}/plans/{plan}:apply", json={}).json())

    return asked, applied


def _mcp(talk: Talk) -> Face:
    async def asked() -> dict[str, Any]:
        return await talk.data("plan_create", words=ASKED)

    async def applied(plan: str) -> dict[str, Any]:
        return await talk.data("plan_apply", id=plan, wait_s=0)

    return asked, applied


@contextmanager
def _browser(hub: Shell) -> Iterator[httpx2.Client]:
    """A browser that the person signed in with a one-time link: it has a cookie and no token."""
    with owner(hub) as http:
        me = http.get("/me").json()["actor"]["id"]
        link = http.post(f"/people/{me}:login", json={}).json()["url"]
    with httpx2.Client(base_url=hub.url, headers={"Origin": hub.url}) as browser:
        assert browser.get(link).status_code == 200
        yield browser
