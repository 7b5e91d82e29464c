"""Tool calls as requests: whatever a client sends, a call reaches its own route or none."""

from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Match, Route

from opstwin.cli.exits import CliError
from opstwin.cli.mcp_bridge import MAX_TEXT, in_short
from opstwin.cli.mcp_requests import request_of
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.registry import AnyTool

NAMED = [tool for tool in REGISTRY if tool.route.variables]
NAMES = st.one_of(
    st.from_regex(r"[a-z0-9]{1,9}", fullmatch=True),
    st.from_regex(r"(plan|exec)_[0-9a-z]{1,9}(:apply|:cancel|)", fullmatch=True),
    st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    st.from_regex(
        r"[a-z]{1,5}/[a-z]{1,5}/[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,12}(/logs|/usage|/desired|:adopt|:resume|)\n?"
    ),
)
HOSTILE = st.one_of(
    NAMES,
    st.text(max_size=40),
    st.text("ab/.:%2e-_?#&\\\x00\n ", max_size=30),
    st.sampled_from(
        ["..", "../me", "%2e%2e", "a/../b", "local:test", "local/container/a/logs", "a?x=1", "a#b", "ⅰ", ""]
    ),
)


def offer(tool: AnyTool) -> dict[str, Any]:
    """The tool as the hub's list has it."""
    return {
        "name": tool.name, "method": tool.route.method, "path": tool.route.path, "if_match": tool.route.if_match,
        "input_schema": tool.input.model_json_schema(),
    }  # fmt: skip


async def nothing(_request: object) -> None:
    return None


def reached(method: str, path: str) -> AnyTool | None:
    """The tool that the hub's routes find for a path, as `Api.add_to` orders them."""
    ordered = sorted(REGISTRY, key=lambda item: item.route.path.endswith(":path}"))
    app = Starlette(routes=[Route(item.route.path, nothing, methods=[item.route.method]) for item in ordered])
    scope = {"type": "http", "method": method, "path": unquote(path), "root_path": ""}
    found = [route.matches(scope)[0] is Match.FULL for route in app.routes]
    return ordered[found.index(True)] if True in found else None


@pytest.mark.proves("E4")
@settings(max_examples=400)
@given(tool=st.sampled_from(NAMED), values=st.lists(HOSTILE, min_size=2, max_size=2))
def test_no_name_leads_to_another_tool_that_does_more(tool: AnyTool, values: list[str]) -> None:
    """A resource's name may hold slashes, so reading it may lead to its logs or usage: that is reading too."""
    fields: dict[str, Any] = dict(zip(tool.route.variables, values, strict=False))
    try:
        request = request_of(offer(tool), fields | ({"if_revision": 0} if tool.route.if_match else {}))
    except CliError:
        return
    assert ".." not in request.path.split("/")
    assert not set(request.path) & set("?#\\ \n\x00")
    found = reached(request.method, request.path)
    assert found is not None
    assert found is tool or (found.effect, found.scope, found.people_only) == (tool.effect, tool.scope, False)


@pytest.mark.proves("E4")
@pytest.mark.parametrize(
    "name",
    ["local/container/a/../../../me", "local/container/a/..", "local/container/a/./b", "local/container/a//b",
     "local/container/a\n", "local/container/%2e%2e", "../me", "/me", "local/container/a?x=1", "local/container/a#b"],
)  # fmt: skip
def test_a_resource_whose_name_is_a_way_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(CliError) as refused:
        request_of(offer(REGISTRY["resource_get"]), {"id": name})
    assert refused.value.code == "invalid_input"
    assert refused.value.next_step


def test_fields_go_where_the_route_wants_them() -> None:
    desired = request_of(
        offer(REGISTRY["desired_put"]), {"id": "local/container/web-1", "if_revision": 3, "spec": {"running": False}}
    )
    assert (desired.method, desired.path) == ("PUT", "/resources/local/container/web-1/desired")
    assert (desired.fields, desired.headers) == ({"spec": {"running": False}}, {"If-Match": '"3"'})
    listed = request_of(offer(REGISTRY["resources_list"]), {"managed": True, "limit": 5, "kind": None})
    assert (listed.path, listed.fields) == ("/resources", {"managed": "true", "limit": "5"})


@pytest.mark.parametrize("field", ["path", "self", "wordz", "if_revision", "follow "])
def test_a_field_that_the_tool_has_not_is_refused_by_its_name(field: str) -> None:
    with pytest.raises(CliError, match="is not offered here") as refused:
        request_of(offer(REGISTRY["resources_list"]), {field: "x"})
    assert refused.value.details == {"field": field}
    assert "Use only: limit, cursor, target" in refused.value.next_step


@pytest.mark.parametrize("revision", [None, "3", True, -1, 1.5])
def test_a_revision_that_is_no_number_is_refused_by_its_name(revision: object) -> None:
    with pytest.raises(CliError, match="if_revision"):
        request_of(offer(REGISTRY["desired_put"]), {"id": "local/container/a", "spec": {}, "if_revision": revision})


def test_short_text_is_whole_and_long_text_says_what_is_missing() -> None:
    assert in_short({"a": [1, "하나"]}) == '{"a":[1,"하나"]}'
    long = in_short({"a": "x" * MAX_TEXT * 2})
    assert len(long) < MAX_TEXT + 200
    assert f"{MAX_TEXT + 8} characters more" in long


def test_the_text_cannot_drive_a_terminal() -> None:
    plan = {"id": "plan_1", "digest": "d", "state": "pending", "approve_url": "u", "lines": ["red \x1b[31m"]}
    assert "\x1b" not in in_short(plan)
    assert "opstwin approve plan_1" in in_short(plan)
    assert "opstwin approve" not in in_short(plan | {"state": "approved"})
