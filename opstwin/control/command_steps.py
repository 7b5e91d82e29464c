"""A command as a step of an execution: done once, never tried again, with all that it said in the journal's rows."""

from opstwin.control.journal import Journal
from opstwin.control.running import Attempt, Effect, as_refusal, outcome_unknown
from opstwin.domain.command import Command
from opstwin.domain.execution import Step, StepState
from opstwin.errors import OpstwinError


async def run_command(journal: Journal, step: Step, command: Command, effect: Effect) -> None:
    """Run the command of an intended step and settle the step. Raises what ends the execution when it failed."""
    attempt = Attempt(
        ledger=journal.ledger, resource=step.change.resource, command=command, actor=journal.actor,
        execution=journal.execution, veil=journal.veil,
    )  # fmt: skip
    try:
        ran = await attempt.or_stopped(effect)
    except OpstwinError as failure:
        refusal = as_refusal(failure)
        await journal.settle(step, StepState.FAILED, refusal, [attempt.failed(failure)])
        raise refusal from failure
    error = ran.failure()
    await journal.settle(step, StepState.FAILED if error else StepState.DONE, error, [await attempt.finished(ran)])
    if error is not None:
        raise error


async def not_again(journal: Journal, step: Step) -> Step:
    """A step that a worker was about to do when it died, to be done now.

    A command is not: nothing shows whether it ran. Its step is settled as failed, and `Timeout` is raised.
    """
    command = step.change.command
    if command is None:
        return step
    unknown = outcome_unknown(command)
    await journal.settle(step, StepState.FAILED, unknown)
    raise unknown
