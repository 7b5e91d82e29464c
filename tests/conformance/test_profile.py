"""The profile proves something of the hub only because every layer of the hub stands before its fixtures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp

from opstwin.domain.access import Scope as Right
from opstwin.server.mcp.conformance.profile import conformance_app, suite_token
from tests.conformance import suite
from tests.interaction.house import House
from tests.interaction.task_client import envelope, headers

URL = "http://127.0.0.1:7373"


@pytest.fixture
async def house(tmp_path: Path) -> House:
    return House(tmp_path)


@asynccontextmanager
async def served(app: ASGIApp, inner: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an application that is started and stopped as a server would."""
    async with inner.router.lifespan_context(inner):
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url=URL) as client:
            yield client


def plain(token: str = "") -> dict[str, str]:
    """The headers of the suite, which sends no credential, or of a caller with one."""
    given = headers("tools/call", token, "test_simple_text")
    return given if token else {name: value for name, value in given.items() if name != "Authorization"}


CALL = envelope("tools/call", {"name": "test_simple_text", "arguments": {}})


async def test_a_call_without_a_credential_is_made_with_the_runs_own_and_passes_every_layer(house: House) -> None:
    presenting = conformance_app(house.services, await suite_token(house.services))
    async with served(presenting, presenting.app) as client:
        answer = await client.post("/mcp", json=CALL, headers=plain())
        assert answer.json()["result"]["content"][0]["text"] == "This is a simple text response for testing."
        assert answer.headers["X-Request-Id"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("extra", "status"),
    [
        ({"Authorization": "Bearer nope"}, 401), ({"Host": "evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
    ],
)  # fmt: skip
@pytest.mark.proves("F3")
async def test_what_the_hub_turns_away_the_profile_turns_away(house: House, extra: dict[str, str], status: int) -> None:
    presenting = conformance_app(house.services, await suite_token(house.services))
    async with served(presenting, presenting.app) as client:
        assert (await client.post("/mcp", json=CALL, headers={**plain(), **extra})).status_code == status


async def test_without_the_layer_that_presents_the_credential_nobody_is_let_in(house: House) -> None:
    presenting = conformance_app(house.services, await suite_token(house.services))
    async with served(presenting.app, presenting.app) as client:
        assert (await client.post("/mcp", json=CALL, headers=plain())).status_code == 401


async def test_the_runs_credential_is_an_agents_and_approves_nothing(house: House) -> None:
    principal, _ = await house.services.people.authenticate(await suite_token(house.services))
    assert principal.kind.value == "agent"
    assert Right.APPROVE not in principal.scopes


async def test_the_fixtures_have_no_way_to_the_hubs_tools(house: House) -> None:
    presenting = conformance_app(house.services, await suite_token(house.services))
    async with served(presenting, presenting.app) as client:
        body = envelope("tools/list", {})
        named = (await client.post("/mcp", json=body, headers={**plain(), "Mcp-Method": "tools/list"})).json()
    names = {tool["name"] for tool in named["result"]["tools"]}
    assert "test_simple_text" in names
    assert not names & {"plan_create", "plan_apply", "exec_run", "discover"}


async def test_the_command_serves_the_profile_and_goes_away_when_told_to() -> None:
    def go() -> tuple[int, str]:
        with suite.profile() as url:
            answer = httpx2.post(url, json=CALL, headers=plain())
            return answer.status_code, answer.json()["result"]["content"][0]["text"]

    status, text = await asyncio.to_thread(go)
    assert (status, text.split()[0]) == (200, "This")


def test_what_is_missing_is_said_with_the_command_that_brings_it(tmp_path: Path) -> None:
    why = suite.missing(tmp_path)
    assert "make conformance" in why
    assert suite.PINNED[suite.PACKAGE] in why
