"""`opstwin mcp` at the other end of two pipes, spoken to in bytes: for what an SDK's client would not send."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

WITHIN_S = 30.0
REVISION = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": REVISION,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "pipe", "version": "1"},
}


class Pipe:
    """One process of the shim."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    def write(self, data: bytes) -> None:
        """Bytes as they are."""
        self.process.stdin.write(data)

    def send(self, **message: Any) -> None:
        """A message."""
        self.write(json.dumps({"jsonrpc": "2.0"} | message).encode() + b"\n")

    def ask(self, id: Any, method: str, /, **params: Any) -> None:
        """A request of the stateless era."""
        self.send(id=id, method=method, params=params | {"_meta": META})

    def call(self, id: Any, tool: str, /, **given: Any) -> None:
        """A call of a tool, in the stateless era."""
        self.ask(id, "tools/call", name=tool, arguments=given)

    async def read(self) -> dict[str, Any]:
        """The next message."""
        line = await asyncio.wait_for(self.process.stdout.readline(), WITHIN_S)
        assert line.endswith(b"\n"), f"the process ended: {line!r}"
        return dict(json.loads(line))

    async def answers(self, count: int) -> dict[Any, dict[str, Any]]:
        """So many answers, by their ids."""
        found = [await self.read() for _ in range(count)]
        assert all("method" not in item for item in found), found
        return {item["id"]: item for item in found}

    async def shake_hands(self, id: Any = 0) -> dict[str, Any]:
        """Begin a session of the handshake era."""
        self.send(id=id, method="initialize", params={
            "protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "pipe", "version": "1"},
        })  # fmt: skip
        answer = await self.read()
        self.send(method="notifications/initialized")
        return answer

    async def end(self) -> tuple[int, bytes]:
        """Close stdin; the exit code and what else was written."""
        self.process.stdin.close()
        rest = await asyncio.wait_for(self.process.stdout.read(), WITHIN_S)
        return await asyncio.wait_for(self.process.wait(), WITHIN_S), rest


@asynccontextmanager
async def piped(environment: dict[str, str], *options: str, log: Path | None = None) -> AsyncIterator[Pipe]:
    """The shim as a client starts it; ended at the end."""
    errors = log.open("ab") if log is not None else None
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "opstwin.cli", "mcp", *options, env=environment, limit=1 << 26,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors,
    )  # fmt: skip
    try:
        yield Pipe(process)
    finally:
        if errors is not None:
            errors.close()
        if process.returncode is None:
            process.kill()
        await process.wait()
