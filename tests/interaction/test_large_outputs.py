"""A million lines of log, and texts made to keep a pattern busy: bounded in memory and in time."""

import time
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId
from opstwin.targets.ports import LogLine, Reader
from tests.interaction.asgi import Wire, send
from tests.interaction.house import API, House

MIB = 1024 * 1024
QUICK_S = 0.1


class Talkative:
    """A reader whose container wrote a million lines, and which gives them all, whatever was asked for."""

    def __init__(self, reader: Reader, text: str) -> None:
        self._reader = reader
        self._text = text

    def __getattr__(self, name: str) -> object:
        return getattr(self._reader, name)

    async def logs(self, resource: ResourceId, *, tail: int, follow: bool) -> AsyncIterator[LogLine]:
        at = datetime(2026, 1, 5, tzinfo=UTC)
        for number in range(1_000_000):
            yield LogLine(at=at, stream="stdout", text=f"{number} {self._text}")


@pytest.mark.proves("E6")
async def test_a_log_of_a_million_lines_gives_the_last_ones_in_little_memory(tmp_path: Path) -> None:
    house = await House(tmp_path).furnish()
    target = await house.services.ledger.need(Target, "local")
    reader = Talkative(house.services.readers.reader(target), "x")
    from opstwin.tools.watching import LogsAsk, collected

    tracemalloc.start()
    view = await collected(reader, LogsAsk(id="local/container/web-1", tail=100))  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [line.text for line in view.items[-2:]] == ["999998 x", "999999 x"]
    assert len(view.items) == 100
    assert peak < 10 * MIB


@pytest.mark.proves("E6")
@pytest.mark.parametrize(
    "header",
    ["accept-language", "if-match", "idempotency-key", "x-request-id", "authorization", "cookie", "origin", "accept",
     "content-type", "last-event-id", "sec-fetch-site"],
)  # fmt: skip
@pytest.mark.parametrize(
    "text", ["a" * 60_000, "ko," * 20_000, "a;" * 30_000, '"' * 60_000, "a=b; " * 12_000, "-" * 60_000]
)
async def test_no_header_keeps_the_hub_busy(house: House, header: str, text: str) -> None:
    given = {"authorization": f"Bearer {house.tokens['owner']}", "accept": "text/html", header: text}
    paths = [f"{API}/events", "/plans/plan_0", f"{API}/hub"]
    await send(house.app, Wire(f"{API}/hub"))
    began_s = time.thread_time()
    for path in paths:
        answer = await send(house.app, Wire(path, headers=given))
        assert answer.status < 500
    assert time.thread_time() - began_s < QUICK_S * len(paths)


@pytest.mark.proves("E6")
@pytest.mark.parametrize("field", ["words", "rollback", "target", "endpoint", "file"])
@pytest.mark.parametrize("text", ["a" * 100_000 + "!", "a-" * 50_000, "1:" * 50_000, "deploy " * 15_000, "/" * 100_000])
async def test_no_text_keeps_the_hub_busy(house: House, field: str, text: str) -> None:
    async with house.caller() as client:
        await client.get("/hub")
        began_s = time.thread_time()
        answer = await client.post("/plans", {field: text})
        took_s = time.thread_time() - began_s
    assert answer.status_code in (422, 429)
    assert took_s < QUICK_S * 2, "the client's own encoding of the body is in it too"
