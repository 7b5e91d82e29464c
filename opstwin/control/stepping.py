"""Which steps of an execution are next, as its journal says."""

from opstwin.control.journal import Journal
from opstwin.domain.execution import Phase, Step, StepState
from opstwin.domain.values import ResourceId
from opstwin.errors import Rejected


def ready_steps(journal: Journal) -> list[Step]:
    """The forward steps that wait for no other one."""
    forward = journal.of(Phase.FORWARD)
    open_resources = {step.change.resource for step in forward if step.state is not StepState.DONE}
    waiting = (StepState.PENDING, StepState.INTENDED)
    return [step for step in forward if step.state in waiting and not open_resources & set(step.change.needs)]


def others_wait_for(journal: Journal, resource: ResourceId) -> bool:
    """Whether a forward step needs this resource to be done."""
    return any(resource in step.change.needs for step in journal.of(Phase.FORWARD))


def failed_before(journal: Journal, phase: Phase) -> list[Rejected]:
    """Failures that a worker wrote down before it died and could act on them."""
    failed = [step for step in journal.of(phase) if step.state is StepState.FAILED]
    return [Rejected(str((step.error or {}).get("message", "A step failed."))) for step in failed]
