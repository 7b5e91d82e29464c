"""Event streams: what comes, in which order, resumed where it broke, bounded, and gone when the client is."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from opstwin.domain.event import Event
from opstwin.errors import LimitExceeded, Unreachable
from opstwin.server.instruments import Instruments
from opstwin.server.streaming import BUFFERED, Queue, Streams, beating, frame
from opstwin.tools.registry import StreamItem
from tests.interaction.asgi import Wire, stream
from tests.interaction.house import API, House, within


def wire(house: House, path: str, query: str = "", **headers: str) -> Wire:
    given = {"authorization": f"Bearer {house.tokens['owner']}", "accept": "text/event-stream", **headers}
    return Wire(f"{API}{path}", headers=given, query=query)


async def happen(house: House, *types: str) -> None:
    now = house.services.ledger.clock.now()
    await house.services.ledger.commit(events=[Event(at=now, type=type, target=None, message=type) for type in types])


async def open_streams(house: House) -> float:
    async with house.caller() as client:
        text = (await client.http.get("/metrics")).text
    return float(next(line for line in text.splitlines() if line.startswith("sse_connections ")).split()[1])


@pytest.mark.req("S5.65")
async def test_an_execution_is_streamed_step_by_step_until_it_ends(house: House) -> None:
    async with house.caller() as client:
        plan = await client.approved()
        started = (await client.post(f"/plans/{plan['id']}:apply")).json()
        async with stream(house.app, wire(house, "/events", f"execution_id={started['id']}")) as events:
            assert events.headers["content-type"].startswith("text/event-stream")
            working = asyncio.create_task(house.work())
            seen = [item async for item in every(events)]
            await working
    types = [item["event"] for item in seen]
    assert types[0] == "execution.started"
    assert types[-2:] == ["execution.succeeded", "end"]
    steps = [item["data"]["details"]["state"] for item in seen if item["event"] == "execution.step"]
    assert sorted(steps) == ["done", "done", "intended", "intended"]
    numbers = [int(item["id"]) for item in seen if "id" in item]
    assert numbers == sorted(set(numbers))


async def every(events: object) -> AsyncIterator[dict]:  # type: ignore[type-arg]
    while (item := await events.frame()) is not None:  # type: ignore[attr-defined]
        yield item


async def test_a_broken_stream_goes_on_after_the_last_event_that_was_seen(house: House) -> None:
    await happen(house, "a.one", "a.two", "a.three")
    async with stream(house.app, wire(house, "/events", "after=0&type=a.one")) as events:
        first = await events.frame()
    assert first is not None
    async with stream(house.app, wire(house, "/events", "after=0", **{"last-event-id": first["id"]})) as events:
        rest = [await events.frame(), await events.frame()]
    assert [item["event"] for item in rest if item] == ["a.two", "a.three"]


async def test_a_stream_without_a_beginning_shows_only_what_comes(house: House) -> None:
    await happen(house, "a.old")
    async with stream(house.app, wire(house, "/events", "type=a.new")) as events:
        assert await events.raw() == ": ping"
        await happen(house, "a.new")
        item = await events.frame()
    assert item is not None
    assert item["event"] == "a.new"


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "99999999999999999999", "1 2"])
async def test_a_last_event_id_that_is_none_is_refused(house: House, last: str) -> None:
    async with stream(house.app, wire(house, "/events", "", **{"last-event-id": last})) as events:
        assert events.status == 422


async def test_logs_are_followed_as_they_are_written(house: House) -> None:
    async with house.caller() as client:
        plan = await client.approved("deploy app:1 as web")
        await client.post(f"/plans/{plan['id']}:apply")
        await house.work()
        house.world.say("web-1", "first\ndata: x\nevent: forged")
        async with stream(house.app, wire(house, "/resources/local/container/web-1/logs", "follow=true")) as lines:
            past = [await lines.frame(), await lines.frame()]
            house.world.say("web-1", "second")
            new = await lines.frame()
        assert [item["event"] for item in [*past, new] if item] == ["log"] * 3
        assert [item["data"]["text"].split()[0] for item in [*past, new] if item] == ["app:1", "first", "second"]
        page = (await client.get("/resources/local/container/web-1/logs", tail=1)).json()
        assert [item["text"] for item in page["items"]] == ["second"]


async def test_tokens_in_logs_are_masked(house: House) -> None:
    async with house.caller() as client:
        plan = await client.approved("deploy app:1 as web")
        await client.post(f"/plans/{plan['id']}:apply")
        await house.work()
        house.world.say("web-1", "using AKIAABCDEFGHIJKLMNOP and postgres://app:hunter2@db/x")
        text = (await client.get("/resources/local/container/web-1/logs")).text
    assert "AKIAABCDEFGHIJKLMNOP" not in text
    assert "hunter2" not in text


async def test_a_client_that_goes_away_ends_its_stream(house: House) -> None:
    async with stream(house.app, wire(house, "/events")) as events:
        await events.raw()
        assert await open_streams(house) == 1
    assert await open_streams(house) == 0


async def test_a_stream_needs_a_credential_like_everything_else(house: House) -> None:
    async with stream(house.app, wire(house, "/events", authorization="Bearer opt_x")) as events:
        assert events.status == 401


async def test_a_stream_on_a_target_that_is_away_ends_with_the_reason() -> None:
    async def broken() -> AsyncIterator[StreamItem]:
        yield StreamItem(type="log", data={"text": "x"})
        raise Unreachable("It is away.", next_step="Start it.")

    frames = [item async for item in beating(broken(), Queue(BUFFERED), 10)]
    assert b"event: error" in frames[-1]
    assert b"It is away." in frames[-1]


async def test_a_quiet_stream_is_kept_alive_by_heart_beats() -> None:
    async def silent() -> AsyncIterator[StreamItem]:
        await asyncio.Event().wait()
        yield StreamItem(type="never", data=None)

    pieces = beating(silent(), Queue(BUFFERED), 0.001)
    assert [await within(5, anext(pieces)) for _ in range(3)] == [b": ping\n\n"] * 3
    await pieces.aclose()  # type: ignore[attr-defined]


async def test_a_slow_client_makes_the_source_wait_and_not_the_memory_grow() -> None:
    made = 0

    async def eager() -> AsyncIterator[StreamItem]:
        nonlocal made
        while True:
            made += 1
            yield StreamItem(type="log", data={"n": made})

    pieces = beating(eager(), Queue(BUFFERED), 10)
    await anext(pieces)
    await anext(pieces)
    for _ in range(1000):
        await asyncio.sleep(0)
    assert made <= BUFFERED + 3
    await pieces.aclose()  # type: ignore[attr-defined]


async def test_leaving_a_stream_closes_its_source() -> None:
    closed = asyncio.Event()

    async def source() -> AsyncIterator[StreamItem]:
        try:
            yield StreamItem(type="log", data=None)
            await asyncio.Event().wait()
        finally:
            closed.set()

    pieces = beating(source(), Queue(BUFFERED), 10)
    await anext(pieces)
    await anext(pieces)
    await pieces.aclose()  # type: ignore[attr-defined]
    await within(5, closed.wait())


async def test_there_are_only_so_many_streams() -> None:
    async def source() -> AsyncIterator[StreamItem]:
        await asyncio.Event().wait()
        yield StreamItem(type="log", data=None)

    streams = Streams(Instruments(), limit=2)
    opened = [streams.answer(source()).body_iterator for _ in range(2)]
    for body in opened:
        await anext(aiter(body))
    with pytest.raises(LimitExceeded) as refused:
        streams.answer(source())
    assert refused.value.retry_after_s
    for body in opened:
        await body.aclose()  # type: ignore[attr-defined]
    assert streams.answer(source())


async def test_closing_ends_every_open_stream_the_slow_ones_too(house: House) -> None:
    async def eager() -> AsyncIterator[StreamItem]:
        while True:
            yield StreamItem(type="log", data=None)

    async with stream(house.app, wire(house, "/events")) as watched:
        await watched.raw()
        slow = aiter(house.app.state.streams.answer(eager()).body_iterator)
        await anext(slow)
        for _ in range(500):
            await asyncio.sleep(0)
        house.app.state.streams.close()
        assert await watched.frame() is None
        left = [item async for item in slow]
    assert len(left) <= BUFFERED + 1


def test_a_frame_cannot_be_broken_by_what_is_in_it() -> None:
    text = frame(StreamItem(type="log", data={"text": "a\n\ndata: b\r\nevent: forged\u2028x"}, id="1")).decode()
    assert text.count("\n\n") == 1
    assert [line.split(":")[0] for line in text.strip().split("\n")] == ["event", "data", "id"]


@pytest.mark.parametrize(
    ("path", "query"),
    [("/resources/local/container/none/logs", "follow=true"), ("/events", "execution_id=exec_0000000000")],
)
async def test_a_stream_about_nothing_is_not_found_instead_of_silent(house: House, path: str, query: str) -> None:
    async with stream(house.app, wire(house, path, query)) as events:
        assert events.status == 404
