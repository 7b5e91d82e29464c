"""A server that can be stopped while clients watch."""

import socket

import uvicorn

from opstwin.server.streaming import Streams


class StoppableServer(uvicorn.Server):
    """Ends open event streams first when it is told to stop: they would hold it up for as long as clients watch."""

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        super().__init__(config)
        self._streams = streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._streams.close()
        await super().shutdown(sockets)
