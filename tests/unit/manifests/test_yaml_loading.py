"""YAML text from anybody: read strictly, or refused early and cheaply."""

import json
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from string import ascii_lowercase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.errors import InvalidInput, LimitExceeded, OpstwinError
from opstwin.manifests.nodes import MapNode, plain
from opstwin.manifests.yaml_building import MAX_NODES
from opstwin.manifests.yaml_faults import MAX_DEPTH
from opstwin.manifests.yaml_loading import MAX_BYTES, load_documents

DEEP = 100_000


def values(text: str) -> list[object]:
    return [plain(node) for node in load_documents(text)]


def alias_bomb(levels: int, width: int) -> str:
    """A text of a few lines that stands for width ** levels values."""
    lines = [f"a: &a [{', '.join(['x'] * width)}]"]
    for before, name in pairwise(ascii_lowercase[:levels]):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * width)}]")
    return "\n".join(lines)


ATTACKS: dict[str, Callable[[], str]] = {
    "64 MiB": lambda: "a" * (64 * 1024 * 1024),
    "1 MiB and a byte": lambda: "a" * (MAX_BYTES + 1),
    "alias bomb": lambda: alias_bomb(9, 9),
    "wide alias bomb": lambda: "a: &a [" + "x, " * 900 + "]\nb: [" + "*a, " * 900 + "]",
    "merge bomb": lambda: "a: &a {" + ", ".join(f"k{n}: 1" for n in range(500)) + "}\n"
    + "\n".join(f"b{n}: {{<<: *a}}" for n in range(500)),
    "deep lists": lambda: "[" * DEEP,
    "deep lists, closed": lambda: "[" * DEEP + "]" * DEEP,
    "deep JSON": lambda: '{"a":' * DEEP + "1" + "}" * DEEP,
    "deep JSON lists": lambda: "[\n" * DEEP,
    "deep dashes": lambda: "- " * DEEP,
    "deep questions": lambda: "? " * DEEP,
    "deep flow maps": lambda: "{a: " * DEEP,
    "depth through aliases": lambda: "a: &a " + "[" * 20 + "]" * 20 + "\nb: " + "[" * 20 + "*a" + "]" * 20,
}  # fmt: skip


@pytest.mark.proves("E6")
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_what_is_too_big_or_too_deep_is_refused_within_100_ms_of_cpu_and_little_memory(
    attack: Callable[[], str],
) -> None:
    text = attack()
    cpu_s = time.process_time()
    with pytest.raises(LimitExceeded) as refused:
        load_documents(text)
    spent_s = time.process_time() - cpu_s
    tracemalloc.start()
    with pytest.raises(LimitExceeded):
        load_documents(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert spent_s < 0.1
    assert peak < 50 * 1024 * 1024
    assert refused.value.next_step
    assert refused.value.details["limit"] in (MAX_BYTES, MAX_NODES, MAX_DEPTH)


def test_no_more_values_are_built_than_the_limit() -> None:
    assert len(values("[" + "a," * (MAX_NODES - 3) + "]")[0]) == MAX_NODES - 3  # type: ignore[arg-type]
    with pytest.raises(LimitExceeded):
        load_documents("[" + "a," * MAX_NODES + "]")


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH])
def test_the_deepest_allowed_text_is_read(depth: int) -> None:
    assert json.dumps(values("[" * depth + "]" * depth)[0]) == "[" * depth + "]" * depth


def test_words_of_older_yaml_stay_words() -> None:
    text = "[no, yes, on, off, 12:30, 0o17, 010, 1_000, 2024-01-02, ~, null, true, 1.5, .inf]"
    expected = ["no", "yes", "on", "off", "12:30", 15, 8, "1_000", "2024-01-02", None, None, True, 1.5, ".inf"]
    assert values(text) == [expected]


def test_quoted_values_are_text() -> None:
    assert values('["8080", \'true\', "null"]') == [["8080", "true", "null"]]


def test_numbers_too_long_to_be_meant_stay_text() -> None:
    assert values("[" + "9" * 5000 + "]") == [["9" * 5000]]


def test_several_documents_are_read_and_empty_ones_left_out() -> None:
    assert values("---\na: 1\n---\n---\n# nothing\n---\nb: 2\n") == [{"a": 1}, {"b": 2}]


