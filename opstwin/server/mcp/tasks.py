"""The Tasks extension: calls that are answered with a handle, which the client looks at until the work has ended.

What a task is, and which calls become one, is the matter of a `TaskSource`. Here are the methods, who may use them, and
that nothing reaches a client that did not ask for it.
"""

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import mcp_types as types
from mcp.server.context import HandlerResult
from mcp.server.extension import MethodBinding
from mcp.server.lowlevel import Server

from opstwin.errors import OpstwinError
from opstwin.server.mcp.tasks_listening import Listen, TaskListening
from opstwin.server.mcp.tasks_wire import (
    EXTENSION,
    Context,
    Task,
    TaskParams,
    UpdateParams,
    check_declared,
    check_named,
    declared,
    detailed,
    handle,
    refused,
    unknown,
)

Call = Callable[[types.CallToolRequestParams], Awaitable[HandlerResult]]
"""Answers a tool call as it is answered without tasks."""


class TaskSource(Protocol):
    """Where tasks come from. A task of somebody else is no task: the methods answer as for an id that never was."""

    async def begin(self, context: Context, params: types.CallToolRequestParams, call: Call) -> Task | HandlerResult:
        """A task in place of the answer, kept durably before it is returned; or the answer of `call`."""
        ...

    async def get(self, context: Context, task_id: str) -> Task | None:
        """The task as it stands now, or None."""
        ...

    async def update(self, context: Context, task_id: str, responses: Mapping[str, Any]) -> bool:
        """Take the client's answers to requests that are open, ignoring all others; False without such a task."""
        ...

    async def cancel(self, context: Context, task_id: str) -> bool:
        """Ask for the work to stop; False without such a task. A task that has ended stays as it is."""
        ...

    async def changed(self, after: int, timeout_s: float) -> int:
        """Return the number of the newest change as soon as it is above `after`, or when `timeout_s` is over."""
        ...


@dataclass(frozen=True, slots=True)
class TaskExtension:
    """Serves the tasks of `source`. Clients without tasks may not call the tools in `required` at all."""

    source: TaskSource
    required: frozenset[str] = frozenset()

    def add_to(self, server: "Server[Any]") -> None:
        """Serve the methods, and say so in what the server can do. `tools/call` must go through `intercept_call`."""
        for binding in self.handlers():
            server.add_request_handler(binding.method, binding.params_type, binding.handler)
        server.extensions[EXTENSION] = {}

    def handlers(self) -> tuple[MethodBinding, ...]:
        """The methods of the extension."""
        return (
            MethodBinding("tasks/get", TaskParams, self._get),
            MethodBinding("tasks/update", UpdateParams, self._update),
            MethodBinding("tasks/cancel", TaskParams, self._cancel),
        )

    def listening(self, inner: Listen) -> Listen:
        """`inner`, the handler of `subscriptions/listen`, telling of tasks as well (`notifications.taskIds`)."""
        return TaskListening(self.source, inner)

    async def intercept_call(self, context: Context, params: types.CallToolRequestParams, call: Call) -> HandlerResult:
        """The answer to a tool call: a task's handle where the client takes one and the source makes one."""
        if not declared(context):
            if params.name in self.required:
                check_declared(context)
            return await call(params)
        begun = await self.source.begin(context, params, call)
        return handle(begun) if isinstance(begun, Task) else begun

    async def _get(self, context: Context, params: TaskParams) -> dict[str, Any]:
        with _checked(context, params):
            task = await self.source.get(context, params.task_id)
        if task is None:
            raise unknown(params.task_id)
        return detailed(task)

    async def _update(self, context: Context, params: UpdateParams) -> dict[str, Any]:
        with _checked(context, params):
            found = await self.source.update(context, params.task_id, params.input_responses)
        if not found:
            raise unknown(params.task_id)
        return {}

    async def _cancel(self, context: Context, params: TaskParams) -> dict[str, Any]:
        with _checked(context, params):
            found = await self.source.cancel(context, params.task_id)
        if not found:
            raise unknown(params.task_id)
        return {}


@contextlib.contextmanager
def _checked(context: Context, params: TaskParams) -> Iterator[None]:
    """Refuse requests that are none of this extension, and tell errors of the hub as errors of the protocol."""
    check_declared(context)
    check_named(context, params.task_id)
    try:
        yield
    except OpstwinError as error:
        raise refused(error) from error
