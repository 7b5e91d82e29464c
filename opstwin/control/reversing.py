"""What a roll-back has to do, and whether it may."""

from collections.abc import Sequence
from dataclasses import replace

from opstwin.control.building import uses
from opstwin.control.journal import Journal
from opstwin.control.verifying import differences
from opstwin.domain.execution import Phase, Step, StepState, step_id, step_key
from opstwin.domain.kinds import runs
from opstwin.domain.plan import Op, loses_data
from opstwin.domain.resource import Presence
from opstwin.errors import OpstwinError, Rejected, Unverified
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


def keeps_data(step: Step, forward: Sequence[Step]) -> bool:
    """Whether a step of the roll-back would remove a volume into which what the execution started may have written.

    Which pods mount a claim is not looked up: any of its namespace may.
    """
    change = step.change
    if change.after is not None:
        return False
    started = [item.change for item in forward if _may_have_run(item)]
    if change.kind == "persistentvolumeclaim":
        return any(_namespace(item.name) == _namespace(change.name) for item in started)
    return change.kind == "volume" and any((change.kind, change.name) in uses(item.after) for item in started)


def _namespace(name: str) -> str:
    return name.rpartition("/")[0]


def _may_have_run(step: Step) -> bool:
    """Whether a step may have started what it makes; what a target refused to do, it did not do."""
    refused = step.state is StepState.FAILED and (step.error or {}).get("code") == Rejected.code
    return step.state in _TOUCHED and not refused and runs(step.change.kind)


def what_is_kept(journal: Journal) -> Unverified | None:
    """What a person must know of a roll-back that left data where it is; else None."""
    skipped = [step for step in journal.of(Phase.BACK) if step.state is StepState.SKIPPED]
    kept = [step.change.name for step in skipped if keeps_data(step, journal.of(Phase.FORWARD))]
    if not kept:
        return None
    failed = str((journal.execution.error or {}).get("message", ""))
    return Unverified(
        f"{failed} Volume {', '.join(kept)} stays: something may have been written there.",
        next_step="Mend the cause and plan again: it is used then. Or remove it by hand.",
    )


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
