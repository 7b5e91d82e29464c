"""What a roll-back has to do, and whether it may."""

from collections.abc import Sequence
from dataclasses import replace

from opstwin.control.verifying import differences
from opstwin.domain.execution import Phase, Step, StepState, step_id, step_key
from opstwin.domain.plan import Op, loses_data
from opstwin.domain.resource import Presence
from opstwin.errors import OpstwinError, Rejected
from opstwin.targets.ports import Renderer, Sighting

_TOUCHED = (StepState.INTENDED, StepState.DONE, StepState.FAILED)
"""States of a step whose effect may have happened, wholly or in part."""


def beyond_undoing(forward: Sequence[Step]) -> list[Step]:
    """The steps that may have removed data which no inverse brings back, or run a command."""
    return [step for step in forward if step.state in _TOUCHED and (loses_data(step.change) or step.change.command)]


def no_way_back(failure: OpstwinError, lost: Sequence[Step]) -> Rejected:
    """The error for a failure after which going back is no choice."""
    if any(step.change.command for step in lost):
        return Rejected(f"{failure.message} Nothing was undone: what a command did is not known.",
                        next_step=failure.next_step or "Look at the resource, then decide by hand.")  # fmt: skip
    names = ", ".join(step.change.name for step in lost)
    return Rejected(
        f"{failure.message} Going back is not possible without losing data: {names} was already removed.",
        next_step="Decide by hand: opstwin drift shows what differs; restore the data, or plan again.",
    )


def back_steps(forward: Sequence[Step]) -> list[Step]:
    """The journal of the roll-back: the stored inverses of everything touched, last step first."""
    touched = [step for step in reversed(forward) if step.state in _TOUCHED and step.inverse is not None]
    first = max((step.index for step in forward), default=-1) + 1
    return [_undoing(step, first + place) for place, step in enumerate(touched)]


def needs_undoing(step: Step, seen: Sighting, renderer: Renderer) -> bool:
    """Whether a step of the roll-back has something to do, given what is there now.

    Nothing is to be done where the goal stands (the forward step never took effect, or this one did), and nothing is
    done to what others made meanwhile: raises `Rejected` when such a thing stands in the way of the goal.
    """
    change = step.change
    if seen.presence is Presence.ABSENT or seen.spec is None:
        return change.after is not None
    mine = seen.facts.get("step") in (step.undoes, step.key)
    if change.after is None:
        return mine
    if not differences(change.kind, seen.spec, change.after, renderer):
        return False
    as_made = change.before is not None and not differences(change.kind, seen.spec, change.before, renderer)
    if mine or as_made or (seen.managed and change.op is Op.UPDATE):
        return True
    raise Rejected(
        f"Somebody else put another {change.name} in its place.",
        next_step=f"Look at it: opstwin get {change.resource}. Then decide by hand.",
        details={"resource": change.resource},
    )


def _undoing(step: Step, index: int) -> Step:
    assert step.inverse is not None
    execution = step.execution_id
    return Step(
        id=step_id(execution, index), execution_id=execution, index=index, phase=Phase.BACK,
        change=replace(step.inverse, needs=()), key=step_key(execution, index), undoes=step.key,
    )  # fmt: skip
