"""Finishing what must not be left half-done when the caller goes away."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def attended(work: Callable[[asyncio.Event], Coroutine[Any, Any, T]]) -> T:
    """What `work` returns or raises. It is given an event that is set when the caller is cancelled.

    It is not cancelled itself: it sees the event, puts an end to what it began, and only then is `CancelledError`
    raised here. For work that ends by itself soon after the event.
    """
    gone = asyncio.Event()
    task = asyncio.ensure_future(work(gone))
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as asked:
            cancelled = asked
            gone.set()
    if cancelled is not None:
        # What the work says of an end that nobody waits for any more is not asked for; it must not be warned of either.
        _ = task.cancelled() or task.exception()
        raise cancelled
    return task.result()


async def surely(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns or raises; when the caller is cancelled meanwhile it is finished before that is raised."""
    return await attended(lambda _gone: work)
