"""Manifests as YAML text: one order, reasons on their lines, and read with the place of everything."""

import time
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.domain.values import Json
from opstwin.errors import InvalidInput, LimitExceeded
from opstwin.manifests.forms import Decision, Manifest, ordered
from opstwin.manifests.yaml_text import LIMITS, read_documents, remarks, text_of

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
LINES = st.lists(TEXT, min_size=2, max_size=5).map("\n".join)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | TEXT | LINES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)
DEPLOYMENT: dict[str, Json] = {
    "kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"namespace": "shop", "name": "web"},
    "spec": {"template": {}, "replicas": 2},
}  # fmt: skip


@settings(max_examples=300)
@given(st.dictionaries(TEXT, VALUE, min_size=1, max_size=4))
def test_what_is_written_reads_back_the_same(document: dict[str, Json]) -> None:
    assert [item.value for item in read_documents(text_of([document]))] == [document]


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from("abc"), VALUE, min_size=1), st.text(max_size=80))
def test_no_comment_changes_what_is_read(document: dict[str, Json], comment: str) -> None:
    paths = [*document, *(f"{key}[0]" for key in document), *(f"{key}.a" for key in document)]
    decisions = tuple(Decision(path=path, value=None, why=comment, why_ko="", source="x") for path in paths)
    text = text_of([Manifest(document=document, decisions=decisions)], language="en")
    assert [item.value for item in read_documents(remarks([comment]) + text)] == [document]


def test_the_order_of_keys_does_not_depend_on_how_they_came() -> None:
    texts = {text_of([{key: DEPLOYMENT[key] for key in order}]) for order in permutations(DEPLOYMENT)}
    [text] = texts
    keys = [line.split(":")[0].strip() for line in text.splitlines()]
    assert keys == ["---", "apiVersion", "kind", "metadata", "name", "namespace", "spec", "replicas", "template"]


def test_names_that_people_chose_are_sorted_whatever_they_are_called() -> None:
    document: dict[str, Json] = {"data": {"name": "1", "image": "2", "args": "3"}}
    assert list(ordered(document)["data"]) == ["args", "image", "name"]  # type: ignore[arg-type]


def test_lists_keep_their_order() -> None:
    document: dict[str, Json] = {"args": ["b", "a"], "env": [{"value": "1", "name": "B"}, {"name": "A"}]}
    assert ordered(document) == document
    assert list(ordered(document)["env"][0]) == ["name", "value"]  # type: ignore[arg-type,index]


def test_a_reason_stands_on_the_line_that_it_is_about() -> None:
    why = Decision(
        path="spec.replicas", value=2, why="As many as asked for.", why_ko="요청한 수입니다.", source="request"
    )
    manifest = Manifest(document=ordered(DEPLOYMENT), decisions=(why,))
    assert "  replicas: 2  # As many as asked for. [request]\n" in text_of([manifest], language="en")
    assert "  replicas: 2  # 요청한 수입니다. [request]\n" in text_of([manifest], language="ko")
    assert "#" not in text_of([manifest])


def test_a_text_of_several_lines_is_written_as_such() -> None:
    text = text_of([{"data": {"nginx.conf": "server {\n  listen 80;\n}\n", "odd": "a \nb"}}])
    assert "  nginx.conf: |\n    server {\n      listen 80;\n    }\n" in text
    assert '  odd: "a \\nb"\n' in text


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "y", "n", "1", "0x1f", "1e3", "~", "null", "true", "2.4"])
def test_a_word_that_some_reader_takes_for_something_else_is_quoted(word: str) -> None:
    assert f'  key: "{word}"\n' in text_of([{"data": {"key": word}}])


SEVERAL = """\
apiVersion: v1
kind: ConfigMap
data: &shared {a: "1"}
---
# nothing
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Secret}
- apiVersion: v1
  kind: Service
"""


def test_every_manifest_is_read_with_its_line() -> None:
    found = [(item.value["kind"], item.index, item.line) for item in read_documents(SEVERAL)]
    assert found == [("ConfigMap", 0, 1), ("Secret", 1, 10), ("Service", 1, 11)]


def test_every_field_knows_its_place() -> None:
    [document] = read_documents("apiVersion: v1\nspec:\n  ports:\n  - port: 80\n  - port: 81\n")
    assert document.place(("spec", "ports", 1, "port")).line == 5
    assert document.place(("spec", "nothing", "here")).line == 2


def test_aliases_are_values_like_any_other() -> None:
    [document] = read_documents("a: &x {k: 1}\nb: *x\nc:\n  <<: *x\n  l: 2\n")
    assert document.value == {"a": {"k": 1}, "b": {"k": 1}, "c": {"k": 1, "l": 2}}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("kind: A\nspec:\n  a: 1\n  b: 2\n  a: 3\n", 5),
        ("kind: A\n---\nkind: B\nkind: C\n", 4),
        ("kind: A\n---\n- a list\n", 3),
        ("just words\n", 1),
        ("kind: A\nspec: !!python/object:os.system {}\n", 2),
        ("kind: List\napiVersion: v1\nitems:\n- 1\n", 4),
        ("kind: A\nspec: [1, 2\n", 3),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_documents(text)
    assert refused.value.details["line"] == line
    assert refused.value.next_step


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("a: " + "x" * LIMITS.size_bytes, LIMITS.size_bytes),
        ("a: " + "[" * 200 + "]" * 200, LIMITS.depth),
        ("a: &a [" + "x, " * 2000 + "]\nb: &b [" + "*a, " * 2000 + "]\n", LIMITS.values),
    ],
    ids=["size", "depth", "aliases"],
)
def test_what_is_too_much_is_refused(text: str, limit: int) -> None:
    with pytest.raises(LimitExceeded) as refused:
        read_documents(text)
    assert refused.value.details["limit"] == limit


def test_more_values_than_a_person_writes_are_read() -> None:
    text = "".join(f"---\nkind: ConfigMap\nmetadata: {{name: c{number}}}\n" for number in range(5000))
    start_s = time.process_time()
    assert len(read_documents(text)) == 5000
    assert time.process_time() - start_s < 15
