"""Tasks as the extension `io.modelcontextprotocol/tasks` (SEP-2663) writes them: shapes, parameters and refusals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Literal

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from opstwin.errors import OpstwinError, RequestError
from opstwin.server.mcp.refusals import told

Context = ServerRequestContext[Any, Any]

EXTENSION: Final = "io.modelcontextprotocol/tasks"
MAX_ID: Final = 200
"""Characters of a task id that are looked at."""

MAX_LISTENED: Final = 20
"""Tasks that one stream may tell of."""


class TaskStatus(StrEnum):
    """What a task is at. `failed` is for protocol errors alone: a tool that failed has completed, with `isError`."""

    WORKING = "working"
    INPUT_REQUIRED = "input_required"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task as it stands. `input_requests`, `result` and `error` belong to the status of their name, and to no other.

    `ttl_ms`: milliseconds after `created_at` for which it can be asked for; None: without an end. `poll_ms`: how long a
    client should wait between two looks.
    """

    id: str
    status: TaskStatus
    created_at: datetime
    updated_at: datetime
    message: str = ""
    ttl_ms: int | None = None
    poll_ms: int = 1000
    input_requests: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None


class TaskParams(types.RequestParams):
    """What `tasks/get` and `tasks/cancel` name."""

    task_id: str


class UpdateParams(TaskParams):
    """What `tasks/update` brings: answers by the keys of the requests."""

    input_responses: dict[str, Any]


class TaskNotification(types.Notification[dict[str, Any], Literal["notifications/tasks"]]):
    """A task that changed, told on a `subscriptions/listen` stream."""

    method: Literal["notifications/tasks"] = "notifications/tasks"


def handle(task: Task) -> dict[str, Any]:
    """A task in place of the result of a call (`CreateTaskResult`)."""
    return {"resultType": "task", **_common(task)}


def detailed(task: Task) -> dict[str, Any]:
    """A task with what its status brings (`DetailedTask`)."""
    shown = _common(task)
    if task.status is TaskStatus.INPUT_REQUIRED:
        shown["inputRequests"] = dict(task.input_requests)
    elif task.status is TaskStatus.COMPLETED:
        shown["result"] = dict(task.result or {})
    elif task.status is TaskStatus.FAILED:
        shown["error"] = dict(task.error or {})
    return shown


def as_wire(value: types.Result | types.Request[Any, Any]) -> dict[str, Any]:
    """A result or a request of the protocol as JSON."""
    return value.model_dump(by_alias=True, mode="json", exclude_none=True)


def is_modern(context: Context) -> bool:
    """Whether the call speaks a revision that extensions exist in."""
    return context.protocol_version in MODERN_PROTOCOL_VERSIONS


def declared(context: Context) -> bool:
    """Whether the client says, with this very request, that it can handle tasks."""
    capabilities = context.session.client_capabilities
    return is_modern(context) and capabilities is not None and EXTENSION in (capabilities.extensions or {})


def check_declared(context: Context) -> None:
    """Refuse (-32021) a client that does not say that it can handle tasks; on older revisions there is no method."""
    if not is_modern(context):
        raise MCPError(code=types.METHOD_NOT_FOUND, message="Method not found", data=context.method)
    if not declared(context):
        raise MCPError(
            code=types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="This needs a client that handles tasks.",
            data={"requiredCapabilities": {"extensions": {EXTENSION: {}}}},
        )


def check_named(context: Context, task_id: str) -> None:
    """Refuse (-32020) an HTTP request whose `Mcp-Name` is not the id in its body: others may have routed by it."""
    if context.request is None:
        return
    if decode_header_value(context.request.headers.get(MCP_NAME_HEADER)) != task_id:
        raise MCPError(
            code=types.HEADER_MISMATCH, message=f"{MCP_NAME_HEADER} header does not match the request body's taskId"
        )


def unknown(task_id: str) -> MCPError:
    """The one answer to ids that never were, are over, or are somebody else's."""
    return MCPError(
        code=types.INVALID_PARAMS, message=f"There is no task {task_id[:MAX_ID]!r}; call the tool again to start one."
    )


def refused(error: OpstwinError) -> MCPError:
    """An error of the hub as one of the protocol: -32602 where the caller must change something, else -32603."""
    data, text = told(error)
    mine = isinstance(error, RequestError)
    return MCPError(code=types.INVALID_PARAMS if mine else types.INTERNAL_ERROR, message=text, data=data["error"])


def _common(task: Task) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "taskId": task.id,
        "status": task.status.value,
        "createdAt": _moment(task.created_at),
        "lastUpdatedAt": _moment(task.updated_at),
        "ttlMs": task.ttl_ms,
        "pollIntervalMs": task.poll_ms,
    }
    return {**shown, "statusMessage": task.message} if task.message else shown


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
