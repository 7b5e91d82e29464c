"""Answers of an API server that go on: lines of a watch or of a log, as they come."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Final

from opstwin.errors import LimitExceeded
from opstwin.targets.kubernetes.refusals import refusal
from opstwin.targets.kubernetes.sending import Answer
from opstwin.targets.kubernetes.wire import failed, headers_of, session_of

MAX_LINE_BYTES: Final = 8 * 1024 * 1024
"""An object is at most 3 MiB; a line of a log at most what the kubelet keeps."""

CONNECT_S: Final = 10.0
_MOST_WORDS: Final = 4096

Connect = Callable[[], Awaitable[Any]]


class Streams:
    """Opens streams on one connection."""

    def __init__(self, connect: Connect, on_call: Callable[[str], None]) -> None:
        self._connect, self._on_call = connect, on_call

    async def lines(self, path: str, query: Mapping[str, str], *, idle_s: float) -> AsyncGenerator[bytes, None]:
        """Each line without its end, until the server ends the stream.

        Raises what `refusal` says when the server refuses, `Unreachable` when it is not there, `Timeout` when it breaks
        off or is silent for `idle_s`, and `LimitExceeded` for a line without an end.
        """
        import aiohttp

        client = await self._connect()
        url = client.configuration.host.rstrip("/") + path
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=idle_s)
        headers = {**await headers_of(client), "Accept": "application/json, */*"}
        try:
            async with session_of(client).get(url, params=dict(query), headers=headers, timeout=limits) as response:
                self._on_call(f"stream:{'ok' if response.status < 400 else response.status}")
                if response.status >= 400:
                    raise refusal(await _answer(response), f"to stream {path}")
                async for line in _lines(response.content):
                    yield line
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise failed(error, f"stream {path}", client.configuration.host) from error


async def _lines(content: Any) -> AsyncGenerator[bytes, None]:
    rest = bytearray()
    async for piece in content.iter_any():
        rest += piece
        *whole, last = rest.split(b"\n")
        rest = bytearray(last)
        for line in whole:
            yield bytes(line)
        if len(rest) > MAX_LINE_BYTES:
            raise LimitExceeded("The cluster sent a line without an end.", next_step="Look at it with kubectl.")
    if rest:
        yield bytes(rest)


async def _answer(response: Any) -> Answer:
    import json

    raw = await response.content.read(_MOST_WORDS * 4)
    try:
        body = json.loads(raw)
    except ValueError:
        body = {"message": raw[:_MOST_WORDS].decode(errors="replace")}
    return Answer(response.status, body if isinstance(body, dict) else {})
