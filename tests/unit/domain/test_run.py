"""How far a run is."""

import pytest

from opstwin.domain.run import DRAFTED, Stage, StageName, StageState, all_stages, status_of


def stages(*states: StageState) -> tuple[Stage, ...]:
    return all_stages([Stage(name=name, status=state) for name, state in zip(StageName, states, strict=False)])


@pytest.mark.parametrize(
    ("known", "whole"),
    [
        ((), StageState.PENDING),
        ((StageState.DONE, StageState.RUNNING), StageState.RUNNING),
        ((StageState.DONE,) * 5 + (StageState.WAITING,), StageState.WAITING),
        ((StageState.DONE,) * 6 + (StageState.FAILED, StageState.FAILED, StageState.DONE), StageState.FAILED),
        ((StageState.DONE,) * 9, StageState.DONE),
    ],
)
def test_a_run_is_as_far_as_its_first_unfinished_stage_and_failed_where_one_failed(
    known: tuple[StageState, ...], whole: StageState
) -> None:
    assert status_of(stages(*known)) is whole


def test_a_run_always_has_its_nine_stages_in_order() -> None:
    assert [stage.name for stage in all_stages([])] == list(StageName)
    assert list(StageName)[: len(DRAFTED)] == list(DRAFTED)
