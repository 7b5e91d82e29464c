"""A client's file with one server put in or taken out: nothing else of it changes, not by a byte."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.cli.mcp_files import Unfit, with_server, without_server

ENTRY = {"command": "/opt/opstwin", "args": ["mcp"]}
MEMBER, NAME = "mcpServers", "opstwin"

TYPICAL = """{
  "numStartups": 12,
  "mcpServers": {
    "other": {
      "command": "npx",
      "args": [ "-y",   "other" ]
    }
  },
  "tips": {"a": 1.50, "b": "\\u00e9"}
}
"""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
LAYOUTS = st.sampled_from([{"indent": 2}, {"indent": 4}, {"indent": "\t"}, {}, {"separators": (",", ":")}])


def put(text: str, entry: dict[str, Any] = ENTRY) -> str:
    return with_server(text, MEMBER, NAME, entry)


def taken(text: str) -> str:
    return without_server(text, MEMBER, NAME)


def test_a_server_is_put_beside_the_others_as_they_are_laid_out() -> None:
    assert put(TYPICAL) == TYPICAL.replace(
        """      "args": [ "-y",   "other" ]
    }
""",
        """      "args": [ "-y",   "other" ]
    },
    "opstwin": {
      "command": "/opt/opstwin",
      "args": [
        "mcp"
      ]
    }
""",
    )


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_file_that_is_not_there_is_begun(text: str) -> None:
    assert json.loads(put(text)) == {MEMBER: {NAME: ENTRY}}
    assert put(text).endswith("}\n")


@pytest.mark.parametrize(
    "text",
    ["{}", "{ }\n", '{"mcpServers": {}}', '{\r\n\t"mcpServers": {\r\n\t}\r\n}\r\n', TYPICAL,
     TYPICAL.replace("\n", "\r\n"), '{"a":1}', '{"mcpServers":{"a":{}},"b":[1,2]}'],
)  # fmt: skip
def test_putting_it_in_twice_changes_nothing_more_and_taking_it_out_leaves_what_was_there(text: str) -> None:
    once = put(text)
    assert json.loads(once)[MEMBER][NAME] == ENTRY
    assert put(once) == once
    left = json.loads(taken(once))
    left = left if json.loads(text).get(MEMBER) is not None else {k: v for k, v in left.items() if k != MEMBER}
    assert left == json.loads(text)
    assert ("\r\n" in once) == ("\r\n" in text)
    assert once.replace("\r\n", "").count("\n") == (0 if "\r\n" in text else once.count("\n"))


@settings(max_examples=300)
@given(
    others=st.dictionaries(st.text(max_size=6), JSON, max_size=3), layout=LAYOUTS,
    servers=st.none() | st.dictionaries(st.text(max_size=6), st.dictionaries(st.text(max_size=4), JSON), max_size=3),
    first=st.booleans(),
)  # fmt: skip
def test_whatever_else_the_file_says_it_goes_on_saying(
    others: dict[str, Any], layout: dict[str, Any], servers: dict[str, Any] | None, first: bool
) -> None:
    held = {} if servers is None else {MEMBER: servers}
    body = {**held, **others} if first else {**others, **held}
    if not isinstance(body.get(MEMBER, {}), dict):
        return
    text = json.dumps(body, ensure_ascii=False, **layout)
    new = json.loads(put(text))
    assert new[MEMBER].pop(NAME)["command"] == ENTRY["command"]
    body.get(MEMBER, {}).pop(NAME, None)
    assert {key: value for key, value in new.items() if value or key != MEMBER} == {
        key: value for key, value in body.items() if value or key != MEMBER
    }
    assert NAME not in json.loads(taken(put(text)))[MEMBER]


def test_a_new_command_replaces_the_old_one_and_what_the_user_added_stays() -> None:
    old = {"command": "/old/opstwin", "args": ["mcp"], "disabled": True, "env": {"OPSTWIN_TOKEN": "opt_mine", "A": "1"}}
    text = json.dumps({"x": 1, MEMBER: {NAME: old, "b": {}}}, indent=3)
    new = json.loads(put(text, ENTRY | {"env": {"A": "2"}}))
    assert new["x"] == 1
    assert new[MEMBER]["b"] == {}
    assert new[MEMBER][NAME] == old | ENTRY | {"env": {"OPSTWIN_TOKEN": "opt_mine", "A": "2"}}


def test_a_server_of_that_name_elsewhere_is_replaced_whole() -> None:
    text = json.dumps({MEMBER: {NAME: {"type": "http", "url": "https://hub/mcp", "headers": {}}}})
    assert json.loads(put(text))[MEMBER][NAME] == ENTRY


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_server_is_taken_out_wherever_it_stands(place: int) -> None:
    names = ["a", "b"]
    names.insert(place, NAME)
    text = json.dumps({MEMBER: {name: {"command": name} for name in names}, "z": 1}, indent=2)
    assert taken(text) == json.dumps({MEMBER: {name: {"command": name} for name in "ab"}, "z": 1}, indent=2)


@pytest.mark.parametrize("text", ["", "{}", TYPICAL, '{"mcpServers": {}}'])
def test_taking_out_what_is_not_there_changes_nothing(text: str) -> None:
    assert taken(text) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{\n  // mine\n  "servers": {}\n}', "comments"),
        ('{"mcpServers": {},}', "commas"),
        ("[]", "no object"),
        ('{"mcpServers": []}', "no object"),
        ('{"a": ' + "[" * 50_000 + "]" * 50_000 + "}", "deep"),
        ("{", "JSON"),
        ('{"mcpServers": {}, "mcpServers": {"a": {}}}', "twice"),
        ('{"mcpServers": {"opstwin": {}, "opstwin": {}}}', "twice"),
    ],
)
def test_a_file_that_cannot_be_changed_safely_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        put(text)
