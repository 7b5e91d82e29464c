"""How much of an answer an AI client gets."""

from typing import Any

import pytest

from opstwin.errors import InvalidInput
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.shaping import MAX_TEXT, Part, cut, fields_of, form_of, markdown, shaped

TOOL = REGISTRY["resources_list"]
ROWS: dict[str, Any] = {
    "summary": "2 things.", "counts": {"kind": {"a": 2}}, "exceptions": [{"id": "x", "name": "X"}],
    "items": [{"id": "y", "name": "Y"}], "next": "c", "hint": "look again",
}  # fmt: skip


def test_a_list_narrowed_to_fields_keeps_its_counts_and_its_way_on() -> None:
    data, text = shaped(TOOL, ROWS, Part("concise", "name"))
    assert data == {
        "summary": "2 things.", "counts": {"kind": {"a": 2}}, "next": "c", "hint": "look again",
        "exceptions": [{"name": "X"}], "items": [{"name": "Y"}],
    }  # fmt: skip
    assert "name=X" in text
    assert "kind: a 2" in text.splitlines()
    assert "cursor=c" in text
    assert text.index("X") < text.index("Y")


def test_one_thing_is_narrowed_to_the_fields_that_were_asked_for() -> None:
    data, _ = shaped(TOOL, {"id": "x", "state": "on", "other": 1}, Part("concise", "id,state"))
    assert data == {"id": "x", "state": "on"}


@pytest.mark.parametrize(("answer", "fields"), [(ROWS, "nosuch"), ({"id": "x"}, "id,nosuch")])
def test_a_field_that_is_not_there_is_refused_with_those_that_are(answer: dict[str, Any], fields: str) -> None:
    with pytest.raises(InvalidInput, match="nosuch") as refused:
        shaped(TOOL, answer, Part("concise", fields))
    assert "id" in refused.value.next_step


def test_the_whole_answer_is_told_as_it_is() -> None:
    data, text = shaped(TOOL, ROWS, Part("detailed"))
    assert data == ROWS
    assert '"hint":"look again"' in text


@pytest.mark.parametrize("value", [1, True, [], "long", "CONCISE", {}])
def test_a_form_that_is_neither_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput):
        form_of(value)


@pytest.mark.parametrize("value", [1, [], "", "a b", "a,", ",a", "A", "a," * 200, "__proto__;"])
def test_fields_that_are_no_list_of_names_are_refused(value: Any) -> None:
    with pytest.raises(InvalidInput):
        fields_of(value)


def test_a_long_text_is_cut_with_a_word_on_how_to_ask_for_less() -> None:
    text = cut("a" * (MAX_TEXT + 7))
    assert len(text) < MAX_TEXT + 200
    assert "7 characters more: ask for less" in text
    assert cut("short") == "short"


def test_markdown_keeps_values_on_their_lines() -> None:
    assert markdown({"summary": "s", "note": "a\n- b", "empty": None}) == "s\nnote: a - b"
