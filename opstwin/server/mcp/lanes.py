"""Which requests are answered in one piece: what only reads, and tells no progress.

The library gives every other request a stream and two more tasks, so that it can tell what goes on and hear that the
caller left. A read has nothing to tell and nothing to stop, and costs half without.
"""

from collections.abc import Collection
from typing import Any, Final

from starlette.datastructures import Headers

_VERSION: Final = "mcp-protocol-version"
_CALL: Final = "tools/call"
_READING: Final = frozenset(
    {
        "server/discover", "tools/list", "resources/list", "resources/templates/list", "resources/read", "prompts/list",
        "prompts/get", "completion/complete",
    }
)  # fmt: skip


def in_one_piece(message: Any, headers: Headers, versions: Collection[str], tools: Collection[str]) -> bool:
    """Whether a parsed request of the stateless `versions` reads only; `tools` are those whose calls do."""
    if not isinstance(message, dict) or headers.get(_VERSION) not in versions:
        return False
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    if not isinstance(params, dict) or not isinstance(meta, dict) or "progressToken" in meta:
        return False
    return message.get("method") in _READING or (message.get("method") == _CALL and params.get("name") in tools)
