"""One value has one text, and one digest."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings

from opstwin.domain.access import Scope
from opstwin.domain.diff import same
from opstwin.domain.values import Json, canonical, digest_of, to_json
from tests.unit.domain.strategies import json_values


@settings(deadline=None, max_examples=150)
@given(json_values)
def test_the_canonical_text_reads_back_as_the_value(value: Json) -> None:
    import json

    assert same(json.loads(canonical(value)), value)
    assert canonical(json.loads(canonical(value))) == canonical(value)


@settings(deadline=None, max_examples=150)
@given(json_values, json_values)
def test_different_values_have_different_digests(one: Json, other: Json) -> None:
    if digest_of(one) == digest_of(other):
        assert same(one, other)


def test_the_order_of_keys_is_not_part_of_a_value() -> None:
    assert digest_of({"a": 1, "b": {"c": 2, "d": 3}}) == digest_of({"b": {"d": 3, "c": 2}, "a": 1})


def test_half_a_character_has_a_digest_too() -> None:
    assert digest_of("\ud800") != digest_of("\ud801") != digest_of("?")


def test_a_set_has_one_text_in_every_process() -> None:
    """The order in which Python walks a set of texts differs from process to process."""
    program = (
        "from opstwin.domain.access import Scope\nfrom opstwin.domain.values import canonical, to_json\n"
        "print(canonical(to_json(frozenset(Scope))))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": str(seed)},
        ).stdout.strip()
        for seed in (1, 2, 3)
    }
    assert texts == {canonical(sorted(scope.value for scope in Scope))}


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, 1j])
def test_what_has_no_one_json_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        to_json(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_have_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical(value)


def test_a_moment_is_written_with_its_time_zone() -> None:
    assert to_json(datetime(2026, 1, 5, 9, tzinfo=UTC)) == "2026-01-05T09:00:00+00:00"
