"""The inverse of a change gives back what was found, or there is none because data would be lost."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.domain.execution import FINISHED, MOVES, ExecutionState
from opstwin.domain.plan import Change, Op, inverse, loses_data
from opstwin.domain.values import Json, Spec
from tests.unit.domain.everything import change
from tests.unit.domain.strategies import specs


def made(change: Change, found: Spec | None) -> Spec | None:
    """What is there once a change was made on what was found."""
    if change.op is Op.RESTART:
        return found
    return change.after


@st.composite
def cases(draw: st.DrawFn) -> tuple[Change, Spec | None]:
    op = draw(st.sampled_from([op for op in Op if op is not Op.EXEC]))
    before = None if op is Op.CREATE else draw(specs)
    after = None if op is Op.DELETE else before if op is Op.RESTART else draw(specs)
    found = draw(st.sampled_from([before, None]) | specs)
    kind = draw(st.sampled_from(["container", "volume", "network", "deployment", "namespace"]))
    return change(op=op, before=before, after=after, kind=kind), found


@settings(deadline=None, max_examples=300)
@given(cases())
def test_a_change_and_its_inverse_leave_what_was_found(case: tuple[Change, Spec | None]) -> None:
    item, found = case
    back = inverse(item, found)
    there = made(item, found)
    if back is None:
        nothing_to_undo = there == found or (there is None and found is None)
        assert nothing_to_undo or (item.kind in ("volume", "namespace") and found is not None)
    else:
        assert made(back, there) == found
        assert back.before == item.after
        assert back.resource == item.resource
        assert (back.op is Op.DELETE) is (found is None)
        assert back.needs == ()


def test_a_command_has_no_inverse() -> None:
    for found in (None, {"image": "app:1"}):
        assert inverse(change(op=Op.EXEC, before=None, after=None), found) is None


@settings(deadline=None, max_examples=150)
@given(cases())
def test_an_inverse_never_loses_data_that_was_there_before(case: tuple[Change, Spec | None]) -> None:
    item, found = case
    back = inverse(item, found)
    if back is not None and found is not None:
        assert not loses_data(back)


@pytest.mark.parametrize("op", [Op.DELETE, Op.REPLACE])
def test_a_lost_volume_is_not_hidden_by_an_empty_one(op: Op) -> None:
    spec: dict[str, Json] = {"driver": "local"}
    item = change(op=op, kind="volume", before=spec, after=None if op is Op.DELETE else spec)
    assert loses_data(item)
    assert inverse(item, spec) is None


def test_a_volume_that_was_there_before_it_was_to_be_made_is_left_alone() -> None:
    item = change(op=Op.CREATE, kind="volume", before=None, after={"driver": "local"})
    assert inverse(item, {"driver": "local"}) is None
    undo = inverse(item, None)
    assert undo is not None
    assert undo.op is Op.DELETE


def test_a_create_that_found_something_puts_that_back() -> None:
    found: dict[str, Json] = {"image": "old:1"}
    undo = inverse(change(op=Op.CREATE, before=None), found)
    assert undo is not None
    assert (undo.op, undo.after) == (Op.REPLACE, found)


def reachable(start: ExecutionState) -> set[ExecutionState]:
    found = {start}
    while True:
        more = {after for state in found for after in MOVES[state]} - found
        if not more:
            return found
        found |= more


def test_once_rolling_back_nothing_goes_forward_again() -> None:
    forward = {ExecutionState.APPLYING, ExecutionState.VERIFYING, ExecutionState.SUCCEEDED}
    assert not reachable(ExecutionState.ROLLING_BACK) & forward
    assert reachable(ExecutionState.ROLLING_BACK) == {
        ExecutionState.ROLLING_BACK, ExecutionState.ROLLED_BACK, ExecutionState.NEEDS_HUMAN
    }  # fmt: skip


def test_every_state_has_its_moves_and_what_is_finished_stays_so() -> None:
    assert set(MOVES) == set(ExecutionState)
    for state in ExecutionState:
        assert (not MOVES[state]) is (state in FINISHED)
        assert reachable(state) & FINISHED, "every execution can come to an end"
        assert state not in MOVES[state]


def test_nothing_succeeds_without_being_verified() -> None:
    before = {state for state in ExecutionState if ExecutionState.SUCCEEDED in MOVES[state]}
    assert before == {ExecutionState.VERIFYING}


def test_nothing_counts_as_rolled_back_that_was_not_rolling_back() -> None:
    before = {state for state in ExecutionState if ExecutionState.ROLLED_BACK in MOVES[state]}
    assert before == {ExecutionState.ROLLING_BACK}


def test_only_states_that_follow_each_other_do() -> None:
    moves = sum(len(MOVES[state]) for state in ExecutionState)
    assert moves == len([pair for pair in itertools.permutations(ExecutionState, 2) if pair[1] in MOVES[pair[0]]]) == 8


def test_an_inverse_says_that_it_is_one() -> None:
    undo = inverse(replace(change(), reasons=("because",)), {"image": "app:1"})
    assert undo is not None
    assert undo.reasons == ("undoes a failed change",)
