"""What a roll-back has to do, and whether it may."""

from collections.abc import Sequence
from dataclasses import replace

from opstwin.domain.execution import Phase, Step, StepState, step_id, step_key
from opstwin.domain.plan import loses_data

_TOUCHED = (StepState.INTENDED, StepState.DONE, StepState.FAILED)
"""States of a step whose effect may have happened, wholly or in part."""


def beyond_undoing(forward: Sequence[Step]) -> list[Step]:
    """The steps that may have removed data which no inverse brings back."""
    return [step for step in forward if step.state in _TOUCHED and loses_data(step.change)]


def back_steps(forward: Sequence[Step]) -> list[Step]:
    """The journal of the roll-back: the stored inverses of everything touched, last step first."""
    touched = [step for step in reversed(forward) if step.state in _TOUCHED and step.inverse is not None]
    first = max((step.index for step in forward), default=-1) + 1
    return [_undoing(step, first + place) for place, step in enumerate(touched)]


def _undoing(step: Step, index: int) -> Step:
    assert step.inverse is not None
    execution = step.execution_id
    return Step(
        id=step_id(execution, index), execution_id=execution, index=index, phase=Phase.BACK,
        change=replace(step.inverse, needs=()), key=step_key(execution, index), undoes=step.key,
    )  # fmt: skip
