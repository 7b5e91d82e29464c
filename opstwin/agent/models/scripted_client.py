"""A scripted server without a socket: the HTTP client of a gateway whose every request ends at the script."""

from collections.abc import AsyncIterator
from typing import Final

import httpx2

from opstwin.agent.models.scripted import Fault, Trouble
from opstwin.agent.models.scripted_server import Got, ScriptedServer, Wired

_RAISED: Final = {Trouble.HANG: httpx2.ReadTimeout, Trouble.CLOSED: httpx2.ConnectError}


def client_of(server: ScriptedServer) -> httpx2.AsyncClient:
    """A client for `open_model(…, http=…)`. A turn that hangs times out at once."""
    return httpx2.AsyncClient(transport=_Script(server))


class _Script(httpx2.AsyncBaseTransport):
    def __init__(self, server: ScriptedServer) -> None:
        self._server = server

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = self._server.answer(Got(request.url.path, headers, await request.aread()))
        if isinstance(answer, Fault):
            raise _RAISED[answer.trouble or Trouble.CLOSED]("scripted", request=request)
        return httpx2.Response(answer.status, headers=dict(answer.headers), stream=_Body(answer), request=request)


class _Body(httpx2.AsyncByteStream):
    def __init__(self, answer: Wired) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._answer.pieces:
            yield piece
        if not self._answer.is_whole:
            raise httpx2.RemoteProtocolError("scripted: the connection is closed")
