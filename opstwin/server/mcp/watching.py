"""Waiting for an execution inside a call: progress to the client, and a way out before anything was done."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from opstwin.domain.execution import FINISHED, ExecutionState, StepState
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.values import Json
from opstwin.errors import Conflict, InvalidInput
from opstwin.tools.compacting import MAX_WAIT_S
from opstwin.tools.services import Services

DEFAULT_WAIT_S: Final = 20
_LOOK_S: Final = 5.0

Look = Callable[[], Awaitable[dict[str, Any]]]
Report = Callable[[float, float, str], Awaitable[None]]
_OVER: Final = frozenset(item.value for item in FINISHED)


def wait_of(value: Json, default: int) -> int:
    """`wait_s` as given. Raises `InvalidInput`."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_WAIT_S:
        raise InvalidInput(
            f"wait_s is not a whole number from 0 to {MAX_WAIT_S}.", field="wait_s", next_step="Leave it out."
        )
    return value


async def ended(
    services: Services, execution: dict[str, Any], look: Look, report: Report, wait_s: int
) -> dict[str, Any]:
    """The execution when it has ended, or as it is after `wait_s` seconds.

    Progress is reported as often as there is some: the protocol wants every value to be above the one before.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    newest, reported = 0, -1.0
    while True:
        progress = _progress(execution)
        if progress[0] > reported:
            reported = progress[0]
            await report(*progress)
        left = until - loop.time()
        if execution["state"] in _OVER or left <= 0:
            return execution
        newest = await services.ledger.store.wait(newest, min(_LOOK_S, left))
        execution = await look()


async def decided(services: Services, plan_id: str, wait_s: int) -> bool:
    """Whether people decided on a plan within `wait_s` seconds."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    newest = 0
    while True:
        plan = await services.ledger.get(Plan, plan_id)
        if plan is None or plan.state is not PlanState.PENDING:
            return True
        left = until - loop.time()
        if left <= 0:
            return False
        newest = await services.ledger.store.wait(newest, min(_LOOK_S, left))


async def stopped_before_effect(execution: Mapping[str, Any], look: Look, cancel: Callable[[], Awaitable[Any]]) -> bool:
    """Stop an execution whose caller went away, unless a step was begun; what was begun goes on. Returns whether."""
    now = await look()
    begun = any(step["state"] != StepState.PENDING.value for step in now["steps"])
    if begun or now["state"] in _OVER or now["id"] != execution["id"]:
        return False
    try:
        await cancel()
    except Conflict:
        return False
    return True


def _progress(execution: Mapping[str, Any]) -> tuple[float, float, str]:
    """How far it is: a step that was begun counts half, and so does verifying."""
    steps, state = execution["steps"], execution["state"]
    over = [step for step in steps if step["state"] not in (StepState.PENDING.value, StepState.INTENDED.value)]
    begun = sum(step["state"] == StepState.INTENDED.value for step in steps)
    total = len(steps) + 1
    done = total if state in _OVER else len(over) + (begun + (state == ExecutionState.VERIFYING.value)) / 2
    return float(done), float(total), f"{state.replace('_', ' ')}: {len(over)} of {len(steps)} steps"