def test_json_is_read() -> None:
    assert values('{"a": [1, "\\ud83d\\ude00", {"b": null}]}') == [{"a": [1, "😀", {"b": None}]}]


def test_aliases_and_merges_are_written_out() -> None:
    text = "x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {<<: [{c: 4}, *x]}\nw: *x"
    assert values(text) == [
        {"x": {"a": 1, "b": 2}, "y": {"b": 3, "a": 1}, "z": {"c": 4, "a": 1, "b": 2}, "w": {"a": 1, "b": 2}}
    ]


def test_a_quoted_merge_key_is_a_plain_key() -> None:
    assert values('{"<<": 1}') == [{"<<": 1}]


REFUSED = {
    "duplicate key": ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, "twice"),
    "duplicate by other spelling": ("1: x\n'1': y\n", 2, "twice"),
    "two merges": ("x: &x {a: 1}\ny:\n  <<: *x\n  <<: *x\n", 4, "twice"),
    "python object": ("a: !!python/object/apply:os.system ['true']", 1, "Tags"),
    "own tag": ("a: 1\nb: !secret x", 2, "Tags"),
    "core tag": ("a: !!str 1", 1, "Tags"),
    "tag on a mapping": ("a: !x {b: c}", 1, "Tags"),
    "tag on a list": ("a: !x [b]", 1, "Tags"),
    "tag on a key": ("!x a: b", 1, "Tags"),
    "directive": ("%YAML 1.1\n---\na: no", 1, "%"),
    "tag directive": ("%TAG ! tag:x,2000:\n---\na: b", 1, "%"),
    "recursive alias": ("a: &a\n  - *a\n", 2, "alias"),
    "recursive mapping": ("&a {b: *a}", 1, "alias"),
    "alias within its own second anchor": ("- &a x\n- &a [*a]\n", 2, "alias"),
    "alias without anchor": ("a: 1\nb: *x", 2, "alias"),
    "anchor of another document": ("a: &x 1\n---\nb: *x", 3, "alias"),
    "merge of text": ("a:\n  <<: x", 2, "<<"),
    "list as a key": ("? [a, b]\n: c", 1, "key"),
    "half a character": ('a: "\\ud800"', 1, "character"),
    "control character": ("a: 1\nb: \x07", 2, "character"),
    "lone surrogate": ("a: \ud800", 1, "character"),
    "open bracket": ("a: [1, 2", 1, "YAML"),
    "open quote": ("a: 1\nb: 'x", 2, "YAML"),
    "tab indentation": ("a:\n\tb: 1", 2, "YAML"),
    "two values": ("a: b: c", 1, "YAML"),
}


@pytest.mark.parametrize(("text", "line", "word"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_plain_yaml_is_refused_with_line_and_column(text: str, line: int, word: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_documents(text)
    assert refused.value.details["line"] == line
    assert isinstance(refused.value.details["column"], int)
    assert word in refused.value.message
    assert refused.value.next_step


def test_an_escape_beyond_unicode_is_refused() -> None:
    with pytest.raises(InvalidInput):
        load_documents('"\\UFFFFFFFF"')


def test_values_know_their_lines() -> None:
    (node,) = load_documents("a: 1\nb:\n  - x\n  - y\n")
    assert isinstance(node, MapNode)
    assert node.keys["b"].line == 2
    assert [item.place.line for item in node.items["b"].items] == [3, 4]  # type: ignore[union-attr]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON.filter(lambda value: value is not None))
def test_every_json_value_reads_as_itself(value: object) -> None:
    (read,) = values(json.dumps(value))
    assert json.dumps(read, sort_keys=True) == json.dumps(value, sort_keys=True) or read == value


SNIPPETS = [
    *"ab:-?[]{}&*!|>'\"%@`#,\n \t\\.1~<=",
    "\\U",
    "\\u12",
    "---\n",
    "%X\n",
    "!!",
    "&a ",
    "*a",
    "\n  ",
    "<<: ",
    "\x00",
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(SNIPPETS), max_size=30).map("".join) | st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_typed_error(text: str) -> None:
    with suppress(OpstwinError):
        load_documents(text)
