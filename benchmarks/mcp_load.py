"""`python -m benchmarks.mcp_load URL TOKENS TOTAL CLIENTS TOOL…`: calls of tools over MCP, as one JSON on stdout.

A process of its own, so that it does not share the server's interpreter. Sockets are kept open and written to without
a library: the figures are about the server. TOKENS are apart by commas, each client takes one. TOOL is `name=JSON`;
a client goes through the tools in turn.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

REVISION = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": REVISION,
    "io.modelcontextprotocol/clientInfo": {"name": "load", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def request(url: str, token: str, number: int, tool: str, arguments: Any) -> bytes:
    """One call as it goes over the wire."""
    parts = urlsplit(url)
    params = {"_meta": META, "name": tool, "arguments": arguments}
    body = json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}).encode()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        f"MCP-Protocol-Version: {REVISION}\r\nMcp-Method: tools/call\r\nMcp-Name: {tool}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def answered(reader: asyncio.StreamReader) -> dict[str, Any]:
    """One answer; only whole JSON answers are expected."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return dict(json.loads(await reader.readexactly(int(length.split(b":")[1]))))


async def client(url: str, token: str, calls: int, first: int, tools: Sequence[tuple[str, Any]]) -> list[Any]:
    """`calls` calls, one after another: (tool, seconds, size of the answer, whether it failed)."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    found = []
    for number in range(first, first + calls):
        tool, arguments = tools[number % len(tools)]
        begin = time.perf_counter()
        writer.write(request(url, token, number, tool, arguments))
        answer = await answered(reader)
        result = answer.get("result", {})
        failed = "error" in answer or bool(result.get("isError"))
        found.append((tool, time.perf_counter() - begin, len(json.dumps(result)), failed))
    writer.close()
    return found


async def load(url: str, tokens: Sequence[str], total: int, clients: int, tools: Sequence[tuple[str, Any]]) -> Any:
    """All calls, by `clients` clients at the same time."""
    each = total // clients
    begin = time.perf_counter()
    parts = await asyncio.gather(
        *(client(url, tokens[place % len(tokens)], each, place * each + place, tools) for place in range(clients))
    )
    seconds = time.perf_counter() - begin
    rows = [row for part in parts for row in part]
    return {
        "calls_s": round(len(rows) / seconds),
        "failed": sum(row[3] for row in rows),
        "slowest_client_s": round(max(sum(row[1] for row in part) for part in parts), 2),
        "fastest_client_s": round(min(sum(row[1] for row in part) for part in parts), 2),
        "tools": {tool: told([row for row in rows if row[0] == tool]) for tool in dict(tools)},
    }


def told(rows: Sequence[Any]) -> dict[str, Any]:
    """Latencies of one tool's calls in milliseconds."""
    taken = sorted(row[1] * 1000 for row in rows)
    return {
        "calls": len(rows),
        "p50_ms": round(taken[len(taken) // 2], 1),
        "p99_ms": round(taken[min(len(taken) - 1, int(len(taken) * 0.99))], 1),
        "max_ms": round(taken[-1], 1),
        "bytes": rows[0][2],
    }


if __name__ == "__main__":
    url, tokens, total, clients, *named = sys.argv[1:]
    tools = [(name, json.loads(arguments)) for name, _, arguments in (item.partition("=") for item in named)]
    print(json.dumps(asyncio.run(load(url, tokens.split(","), int(total), int(clients), tools))))
