"""The benchmark of other MCP servers: what they say is understood; who does not start is named in its own words."""

import sys
from pathlib import Path

import pytest

from benchmarks.mcp_peers import Contender, answer_size, tokens
from benchmarks.stdio_server import NoAnswerError, opened

SERVER = """
import json, sys
def say(message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
print("Welcome to a server that prints", flush=True)
print("7", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    say({"method": "notifications/tools/list_changed"})
    say({"method": "roots/list", "id": asked["id"]})
    if asked["method"] == "initialize":
        say({"id": asked["id"], "result": {}})
    elif asked["method"] == "tools/call":
        say({"id": asked["id"], "error": {"code": -32602, "message": "no such tool"}})
    elif asked["params"].get("cursor") == "two":
        say({"id": asked["id"], "result": {"tools": [{"name": "b"}]}})
    else:
        say({"id": asked["id"], "result": {"tools": [{"name": "a"}], "nextCursor": "two"}})
"""
FALLEN = "import sys; sys.exit('Starting\\nError: no cluster is configured\\nUsage: server')"


def test_pages_are_counted_whatever_else_a_server_prints_in_between() -> None:
    with opened([sys.executable, "-c", SERVER], {}) as server:
        assert [tool["name"] for tool in server.tools()] == ["a", "b"]


def test_a_server_that_ends_is_named_with_its_own_error() -> None:
    with (
        opened([sys.executable, "-c", FALLEN], {}) as server,
        pytest.raises(NoAnswerError, match=r"^Error: no cluster is configured$"),
    ):
        server.tools()


def test_a_list_that_is_refused_costs_the_other_figures_nothing(tmp_path: Path) -> None:
    found = Contender([sys.executable, "-c", SERVER], {}, ("list", {"path": str(tmp_path)}), "files").sizes()
    assert found == {
        "tools": 2,
        "definition_tokens": tokens([{"name": "a"}, {"name": "b"}]),
        "list": {"of": "files", "not_measured": "no such tool"},
    }


def test_an_error_is_not_taken_for_a_short_answer() -> None:
    assert answer_size({"content": [{"type": "text", "text": "x" * 40}]}) == {"text_tokens": 10}
    assert answer_size({"content": [{"type": "text", "text": "denied"}], "isError": True}) == {"not_measured": "denied"}
