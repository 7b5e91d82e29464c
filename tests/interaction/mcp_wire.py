"""Requests of the stateless era as bytes go over the wire, straight to a house's application."""

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.interaction.house import URL, House

REVISION = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": REVISION,
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass
class Wire:
    """Posts JSON-RPC as one caller."""

    http: httpx2.AsyncClient
    path: str = "/mcp"
    numbers: Any = field(default_factory=itertools.count)

    async def post(self, body: bytes | Any, **headers: str) -> httpx2.Response:
        """Whatever is given, as the body."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode("utf-8", "surrogatepass")
        return await self.http.post(self.path, content=content, headers=given)

    async def ask(self, method: str, /, **params: Any) -> httpx2.Response:
        """One request as the protocol wants it."""
        body = {"jsonrpc": "2.0", "id": next(self.numbers), "method": method, "params": {"_meta": META, **params}}
        named = {"Mcp-Name": str(params["name"])} if "name" in params else {}
        return await self.post(body, **{"Mcp-Method": method, **named})

    async def call(self, tool: str, arguments: Any) -> httpx2.Response:
        """One call of a tool."""
        return await self.ask("tools/call", name=tool, arguments=arguments)


@asynccontextmanager
async def wire(house: House, role: str = "planner", path: str = "/mcp") -> AsyncIterator[Wire]:
    """The wire of a role, without a network between."""
    headers = {
        "Authorization": f"Bearer {house.tokens[role]}", "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": REVISION,
    }  # fmt: skip
    transport = httpx2.ASGITransport(app=house.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url=URL, headers=headers, timeout=60) as http:
        yield Wire(http, path)
    await house.app.state.mcp.close()
