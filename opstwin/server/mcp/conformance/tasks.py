"""The suite's tools that run as tasks, and the tasks themselves, kept in this process."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import mcp_types as types
from mcp.server.context import HandlerResult

from opstwin.clock import Clock
from opstwin.server.mcp.conformance import asking
from opstwin.server.mcp.conformance.contents import NAME_FORM, OK_FORM, failed, form, says
from opstwin.server.mcp.conformance.tools import Answer, Fixture
from opstwin.server.mcp.tasks import Call
from opstwin.server.mcp.tasks_wire import ENDED, Context, Task, TaskStatus, as_wire

TTL_MS: Final = 600_000
REQUIRED: Final = frozenset({"failing_job", "protocol_error_job", "confirm_delete", "multi_input"})
"""Tools that cannot be answered without a task."""

Params = types.CallToolRequestParams


class ProtocolFault(Exception):
    """Work that ends in a fault of the protocol."""


@dataclass(slots=True)
class Running:
    """A task with the work behind it and the answers that came for it."""

    task: Task
    owner: str
    answers: dict[str, Any] = field(default_factory=dict)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    work: "asyncio.Task[None] | None" = None


Work = Callable[["RunningTasks", Running, Params], Awaitable[types.CallToolResult]]


@dataclass(slots=True)
class RunningTasks:
    """A `TaskSource` of the fixtures' work."""

    clock: Clock
    _all: dict[str, Running] = field(default_factory=dict)
    _changes: int = 0
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def begin(self, context: Context, params: Params, call: Call) -> Task | HandlerResult:
        work = _WORK.get(params.name)
        if work is None or (params.name == "test_tool_with_task" and _name_in(params) is None):
            return await call(params)
        now = self.clock.now()
        task = Task(
            id=f"task_{secrets.token_hex(16)}", status=TaskStatus.WORKING, created_at=now, updated_at=now,
            ttl_ms=TTL_MS, poll_ms=200,
        )  # fmt: skip
        running = self._all[task.id] = Running(task, _owner(context))
        running.work = asyncio.create_task(self._run(work, running, params))
        return task

    async def get(self, context: Context, task_id: str) -> Task | None:
        running = self._mine(context, task_id)
        return running.task if running else None

    async def update(self, context: Context, task_id: str, responses: Mapping[str, Any]) -> bool:
        running = self._mine(context, task_id)
        if running is None:
            return False
        open_keys = running.task.input_requests.keys()
        running.answers |= {key: given for key, given in responses.items() if key in open_keys}
        rest = {key: value for key, value in running.task.input_requests.items() if key not in running.answers}
        if running.task.status is TaskStatus.INPUT_REQUIRED:
            status = TaskStatus.INPUT_REQUIRED if rest else TaskStatus.WORKING
            await self._move(running, status=status, input_requests=rest)
            if not rest:
                running.answered.set()
        return True

    async def cancel(self, context: Context, task_id: str) -> bool:
        running = self._mine(context, task_id)
        if running is None:
            return False
        if running.task.status not in ENDED:
            await self._move(running, status=TaskStatus.CANCELLED, message="Stopped when asked to.")
            if running.work is not None:
                running.work.cancel()
        return True

    async def changed(self, after: int, timeout_s: float) -> int:
        try:
            async with asyncio.timeout(timeout_s), self._moved:
                await self._moved.wait_for(lambda: self._changes > after)
        except TimeoutError:
            pass
        return self._changes

    async def close(self) -> None:
        """Stop all work."""
        left = [item.work for item in self._all.values() if item.work is not None]
        for work in left:
            work.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def ask(self, running: Running, requests: types.InputRequests) -> Mapping[str, Any]:
        """The client's answers to all of these."""
        shown = {key: as_wire(request) for key, request in requests.items()}
        await self._move(running, status=TaskStatus.INPUT_REQUIRED, input_requests=shown)
        await running.answered.wait()
        return running.answers

    async def _run(self, work: Work, running: Running, params: Params) -> None:
        try:
            result = as_wire(await work(self, running, params))
        except ProtocolFault as fault:
            error = {"code": types.INTERNAL_ERROR, "message": str(fault)}
            await self._move(running, status=TaskStatus.FAILED, error=error, message=str(fault))
        else:
            await self._move(running, status=TaskStatus.COMPLETED, result=result)

    async def _move(self, running: Running, **changes: Any) -> None:
        if running.task.status in ENDED:
            return
        running.task = replace(running.task, updated_at=self.clock.now(), **changes)
        async with self._moved:
            self._changes += 1
            self._moved.notify_all()

    def _mine(self, context: Context, task_id: str) -> Running | None:
        running = self._all.get(task_id)
        return running if running is not None and running.owner == _owner(context) else None


async def _compute(_tasks: RunningTasks, _running: Running, params: Params) -> types.CallToolResult:
    await asyncio.sleep(float((params.arguments or {}).get("seconds", 0)))
    return says(f"Computed {(params.arguments or {}).get('label', '')}")


async def _fail(_tasks: RunningTasks, _running: Running, _params: Params) -> types.CallToolResult:
    return failed("The job failed, as it always does.")


async def _fault(_tasks: RunningTasks, _running: Running, _params: Params) -> types.CallToolResult:
    raise ProtocolFault("The job broke the protocol, as it always does.")


async def _confirm(tasks: RunningTasks, running: Running, params: Params) -> types.CallToolResult:
    name = (params.arguments or {}).get("filename", "")
    answers = await tasks.ask(running, {"confirm": form(f"Delete {name}?", OK_FORM)})
    return says(f"{answers['confirm'].get('action')}: {name}")


async def _two(tasks: RunningTasks, running: Running, _params: Params) -> types.CallToolResult:
    both: types.InputRequests = {
        "first": form("Who are you?", NAME_FORM),
        "second": form("Who is with you?", NAME_FORM),
    }
    answers = await tasks.ask(running, both)
    return says(f"{len(answers)} answers")


async def _greet_later(_tasks: RunningTasks, _running: Running, params: Params) -> types.CallToolResult:
    return says(f"Hello, {_name_in(params)}!")


_WORK: Final[Mapping[str, Work]] = {
    "slow_compute": _compute,
    "failing_job": _fail,
    "protocol_error_job": _fault,
    "confirm_delete": _confirm,
    "multi_input": _two,
    "test_tool_with_task": _greet_later,
}


async def _greet(_context: Context, params: Params) -> Answer:
    return says(f"Hello, {(params.arguments or {}).get('name', 'you')}!")


async def _compute_at_once(_context: Context, params: Params) -> Answer:
    return says(f"Computed {(params.arguments or {}).get('label', '')}")


async def _asks_first(_context: Context, _params: Params) -> Answer:
    return asking.need({"user_name": form("What is your name?", NAME_FORM)}, "asked-for-a-name")


def task_fixtures() -> dict[str, Fixture]:
    """The tools that can run as tasks, as they answer without one, and a tool that never does."""
    plain = {name: Fixture(_compute_at_once) for name in REQUIRED}
    return {
        "greet": Fixture(_greet),
        "slow_compute": Fixture(_compute_at_once),
        "test_tool_with_task": Fixture(_asks_first),
        **plain,
    }


def _name_in(params: Params) -> str | None:
    given = asking.answer_to(params, "user_name")
    return str(given.get("name")) if given else None


def _owner(context: Context) -> str:
    return str(context.request.state.caller.principal.id) if context.request is not None else ""
