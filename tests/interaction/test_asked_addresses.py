"""Addresses that callers name, through the whole hub with its own prober and this machine's own resolver."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from opstwin.server.app import create_app
from tests.interaction.house import House

FILE = "components:\n  net:\n    use: hub-and-spoke\n    endpoint: {}\n"


@contextlib.asynccontextmanager
async def listener() -> AsyncIterator[tuple[int, list[str]]]:
    """Something that only this machine should reach: its port, and the request lines that came."""
    came: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append((await reader.readline()).decode().strip())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], came


async def really_asking(folder: Path, **settings: object) -> House:
    """A house whose hub asks addresses in earnest."""
    house = await House(folder, settings=settings).furnish()
    house.services = replace(house.services, component_planner=house.hub.services.component_planner)
    house.app = create_app(house.services)
    return house


@pytest.mark.proves("E5")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_an_agent_cannot_have_the_hubs_machine_asked_and_a_person_can(tmp_path: Path, host: str) -> None:
    house = await really_asking(tmp_path)
    async with listener() as (port, came):
        async with house.caller("planner") as agent:
            seen = await agent.post("/discover", {"endpoint": f"http://{host}:{port}"})
            planned = await agent.post("/plans", {"file": FILE.format(f"http://{host}:{port}")})
            moved = await agent.post("/plans", {
                "file": FILE.format("http://10.9.9.9:1"), "endpoint": f"http://{host}:{port}"
            })  # fmt: skip
        assert [answer.status_code for answer in (seen, planned, moved)] == [403, 403, 403], seen.text
        assert came == []
        async with house.caller("owner") as person:
            assert (await person.post("/discover", {"endpoint": f"http://{host}:{port}"})).json()["exists"] is True
    assert len(came) == 1


@pytest.mark.proves("E5")
@pytest.mark.parametrize("role", ["owner", "planner"])
@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "0.0.0.0", "127.1", "2130706433",
             "0x7f000001", "017700000001"]
)  # fmt: skip
async def test_nobody_has_metadata_services_or_disguised_numbers_asked(tmp_path: Path, host: str, role: str) -> None:
    house = await really_asking(tmp_path)
    async with house.caller(role) as caller:
        seen = await caller.post("/discover", {"endpoint": f"http://{host}/latest"})
        planned = await caller.post("/plans", {"file": FILE.format(f"http://{host}")})
    assert [seen.status_code, planned.status_code] == [422, 422], seen.text


@pytest.mark.proves("E5")
async def test_nobody_has_the_hub_ask_itself(tmp_path: Path) -> None:
    async with listener() as (port, came):
        house = await really_asking(tmp_path, port=port, allowed_agent_endpoints=("127.0.0.1",))
        for role in ("owner", "planner"):
            async with house.caller(role) as caller:
                answer = await caller.post("/discover", {"endpoint": f"http://127.0.0.1:{port}"})
            assert (answer.status_code, came) == (422, []), answer.text


async def test_an_address_that_the_settings_allow_is_asked_for_an_agent(tmp_path: Path) -> None:
    async with listener() as (port, came):
        house = await really_asking(tmp_path, allowed_agent_endpoints=(f"127.0.0.1:{port}",))
        async with house.caller("planner") as agent:
            answer = await agent.post("/discover", {"endpoint": f"http://127.0.0.1:{port}"})
    assert (answer.json()["exists"], len(came)) == (True, 1)


@pytest.mark.proves("E5")
async def test_an_agent_has_no_host_asked_that_no_person_brought_in(tmp_path: Path) -> None:
    house = await House(tmp_path).furnish()
    url = "http://words-of-a-log.attacker.example"
    async with house.caller("planner") as agent:
        seen = await agent.post("/discover", {"endpoint": url})
        planned = await agent.post("/plans", {"file": FILE.format(url)})
        moved = await agent.post("/plans", {"file": FILE.format("http://10.9.9.9:1"), "endpoint": url})
    assert [answer.status_code for answer in (seen, planned, moved)] == [403, 403, 403], seen.text
    assert "opstwin plan -f FILE" in planned.json()["next_step"]
    assert house.prober.asked == []
    async with house.caller("owner") as person:
        await person.post("/plans", {"file": FILE.format(url)})
    assert house.prober.asked == [f"{url}/health"]
