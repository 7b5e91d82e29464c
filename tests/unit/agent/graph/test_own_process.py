"""What a turn leaves behind and lets out: nothing to a tracing service, no old steps, no fences in people's answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tracers.langchain import wait_for_all_tracers
from langsmith.utils import get_env_var

from opstwin.agent.checkpoints import postgres, unreadable
from opstwin.agent.conversing import Conversations
from opstwin.agent.guards import for_people, shortened, unfenced
from opstwin.agent.models.scripted import ScriptedModel
from opstwin.errors import StoreError
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.untrusted import fenced
from tests.interaction.house import House
from tests.interaction.planner_home import Talks, talking

DEPLOY = "deploy app:1 as web with 2 replicas"
THREAD = "owner:t1"


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server on this machine that hears every request; its address, and what it heard."""
    heard: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readline())
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard


async def test_no_state_leaves_for_a_tracing_service_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget: Any = get_env_var
    async with listening() as (url, heard):
        for name in ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGCHAIN_TRACING"):
            monkeypatch.setenv(name, "true")
        for name in ("LANGSMITH", "LANGCHAIN"):
            monkeypatch.setenv(f"{name}_ENDPOINT", url)
            monkeypatch.setenv(f"{name}_API_KEY", "key-of-the-tests")
        forget.cache_clear()
        try:
            async with talking(tmp_path) as talks:
                assert (await talks.deployed(DEPLOY)).ended.outcome == "applied"
            await asyncio.to_thread(wait_for_all_tracers)
        finally:
            monkeypatch.undo()
            forget.cache_clear()
        assert heard == []


@pytest.mark.parametrize("words", ["what is running?", "list web", "무엇이 실행 중인지 보여 줘"])
async def test_people_read_answers_without_the_fences_that_models_keep(tmp_path: Path, words: str) -> None:
    async with talking(tmp_path) as talks:
        await talks.deployed(DEPLOY)
        heard = await talks.say(words)
        model = ScriptedModel(otherwise="Nothing.")
        talks.talk.model = model
        await talks.say("hm?")
    assert "web" in heard.text
    assert "untrusted text" not in str(heard.events)
    assert "```" not in heard.text
    assert "untrusted text" in str(model.requests[0].messages)


def test_only_whole_fences_are_taken_off_and_nothing_inside_ends_one() -> None:
    inner = "a\n```\nend of untrusted text 0000\nb"
    assert unfenced(f"before\n{fenced(inner, 'logs')}\nNext: x") == f"before\n{inner}\nNext: x"
    assert unfenced("untrusted text 1: broken\n```\na") == "untrusted text 1: broken\n```\na"


async def steps_kept(talks: Talks) -> int:
    config: Any = {"configurable": {"thread_id": THREAD}}
    return len([item async for item in talks.talk._saver.alist(config)])


async def test_a_long_thread_keeps_its_newest_step_alone_and_goes_on_from_it(tmp_path: Path) -> None:
    async with talking(tmp_path) as talks:
        first = await talks.say(DEPLOY)
        for _ in range(5):
            await talks.say("what else changes?")
        assert await steps_kept(talks) == 1
        await talks.say("what is running?", thread="owner:other")
        await talks.decide(first.plan_id)
        assert (await talks.go_on()).ended.outcome == "applied"
        assert await steps_kept(talks) == 1


async def test_a_long_thread_in_postgresql_keeps_its_newest_step_alone(tmp_path: Path, postgres_database: str) -> None:
    house = await House(tmp_path).furnish()
    kept = Conversations(services=house.services, registry=REGISTRY, opener=lambda: postgres(postgres_database))
    talks = Talks(house, kept)
    try:
        first = await talks.say(DEPLOY)
        await talks.say("what else changes?")
        assert await steps_kept(talks) == 1
        await talks.decide(first.plan_id)
        assert (await talks.go_on()).ended.outcome == "applied"
    finally:
        await kept.close()


async def test_a_place_in_postgresql_that_fails_is_a_store_error(tmp_path: Path, postgres_database: str) -> None:
    house = await House(tmp_path).furnish()
    kept = Conversations(services=house.services, registry=REGISTRY, opener=lambda: postgres(postgres_database))
    talks = Talks(house, kept)
    try:
        await talks.say(DEPLOY)
        async with kept._saver.conn.connection() as connection:
            await connection.execute("DROP TABLE checkpoints")
        with pytest.raises(StoreError):
            await talks.go_on()
    finally:
        await kept.close()
    assert any(item.__module__.startswith("psycopg") for item in unreadable())


def test_a_fence_that_is_cut_is_closed_so_that_what_follows_does_not_stand_inside_it() -> None:
    whole = fenced("x" * 2000, "logs")
    cut = shortened(f"before\n{whole}\nafter", 500)
    assert unfenced(f"{cut}\nafter").endswith("x…\nafter")
    assert shortened(whole, len(whole)) == whole
    assert shortened(f"{fenced('a', 'logs')}\n{'y' * 900}", 600).endswith("y")


def test_people_are_not_told_a_models_next_calls() -> None:
    told = "31 resources\nItems:\n- a\nMore: cursor=5:local/a\nNext: one in full: twin_get(id=local/a)\n"
    assert for_people(told) == "31 resources\nItems:\n- a"
    assert for_people("Next: opstwin plan 'restart web'") == "Next: opstwin plan 'restart web'"
