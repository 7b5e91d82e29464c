"""Work whose caller goes away goes on, and the same call made again finds its answer, once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from opstwin.errors import Conflict
from opstwin.server.mcp.working import Key, Undelivered

MINE: Key = ("anna", "plan_create", "sha256:1")
OTHERS: tuple[Key, ...] = (
    ("ben", "plan_create", "sha256:1"), ("anna", "plan_apply", "sha256:1"), ("anna", "plan_create", "sha256:2"),
)  # fmt: skip


@dataclass
class Work:
    """Work that ends when it is let go; `begun` counts how often it was done."""

    begun: int = 0
    go: asyncio.Event = field(default_factory=asyncio.Event)
    running: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self) -> str:
        self.begun = number = self.begun + 1
        self.running.set()
        await self.go.wait()
        return f"answer {number}"


async def left(undelivered: Undelivered, work: Callable[[], Awaitable[str]], running: asyncio.Event) -> None:
    """A call whose caller goes away while the work is under way."""
    call = asyncio.create_task(undelivered.once(MINE, work))
    await asyncio.wait_for(running.wait(), 10)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


@pytest.mark.proves("B1")
async def test_a_call_made_again_while_the_work_goes_on_joins_it() -> None:
    undelivered, work = Undelivered(), Work()
    await left(undelivered, work, work.running)
    again = [asyncio.create_task(undelivered.once(MINE, work)) for _ in range(3)]
    work.go.set()
    assert await asyncio.gather(*again) == ["answer 1"] * 3
    assert work.begun == 1


@pytest.mark.proves("B1")
async def test_a_call_made_again_after_the_work_ended_takes_the_answer_that_was_left_once() -> None:
    undelivered, work = Undelivered(), Work()
    await left(undelivered, work, work.running)
    work.go.set()
    await undelivered.once(OTHERS[0], work)  # by now the work of the one who left has ended too
    assert work.begun == 2
    assert await undelivered.once(MINE, work) == "answer 1"
    assert work.begun == 2
    assert await undelivered.once(MINE, work) == "answer 3"


@pytest.mark.proves("B1", "C6")
async def test_nobody_else_and_no_other_call_gets_the_answer_that_was_left() -> None:
    undelivered, work = Undelivered(), Work()
    await left(undelivered, work, work.running)
    work.go.set()
    for number, key in enumerate(OTHERS, start=2):
        assert await undelivered.once(key, work) == f"answer {number}"


async def test_a_failure_is_not_kept_for_anybody() -> None:
    undelivered, work = Undelivered(), Work()
    work.go.set()

    async def fails() -> str:
        raise Conflict("Somebody else was quicker.")

    with pytest.raises(Conflict):
        await undelivered.once(MINE, fails)
    assert await undelivered.once(MINE, work) == "answer 1"
