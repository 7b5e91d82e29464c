"""Server-sent events (WHATWG HTML, 9.2): heart-beats while nothing happens, an end when the client is gone or stuck."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from opstwin.errors import LimitExceeded, OpstwinError
from opstwin.logs import redacted
from opstwin.server.instruments import Instruments
from opstwin.tools.registry import StreamItem

MEDIA_TYPE: Final = "text/event-stream"
HEARTBEAT_S: Final = 15.0
"""Below the idle time-out of common proxies (60 s)."""

STUCK_S: Final = 30.0
"""A client that takes nothing for this long is let go."""

BUFFERED: Final = 100
"""Items held for a slow client; then whoever makes them waits."""

MAX_STREAMS: Final = 200


class Queue(asyncio.Queue[bytes | None]):
    """Frames on their way to one client."""


class Streams:
    """The open streams of this hub, of which there are at most `limit`."""

    def __init__(self, instruments: Instruments, *, limit: int = MAX_STREAMS, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._instruments = instruments
        self._limit = limit
        self._heartbeat_s = heartbeat_s
        self._open: set[Queue] = set()

    def answer(self, items: AsyncIterator[StreamItem]) -> StreamingResponse:
        """The stream as an answer. Raises `LimitExceeded` when too many are open."""
        if len(self._open) >= self._limit:
            error = LimitExceeded("Too many streams are open.", next_step="Close one, or ask for JSON pages.")
            error.retry_after_s = 5.0
            raise error
        return _EventStream(self._counted(items))

    def close(self) -> None:
        """End every open stream now; whatever a slow client has not taken is dropped."""
        for queue in self._open:
            while queue.full():
                queue.get_nowait()
            queue.put_nowait(None)

    async def _counted(self, items: AsyncIterator[StreamItem]) -> AsyncIterator[bytes]:
        queue = Queue(BUFFERED)
        self._open.add(queue)
        try:
            with self._instruments.stream():
                async for piece in beating(items, queue, self._heartbeat_s):
                    yield piece
        finally:
            self._open.discard(queue)


class _EventStream(StreamingResponse):
    """A stream whose client must keep taking what it is sent."""

    def __init__(self, content: AsyncIterator[bytes]) -> None:
        super().__init__(content, 200, {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}, MEDIA_TYPE)

    async def stream_response(self, send: Send) -> None:
        async def patiently(message: Message) -> None:
            async with asyncio.timeout(STUCK_S):
                await send(message)

        try:
            await super().stream_response(patiently)
        except TimeoutError:
            return
        finally:
            closing = getattr(self.body_iterator, "aclose", None)
            if closing is not None:
                await closing()


async def beating(items: AsyncIterator[StreamItem], queue: Queue, heartbeat_s: float) -> AsyncIterator[bytes]:
    """The items as frames, with a comment whenever `heartbeat_s` passes without one; an error is the last frame.

    They go through `queue`; a None put into it ends the stream.
    """
    pump = asyncio.create_task(_pumped(items, queue))
    try:
        yield KEEPALIVE_COMMENT
        while True:
            try:
                async with asyncio.timeout(heartbeat_s):
                    piece = await queue.get()
            except TimeoutError:
                if pump.done():
                    await pump
                yield KEEPALIVE_COMMENT
                continue
            if piece is None:
                return
            yield piece
    finally:
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)


async def _pumped(items: AsyncIterator[StreamItem], queue: Queue) -> None:
    try:
        async for item in items:
            await queue.put(frame(item))
    except OpstwinError as error:
        data = {"code": error.code, "detail": redacted(error.message), "next_step": error.next_step}
        await queue.put(frame(StreamItem(type="error", data=dict(data))))
    await queue.put(None)


def frame(item: StreamItem) -> bytes:
    """One frame, named unless its type is empty.

    Its data is one line of JSON, so that nothing in it can end the frame.
    """
    text = json.dumps(item.data, ensure_ascii=False)
    return format_sse_event(data_str=text, event=item.type or None, id=item.id)
