"""Dependency order: what is needed comes first, one input has one order, a circle is named."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.domain.ordering import in_order
from opstwin.errors import InvalidInput

names = st.sampled_from([f"n{number}" for number in range(8)])
graphs = st.dictionaries(names, st.lists(names | st.just("elsewhere"), max_size=4), max_size=8)


@st.composite
def acyclic(draw: st.DrawFn) -> dict[str, list[str]]:
    """Each needs only what stands before it in some order."""
    order = draw(st.permutations([f"n{number}" for number in range(7)]))
    return {
        name: draw(st.lists(st.sampled_from([*order[:place], "elsewhere"]), max_size=4))
        for place, name in enumerate(order)
    }


@settings(deadline=None, max_examples=150)
@given(acyclic())
def test_everything_comes_after_what_it_needs_and_nothing_is_lost(needs: dict[str, list[str]]) -> None:
    order = in_order(needs)
    assert sorted(order) == sorted(needs)
    place = {name: number for number, name in enumerate(order)}
    for name, wanted in needs.items():
        assert all(place[need] < place[name] for need in wanted if need in needs)


@settings(deadline=None, max_examples=100)
@given(acyclic(), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_how_the_input_is_written(
    needs: dict[str, list[str]], seed: random.Random
) -> None:
    items = [(name, seed.sample(wanted, len(wanted))) for name, wanted in needs.items()]
    seed.shuffle(items)
    assert in_order(dict(items)) == in_order(needs)


@settings(deadline=None, max_examples=200)
@given(graphs)
def test_a_circle_is_refused_and_named_as_it_runs(needs: dict[str, list[str]]) -> None:
    if not has_circle(needs):
        assert sorted(in_order(needs)) == sorted(needs)
        return
    with pytest.raises(InvalidInput) as caught:
        in_order(needs)
    cycle = caught.value.details["cycle"]
    assert isinstance(cycle, list)
    assert cycle[0] == cycle[-1]
    assert len(cycle) > 1
    assert all(following in needs[name] for name, following in pairwise(cycle))
    assert " → ".join(cycle) in caught.value.message
    assert caught.value.field == "needs"


def has_circle(needs: dict[str, list[str]]) -> bool:
    left = {name: {need for need in wanted if need in needs} for name, wanted in needs.items()}
    while True:
        free = {name for name, wanted in left.items() if not wanted & left.keys()}
        if not free:
            return bool(left)
        left = {name: wanted for name, wanted in left.items() if name not in free}


def test_ties_are_broken_by_name() -> None:
    assert in_order({"b": [], "a": [], "c": ["b"]}) == ("a", "b", "c")


def test_what_needs_itself_is_a_circle() -> None:
    with pytest.raises(InvalidInput, match="a → a"):
        in_order({"a": ["a"]})
