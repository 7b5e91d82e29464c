"""Work that ends when its caller goes away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")


async def while_there(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """What `work` returns or raises. When the client closes the connection the work is cancelled.

    Then it is waited for, so that it can put an end to what it began, and `ClientDisconnect` is raised. The body must
    have been read before.
    """
    working = asyncio.ensure_future(work())
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        left = not working.done()
        leaving.cancel()
        working.cancel()
        await asyncio.wait({working, leaving})
    if left and working.cancelled():
        raise ClientDisconnect
    return working.result()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
