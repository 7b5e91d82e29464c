"""Applying a plan as a task: it waits for the human's decision, goes on when it is there, and ends with the result.

What a client answers to a request of the task is written down, and approves nothing.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import mcp_types as types
from mcp.server.context import HandlerResult

from opstwin.errors import Conflict
from opstwin.server.mcp.asking_people import KEY
from opstwin.server.mcp.calling import APPLY, caller_of, choice_in
from opstwin.server.mcp.tasks import Call
from opstwin.server.mcp.tasks_kept import Kept, KeptTasks, new_id
from opstwin.server.mcp.tasks_standing import STOP, Standing, entry
from opstwin.server.mcp.tasks_wire import ENDED, Context, Task, TaskStatus
from opstwin.tools import guard
from opstwin.tools.registry import Registry
from opstwin.tools.services import Services
from opstwin.tools.shaping import fields_of, form_of

_TRIES: Final = 5
"""How often asking to stop is written anew when something else is written about the task at that moment."""

_ACTIONS: Final = frozenset({"accept", "decline", "cancel"})


@dataclass(frozen=True, slots=True)
class PlanTasks:
    """The `TaskSource` of a hub: a call of `plan_apply` that does not end at once is a task of the calling account.

    Tasks are found at the addresses that offer `plan_apply`, and at no others.
    """

    services: Services
    registry: Registry
    _kept: KeptTasks = field(init=False)
    _standing: Standing = field(init=False)

    def __post_init__(self) -> None:
        kept = KeptTasks(self.services.ledger)
        object.__setattr__(self, "_kept", kept)
        object.__setattr__(self, "_standing", Standing(self.services, self.registry, kept))

    async def begin(self, context: Context, params: types.CallToolRequestParams, call: Call) -> Task | HandlerResult:
        if params.name != APPLY:
            return await call(params)
        arguments = {**(params.arguments or {}), "wait_s": 0}
        answer = await call(params.model_copy(update={"arguments": arguments}))
        plan_id = arguments.get("id")
        if (isinstance(answer, types.CallToolResult) and answer.is_error) or not isinstance(plan_id, str):
            return answer
        kept = Kept(
            id=new_id(plan_id), plan_id=plan_id, owner=_owner(context), form=form_of(arguments.get("response_format")),
            fields=fields_of(arguments.get("fields")), created_at=self.services.ledger.clock.now(),
        )  # fmt: skip
        task = await self._standing.of(context, kept)
        if task.status in ENDED:
            return dict(task.result) if task.result is not None else answer
        await self._kept.write(kept)
        return task

    async def get(self, context: Context, task_id: str) -> Task | None:
        kept = await self._mine(context, task_id)
        return None if kept is None else await self._standing.of(context, kept)

    async def update(self, context: Context, task_id: str, responses: Mapping[str, Any]) -> bool:
        kept = await self._mine(context, task_id)
        if kept is None:
            return False
        task = await self._standing.of(context, kept)
        if task.status is TaskStatus.INPUT_REQUIRED and KEY in responses:
            await self._answered(context, kept, responses[KEY])
        return True

    async def cancel(self, context: Context, task_id: str) -> bool:
        kept = await self._mine(context, task_id)
        if kept is None:
            return False
        await guard.admit(self.registry[STOP], self.services, caller_of(context), {"id": kept.plan_id})
        if kept.cancelled_at is not None or kept.refusal is not None:
            return True
        plan = await self._standing.plan(kept)
        if plan.execution_id is None:
            await self._cancelled(context, kept)
            plan = await self._standing.plan(kept)
        if plan.execution_id is not None:
            await self._standing.stop(context, plan.execution_id)
        return True

    async def changed(self, after: int, timeout_s: float) -> int:
        return await self.services.ledger.store.wait(after, timeout_s)

    async def _mine(self, context: Context, task_id: str) -> Kept | None:
        if not choice_in(context).has(self.registry[APPLY]):
            return None
        kept = await self._kept.read(task_id)
        return kept if kept is not None and kept.owner == _owner(context) else None

    async def _answered(self, context: Context, kept: Kept, response: Any) -> None:
        action = response.get("action") if isinstance(response, Mapping) else None
        told = action if action in _ACTIONS else "other"
        reason = "What the client answered when asked to lead a human to the page; it approves nothing."
        answered = replace(kept, answered_at=self.services.ledger.clock.now())
        # A conflict: the same answer came twice at once.
        with contextlib.suppress(Conflict):
            await self._kept.write(answered, entry(context, kept, "task.answer", reason, {"answer": told}))

    async def _cancelled(self, context: Context, kept: Kept) -> None:
        line = entry(context, kept, "task.cancel", "The client asked to stop before anything was begun.", {})
        latest: Kept | None = kept
        for _ in range(_TRIES):
            if latest is None or latest.cancelled_at is not None or latest.refusal is not None:
                return
            with contextlib.suppress(Conflict):
                await self._kept.write(replace(latest, cancelled_at=self.services.ledger.clock.now()), line)
                return
            latest = await self._kept.read(kept.id)


def _owner(context: Context) -> str:
    return caller_of(context).principal.id
