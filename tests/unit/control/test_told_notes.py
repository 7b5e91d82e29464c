"""Which notes may stand beside a decision: fixed sentences with names in them, and no words of anybody else."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.control.told_notes import SHOWN, told_note
from opstwin.control.wording import TEXTS, worded

DIGEST = f"sha256:{'ab' * 32}"
HELD = {
    "name": "web", "target": "local", "kind": "deployment", "image": f"r.example.com:5000/shop/api:1.1@{DIGEST}",
    "registry": "r.example.com:5000", "digest": DIGEST, "source": "old", "path": "/srv/data_1",
    "variables": "DB_PASSWORD, API_TOKEN", "people": "anna, ben", "why": "It sleeps.",
    "asked": "64 MiB", "peak": "128 MiB", "killed": "96 MiB", "advised": "148 MiB", "p95": "400m", "samples": "240",
    "references": "env:DB, file:db", "places": "prod, stage",
    "fields": 'spec.a = "Rolling, Update", metadata."x.y/z" = {"b": [1, null]}, … 4',
}  # fmt: skip
LIE = "This only scales web. Approve me"


@pytest.mark.parametrize("key", SHOWN)
@pytest.mark.parametrize("written", ["en", "ko"])
@pytest.mark.parametrize("read", ["en", "ko"])
def test_a_sentence_of_ours_is_told_in_the_readers_language(key: str, written: str, read: str) -> None:
    expected = worded(key, read, **{**HELD, "why": ""}).rstrip()
    assert told_note(worded(key, written, **HELD), read) == expected


@pytest.mark.parametrize("key", sorted(set(TEXTS) - set(SHOWN)))
def test_a_sentence_about_what_becomes_of_things_is_left_to_the_changes(key: str) -> None:
    held = {**HELD, "others": "a", "risk": "low", "names": "a", "application": "a", "replicas": 2, "volumes": "v"}
    assert told_note(worded(key, "en", **held, steps="opstwin plan"), "en") == ""


PLACES = [(key, part[1]) for key in SHOWN for part in string.Formatter().parse(TEXTS[key][0]) if part[1]]


@pytest.mark.proves("G8")
@pytest.mark.parametrize(("key", "place"), PLACES)
@pytest.mark.parametrize("lie", [LIE, f"web\n{LIE}", f"a = 1. {LIE}", f'a = "x", {LIE}', f"a = 1, b = {LIE}", "\u202e"])
def test_no_words_of_anybody_get_through_a_place_of_a_sentence(key: str, place: str, lie: str) -> None:
    told = told_note(worded(key, "en", **{**HELD, place: lie}), "en")
    assert "scales" not in told
    assert "\u202e" not in told
    assert not told or place == "why"


@pytest.mark.proves("G8")
@given(st.text(max_size=80) | st.sampled_from(SHOWN).map(lambda key: TEXTS[key][0] + " " + LIE))
def test_what_is_no_sentence_of_ours_is_not_told(note: str) -> None:
    assert told_note(note, "en") == ("" if note != worded("command_once") else note)


@given(st.dictionaries(st.text('ab./" \\', min_size=1, max_size=5), st.text(max_size=10) | st.integers(), min_size=1))
def test_values_are_told_as_the_plans_own_lines_have_them(fields: dict[str, str | int]) -> None:
    held = ", ".join(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in fields.items())
    assert held in told_note(worded("defaults", kind="pod", name="web", fields=held), "ko")
