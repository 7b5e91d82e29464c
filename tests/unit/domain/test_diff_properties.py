"""The difference between two specs, made, gives the second: for all JSON."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.domain.diff import FieldOp, apply, diff, same
from opstwin.domain.values import Json
from tests.unit.domain.strategies import json_values, specs

named: st.SearchStrategy[list[Json]] = st.lists(
    st.builds(lambda name, rest: {**rest, "name": name}, st.sampled_from(["web", "db", ""]), specs), max_size=3
)
specs = st.one_of(specs, st.dictionaries(st.sampled_from(["containers", "env"]), named, max_size=2))
maybe = st.none() | specs
often = settings(deadline=None, max_examples=150)


@often
@given(maybe, maybe)
def test_diff_then_apply_gives_what_is_wanted(before: dict[str, Json] | None, after: dict[str, Json] | None) -> None:
    made = apply(before, diff(before, after))
    assert same(dict(made), after or {})


@often
@given(maybe)
def test_what_is_equal_has_no_difference(spec: dict[str, Json] | None) -> None:
    assert diff(spec, copy.deepcopy(spec)) == ()


@often
@given(maybe, maybe)
def test_there_is_a_difference_exactly_where_the_two_are_not_the_same(
    before: dict[str, Json] | None, after: dict[str, Json] | None
) -> None:
    assert bool(diff(before, after)) is not same(before or {}, after or {})


@often
@given(specs, specs)
def test_neither_input_is_touched(before: dict[str, Json], after: dict[str, Json]) -> None:
    kept = copy.deepcopy((before, after))
    apply(before, diff(before, after))
    assert (before, after) == kept


@often
@given(specs, specs)
def test_every_field_of_a_difference_names_what_was_and_what_will_be(
    before: dict[str, Json], after: dict[str, Json]
) -> None:
    for change in diff(before, after):
        was, found = at(before, change.path)
        will, wanted = at(after, change.path)
        assert (found, wanted) == (change.op is not FieldOp.ADD, change.op is not FieldOp.REMOVE)
        assert not found or same(was, change.before)
        assert not wanted or same(will, change.after)


@often
@given(specs, specs)
def test_a_difference_backwards_undoes_the_one_forwards(before: dict[str, Json], after: dict[str, Json]) -> None:
    there = apply(before, diff(before, after))
    assert same(dict(apply(there, diff(there, before))), before)


@often
@given(json_values, json_values, json_values)
def test_being_the_same_is_an_equivalence(one: Json, two: Json, three: Json) -> None:
    assert same(one, one)
    assert same(one, two) is same(two, one)
    assert not (same(one, two) and same(two, three)) or same(one, three)


def test_true_is_not_one_at_any_depth() -> None:
    assert diff({"a": [{"b": True}]}, {"a": [{"b": 1}]})
    assert diff({"a": False}, {"a": 0})
    assert not diff({"a": 1}, {"a": 1.0})


def test_a_list_is_compared_whole_because_its_order_means_something() -> None:
    (change,) = diff({"command": ["a", "b"]}, {"command": ["b", "a"]})
    assert (change.path, change.op) == (("command",), FieldOp.CHANGE)


def test_the_containers_of_a_pod_are_compared_name_by_name() -> None:
    before: dict[str, Json] = {"containers": [{"name": "web", "image": "app:1"}, {"name": "log", "image": "log:1"}]}
    after: dict[str, Json] = {"containers": [{"name": "web", "image": "app:2"}, {"name": "log", "image": "log:1"}]}
    (change,) = diff(before, after)
    assert (change.path, change.before, change.after) == (("containers", "web", "image"), "app:1", "app:2")


def test_named_elements_in_another_order_are_another_list() -> None:
    (change,) = diff({"env": [{"name": "A"}, {"name": "B"}]}, {"env": [{"name": "B"}, {"name": "A"}]})
    assert change.path == ("env",)


def test_a_key_that_holds_nothing_is_not_a_missing_key() -> None:
    assert diff({"a": None}, {})
    assert diff({}, {"a": None})
    assert diff({"a": {}}, {"a": None})


def at(spec: Json, path: tuple[str, ...]) -> tuple[Json, bool]:
    """What is at a path, and whether anything is."""
    for key in path:
        if isinstance(spec, list):
            spec = {str(item["name"]): item for item in spec if isinstance(item, dict) and "name" in item}
        if not isinstance(spec, dict) or key not in spec:
            return None, False
        spec = spec[key]
    return spec, True
