"""Which requests of AI clients are answered in one piece."""

from typing import Any

import pytest
from starlette.datastructures import Headers

from opstwin.server.mcp.lanes import in_one_piece

VERSIONS = ("2026-07-28",)
HEADERS = Headers({"mcp-protocol-version": "2026-07-28"})


def message(method: str = "tools/call", name: str = "twin_query", **meta: Any) -> dict[str, Any]:
    return {"method": method, "params": {"name": name, "_meta": meta}}


@pytest.mark.parametrize("read", [message(), message("tools/list"), message("resources/read")])
def test_a_read_is_answered_in_one_piece(read: Any) -> None:
    assert in_one_piece(read, HEADERS, VERSIONS, {"twin_query"})


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        (message(name="plan_apply"), HEADERS),
        (message(progressToken=1), HEADERS),
        (message("subscriptions/listen"), HEADERS),
        (message("tasks/get"), HEADERS),
        (message(), Headers({})),
        (message(), Headers({"mcp-protocol-version": "2025-11-25"})),
        ({"method": "tools/list"}, HEADERS),
        ({"method": "tools/list", "params": {"_meta": 1}}, HEADERS),
        ([], HEADERS),
        (None, HEADERS),
    ],
)
def test_what_changes_something_tells_progress_or_has_a_session_is_not(given: Any, headers: Headers) -> None:
    assert not in_one_piece(given, headers, VERSIONS, {"twin_query"})
