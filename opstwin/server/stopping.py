"""A server that can be stopped while clients watch."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from opstwin.server.streaming import Streams


class StoppableServer(uvicorn.Server):
    """Ends open event streams first when it is told to stop: they would hold it up for as long as clients watch."""

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        super().__init__(config)
        self._streams = streams

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As the parent does, but a signal that was obeyed is not raised again: it would end the process at once.

        The hub has more to put away after its server: the token in its file, its loops, the twin.
        """
        with super().capture_signals():
            try:
                yield
            finally:
                self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._streams.close()
        await super().shutdown(sockets)
