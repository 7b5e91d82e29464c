"""A wire to a real API server that can be cut: `kubectl proxy` (plain HTTP) behind a relay that tests hold in hand."""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Fault(StrEnum):
    """What happens to requests that would change something."""

    NONE = "none"
    SWALLOWED = "swallowed"
    """The request is taken and never answered, and never reaches the server."""
    UNANSWERED = "unanswered"
    """The server does it; the connection breaks before its answer arrives."""


@dataclass
class Relay:
    """One relay; `fault` may be changed at any time."""

    upstream: int
    port: int = 0
    fault: Fault = Fault.NONE
    changing: list[bytes] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        below, above = await asyncio.open_connection("127.0.0.1", self.upstream)
        back = asyncio.create_task(self._answers(below, writer))
        self._tasks.add(back)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(65536):
                if data.startswith((b"PATCH", b"DELETE", b"POST /api/v1/")):
                    self.changing.append(data)
                    if self.fault is Fault.SWALLOWED:
                        await asyncio.Event().wait()
                above.write(data)
                await above.drain()
        above.close()
        writer.close()

    async def _answers(self, below: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await below.read(65536):
                if self.fault is Fault.UNANSWERED and self.changing:
                    writer.transport.abort()
                    self.fault = Fault.NONE
                    return
                writer.write(data)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def relay_to(kubeconfig: Path, folder: Path) -> AsyncIterator[tuple[Relay, Path]]:
    """A relay, and a kubeconfig that leads through it."""
    argv = ["kubectl", "--kubeconfig", str(kubeconfig), "proxy", "--port=0"]
    proxy = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert proxy.stdout is not None
    said = await asyncio.to_thread(proxy.stdout.readline)
    relay = Relay(upstream=int(said.rpartition(":")[2]))
    server = await asyncio.start_server(relay.talk, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    path = folder / "relay.kubeconfig"
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": f"http://127.0.0.1:{relay.port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    }))  # fmt: skip
    try:
        yield relay, path
    finally:
        server.close()
        proxy.terminate()
        proxy.wait()
        proxy.stdout.close()
