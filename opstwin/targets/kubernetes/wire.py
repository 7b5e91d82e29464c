"""The writing side's connection: `kubernetes.aio` for address, TLS and credentials; raw JSON out and in."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlencode

from opstwin.errors import OpstwinError, Timeout, Unreachable
from opstwin.targets.kubernetes.connecting import Connection
from opstwin.targets.kubernetes.sending import JSON, Answer, Call, Frames

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""An object is at most 3 MiB (etcd's limit for a request is 1.5 MiB); lists of the writing side are short."""

_HANDSHAKE_S: Final = 10.0
_MOST_WORDS: Final = 300


class ApiWire:
    """Sends to and dials one API server. `on_call` hears of each call as `verb:outcome`."""

    def __init__(self, connection: Connection, on_call: Callable[[str], None]) -> None:
        self._connection, self._on_call = connection, on_call

    async def send(self, call: Call) -> Answer:
        """See `Sender`."""
        answer = await self._once(call)
        if answer.status == 401 and self._connection.refused():
            answer = await self._once(call)  # with credentials that were read anew; nothing was done before
        return answer

    @asynccontextmanager
    async def dial(
        self, path: str, query: Sequence[tuple[str, str]], protocols: Sequence[str]
    ) -> AsyncIterator[Frames | Answer]:
        """See `Dialler`."""
        import aiohttp

        client = await self._connection.client()
        address = f"{client.configuration.host.rstrip('/')}{path}?{urlencode(query)}"
        try:
            async with asyncio.timeout(_HANDSHAKE_S):
                socket = await session_of(client).ws_connect(
                    address.replace("http", "ws", 1), headers=await headers_of(client), protocols=tuple(protocols),
                    max_msg_size=MAX_ANSWER_BYTES,
                )  # fmt: skip
        except aiohttp.WSServerHandshakeError as refused:
            yield Answer(refused.status, {"message": f"status {refused.status}"})  # its words are not kept
            return
        except (aiohttp.ClientError, OSError) as error:
            raise failed(error, "exec", client.configuration.host) from error
        try:
            yield _Socket(socket)
        finally:
            await socket.close()

    async def _once(self, call: Call) -> Answer:
        import aiohttp

        client = await self._connection.client()
        try:
            async with asyncio.timeout(call.deadline_s):
                answer = await self._sent(client, call)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            self._on_call(f"{call.method.lower()}:failed")
            raise failed(error, f"{call.method.lower()} {call.path}", client.configuration.host) from error
        self._on_call(f"{call.method.lower()}:{'ok' if answer.ok else answer.status}")
        return answer

    async def _sent(self, client: Any, call: Call) -> Answer:
        headers = {**await headers_of(client), "Accept": JSON, "Content-Type": call.content_type}
        body = None if call.body is None else json.dumps(call.body)
        url = client.configuration.host.rstrip("/") + call.url
        async with session_of(client).request(call.method, url, headers=headers, data=body) as response:
            raw = await _whole(response.content)
            wait = response.headers.get("Retry-After", "")
            return Answer(
                response.status, _json(raw), tuple(map(_warning, response.headers.getall("Warning", []))),
                float(wait) if wait.isascii() and wait.isdigit() else None,
            )  # fmt: skip


class _Socket:
    def __init__(self, socket: Any) -> None:
        self._socket = socket

    async def read(self) -> bytes | None:
        message = await self._socket.receive()
        if isinstance(message.data, bytes):
            return message.data
        return message.data.encode() if isinstance(message.data, str) else None


def failed(error: Exception, operation: str, place: str) -> OpstwinError:
    """`Unreachable` when no connection came about, `Timeout` when nobody knows what came of the call."""
    import aiohttp

    details: dict[str, object] = {"operation": operation}
    never = (aiohttp.ClientConnectorError, aiohttp.InvalidURL, aiohttp.ConnectionTimeoutError, ConnectionRefusedError)
    why = " ".join(str(error).split())[:_MOST_WORDS] or type(error).__name__
    if isinstance(error, never):
        return Unreachable(
            f"No API server answers at {place}: {why}.",
            next_step="Start it or correct the target's address, then: opstwin targets test <target>",
            details=details,
        )
    ended = "did not answer in time" if isinstance(error, TimeoutError) else f"broke off ({why})"
    return Timeout(
        f"The API server at {place} {ended} during {operation}; what came of it is not known.",
        next_step="Look before you try again: opstwin discover",
        details=details,
    )


def session_of(client: Any) -> Any:
    rest = client.rest_client
    if rest.pool_manager is None:
        rest.pool_manager = rest._create_pool_manager()
    return rest.pool_manager


async def headers_of(client: Any) -> dict[str, str]:
    headers = {"User-Agent": "opstwin"}
    await client.update_params_for_auth(headers, [], ["BearerToken"], "", "", None)
    return headers


async def _whole(content: Any) -> bytes:
    """All of an answer. Raises `ValueError` for one that is too long to be one object."""
    kept = bytearray()
    async for piece in content.iter_chunked(65536):
        kept += piece
        if len(kept) > MAX_ANSWER_BYTES:
            raise ValueError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
    return bytes(kept)


def _json(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        return {"message": raw[:_MOST_WORDS].decode(errors="replace")}
    return found if isinstance(found, dict) else {}


def _warning(header: str) -> str:
    """The text of `299 - "text"`."""
    return header.partition('"')[2].rpartition('"')[0].replace('\\"', '"') or header
