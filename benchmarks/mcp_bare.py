"""`python -m benchmarks.mcp_bare PORT`: the protocol's library with one tool and nothing else, to compare with."""

import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.routing import Route

ANSWER: dict[str, Any] = {
    "summary": "20 resources on 1 target: all is as it should be.",
    "items": ["local/container/web-1 up"] * 10,
}


async def call(_context: Any, _params: types.CallToolRequestParams) -> types.CallToolResult:
    """An answer of about the size of ours."""
    text = types.TextContent(type="text", text="\n".join([ANSWER["summary"], *ANSWER["items"]]))
    return types.CallToolResult(content=[text], structured_content=ANSWER)


def app() -> Starlette:
    """The library's own way over HTTP, with answers as plain JSON, which is its quickest."""
    server: Server[Any] = Server("bare", on_call_tool=call)
    manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)

    @contextlib.asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    class Endpoint:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await manager.handle_request(scope, receive, send)

    return Starlette(routes=[Route("/mcp", endpoint=Endpoint())], lifespan=running)


if __name__ == "__main__":
    uvicorn.run(app(), port=int(sys.argv[1]), log_level="error")
