"""An AI client that handles tasks: the SDK's, with the extension's requests written out as nobody wrote them for us."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Literal

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.client.session import ClientSession

from opstwin.domain.execution import Execution
from opstwin.domain.plan import Plan
from opstwin.server.mcp.tasks_wire import EXTENSION
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Commit, Put, Receipt
from tests.interaction.house import House
from tests.interaction.mcp_house import ai_client, open_house

OVER = ("completed", "failed", "cancelled")
REVISION = "2026-07-28"


class Answer(types.Result):
    """Whatever came back."""

    model_config: ClassVar = {"extra": "allow"}

    @property
    def raw(self) -> dict[str, Any]:
        shown = self.model_dump(by_alias=True, mode="json")
        return {key: value for key, value in shown.items() if key != "_meta"}


class Handle(Answer):
    """A task in place of a tool's answer."""

    result_type: Literal["task"]


class TaskRequest(types.Request[dict[str, Any], str]):
    """`tasks/get`, `tasks/update` or `tasks/cancel`, routed by the id of the task."""

    name_param = "taskId"


class Tasks(ClientExtension):
    """What a client that handles tasks does by itself: look until the task is over, then hand on the result."""

    identifier = EXTENSION

    def claims(self) -> list[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Handle, resolve=self.resolve)]

    async def resolve(self, handle: Handle, context: ClaimContext) -> types.CallToolResult:
        while True:
            task = (await ask(context.session, "tasks/get", handle.raw["taskId"])).raw
            if task["status"] in OVER:
                return types.CallToolResult.model_validate(task["result"], by_name=False)
            await asyncio.sleep(0)


async def ask(session: ClientSession, method: str, task_id: str, **params: Any) -> Answer:
    """One request about a task."""
    return await session.send_request(TaskRequest(method=method, params={"taskId": task_id, **params}), Answer)


class TaskClient:
    """Calls of tools and tasks, answered as they come."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def plan(self, words: str = "deploy app:1 as web with 2 replicas") -> str:
        """A new plan's id."""
        drafted = await self.client.call_tool("plan_create", {"words": words})
        assert not drafted.is_error, drafted.content
        return str(drafted.structured_content["id"])

    async def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """A tool's answer, or the handle in place of it."""
        answer = await self.client.session.call_tool(name, arguments, allow_claimed=True)
        return answer.raw if isinstance(answer, Answer) else answer.model_dump(by_alias=True, mode="json")

    async def begun(self, words: str = "deploy app:1 as web with 2 replicas") -> tuple[str, str]:
        """A plan and the task that waits to apply it."""
        plan = await self.plan(words)
        handle = await self.call("plan_apply", {"id": plan})
        assert handle["resultType"] == "task", handle
        return plan, str(handle["taskId"])

    async def get(self, task_id: str) -> dict[str, Any]:
        """The task as it stands."""
        return (await ask(self.client.session, "tasks/get", task_id)).raw

    async def update(self, task_id: str, **responses: Any) -> dict[str, Any]:
        """Answer requests of the task."""
        return (await ask(self.client.session, "tasks/update", task_id, inputResponses=responses)).raw

    async def cancel(self, task_id: str) -> dict[str, Any]:
        """Ask the task to stop."""
        return (await ask(self.client.session, "tasks/cancel", task_id)).raw


async def opens_pages(_context: Any, _params: types.ElicitRequestParams) -> types.ElicitResult:
    """A client that says yes to whatever it is asked."""
    return types.ElicitResult(action="accept")


@asynccontextmanager
async def task_client(url: str, token: str, path: str = "/mcp", *, elicits: bool = True) -> AsyncIterator[TaskClient]:
    """A client with tasks, and, unless told otherwise, with somebody who can be led to a page."""
    asking = {"elicitation_callback": opens_pages} if elicits else {}
    async with ai_client(url, token, "stateless", path, extensions=[Tasks()], **asking) as client:
        yield TaskClient(client)


def envelope(method: str, params: dict[str, Any], *, tasks: bool = True) -> dict[str, Any]:
    """A request of the stateless era as JSON."""
    able: dict[str, Any] = {"extensions": {EXTENSION: {}}} if tasks else {}
    meta = {
        "io.modelcontextprotocol/protocolVersion": REVISION,
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}, **able},
    }
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": {**params, "_meta": meta}}


def headers(method: str, token: str, name: str | None = None) -> dict[str, str]:
    """The headers that go with it."""
    named = {"Mcp-Name": name} if name is not None else {}
    return {
        "Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": REVISION, "Mcp-Method": method, **named,
    }  # fmt: skip


@asynccontextmanager
async def listening(url: str, token: str, task_ids: list[str], *, tasks: bool = True) -> AsyncIterator[Any]:
    """The frames of a stream that tells of these tasks, one after the other; or the one answer that refused it."""
    body = envelope("subscriptions/listen", {"notifications": {"taskIds": task_ids}}, tasks=tasks)
    async with (
        httpx2.AsyncClient(timeout=30) as http,
        http.stream("POST", f"{url}/mcp", json=body, headers=headers("subscriptions/listen", token)) as response,
    ):

        async def frames() -> AsyncIterator[dict[str, Any]]:
            async for line in response.aiter_lines():
                text = line.removeprefix("data:").strip()
                if text.startswith("{"):
                    yield json.loads(text)

        yield frames()


class HeldBack:
    """A twin that holds the start of an execution back until it is let go."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.reached, self.let_go = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def commit(self, commit: Commit) -> Receipt:
        if any(isinstance(item, Put) and isinstance(item.record, Execution) for item in commit.writes):
            self.reached.set()
            await self.let_go.wait()
        return await self.store.commit(commit)


async def decide(house: House, plan: str, decision: str = "approve") -> None:
    """A person decides on the plan's page."""
    digest = (await house.services.ledger.need(Plan, plan)).digest
    async with house.caller() as person:
        answer = await person.post(f"/plans/{plan}:decide", {"decision": decision, "digest": digest, "reason": "x"})
        assert answer.status_code == 200, answer.text


@asynccontextmanager
async def at_work(house: House, **options: Any) -> AsyncIterator[TaskClient]:
    """A client of the house that handles tasks."""
    async with open_house(house) as url, task_client(url, house.tokens["planner"], **options) as client:
        yield client


async def executions(house: House) -> list[Execution]:
    return await house.services.ledger.all(Execution)


async def audited(house: House, action: str) -> list[dict[str, Any]]:
    return [dict(row.details) for row in await house.audit() if row.action == action]
