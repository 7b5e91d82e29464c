"""Telling of tasks on a `subscriptions/listen` stream, beside whatever else the stream tells of."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, cast

import anyio
import mcp_types as types
from mcp.server.session import ServerSession
from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY

from opstwin.errors import OpstwinError
from opstwin.logs import logger
from opstwin.server.mcp.tasks_wire import (
    ENDED,
    MAX_LISTENED,
    Context,
    Task,
    TaskNotification,
    check_declared,
    detailed,
    refused,
)

Listen = Callable[[Context, types.SubscriptionsListenRequestParams], Awaitable[types.SubscriptionsListenResult]]

_KEY: Final = "taskIds"
_LOOK_S: Final = 5.0
"""How often tasks are looked at when nothing told that they changed."""

_AGAIN_S: Final = 1.0
"""Between two tries while the twin is away."""


class Looking(Protocol):
    """The part of a task source that a stream needs."""

    async def get(self, context: Context, task_id: str) -> Task | None:
        """The task as it stands now, or None."""
        ...

    async def changed(self, after: int, timeout_s: float) -> int:
        """Return the number of the newest change as soon as it is above `after`, or when `timeout_s` is over."""
        ...


@dataclass(frozen=True, slots=True)
class TaskListening:
    """Serves `subscriptions/listen`: `inner` for all that is not about tasks, and each task as it changes."""

    source: Looking
    inner: Listen

    async def __call__(
        self, context: Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        """Serve one stream until the client leaves it or `inner` ends it."""
        wanted = _task_ids(params.notifications)
        if not wanted:
            return await self.inner(context, params)
        check_declared(context)
        try:
            mine = [key for key in wanted if await self.source.get(context, key) is not None]
        except OpstwinError as error:
            raise refused(error) from error
        session = _Acknowledging(context.session, mine)
        async with anyio.create_task_group() as beside:
            beside.start_soon(self._tell, context, session, mine)
            ended = await self.inner(replace(context, session=cast("ServerSession", session)), params)
            beside.cancel_scope.cancel()
        return ended

    async def _tell(self, context: Context, session: "_Acknowledging", mine: list[str]) -> None:
        await session.acknowledged.wait()
        told: dict[str, dict[str, Any]] = {}
        seen, going = 0, set(mine)
        while going:
            try:
                for key in sorted(going):
                    task = await self.source.get(context, key)
                    if task is None or task.status in ENDED:
                        going.discard(key)
                    if task is not None and (shown := detailed(task)) != told.get(key):
                        told[key] = shown
                        await session.tell(shown, context.request_id)
                seen = await self.source.changed(seen, _LOOK_S)
            except OpstwinError as error:
                logger().warning("tasks_wait", code=error.code, reason=error.message)
                await anyio.sleep(_AGAIN_S)


class _Acknowledging:
    """The session of a stream; its acknowledgement names the tasks that the stream tells of."""

    def __init__(self, session: ServerSession, task_ids: list[str]) -> None:
        self._session = session
        self._task_ids = task_ids
        self.acknowledged = anyio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def send_notification(
        self, notification: types.ServerNotification, related_request_id: types.RequestId | None = None
    ) -> None:
        if not isinstance(notification, types.SubscriptionsAcknowledgedNotification):
            await self._session.send_notification(notification, related_request_id)
            return
        honored = notification.params.notifications.model_copy(update={_KEY: self._task_ids})
        params = notification.params.model_copy(update={"notifications": honored})
        await self._session.send_notification(notification.model_copy(update={"params": params}), related_request_id)
        self.acknowledged.set()

    async def tell(self, shown: dict[str, Any], request_id: types.RequestId | None) -> None:
        """One task as it stands, marked with the stream that it is told on."""
        frame = TaskNotification(params={**shown, "_meta": {SUBSCRIPTION_ID_META_KEY: request_id}})
        await self._session.send_notification(cast("types.ServerNotification", frame), request_id)


def _task_ids(wanted: types.SubscriptionFilter) -> list[str]:
    named = (wanted.model_extra or {}).get(_KEY)
    ids: Iterable[Any] = named if isinstance(named, list) else ()
    return list(dict.fromkeys(key for key in ids if isinstance(key, str)))[:MAX_LISTENED]
