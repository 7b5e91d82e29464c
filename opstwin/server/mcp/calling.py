"""Answering `tools/call`: the guard decides, the registry's handler answers, and what comes back is put in short."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext
from starlette.requests import Request

from opstwin import logs
from opstwin.domain.values import Json, digest_of
from opstwin.errors import Forbidden, NotApproved, NotFound, OpstwinError
from opstwin.server.mcp import asking_people
from opstwin.server.mcp.asking_people import Question
from opstwin.server.mcp.choosing import Choice, choice_of, chosen
from opstwin.server.mcp.offers import WAITING
from opstwin.server.mcp.refusals import is_waiting, told, waiting
from opstwin.server.mcp.tickets import Tickets
from opstwin.server.mcp.watching import DEFAULT_WAIT_S, decided, ended, stopped_before_effect, wait_of
from opstwin.server.mcp.working import Undelivered
from opstwin.server.replies import Answer, Replies
from opstwin.tools import guard
from opstwin.tools.handing import handed_out, told_failure
from opstwin.tools.registry import AnyTool, Caller, Registry, Toolset
from opstwin.tools.services import Services
from opstwin.tools.shaping import Part, fields_of, form_of

Context = ServerRequestContext[Any, Any]
KEY_HEADER: Final = "idempotency-key"
APPLY: Final = "plan_apply"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call, taken apart: the tool's own input, and what this face adds to it."""

    tool: AnyTool
    caller: Caller
    raw: Mapping[str, Json]
    part: Part
    wait_s: int
    key: str


@dataclass(slots=True)
class Calls:
    """Answers calls of all tools for all callers."""

    services: Services
    registry: Registry
    replies: Replies
    tickets: Tickets
    undelivered: Undelivered = field(default_factory=Undelivered)

    async def call(
        self, context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        """The answer to one call. Whatever goes wrong is an answer too, with what to do next."""
        try:
            asked = await self._asked(context, params)
            if params.request_state is not None:
                await self.tickets.take(params.request_state)
        except OpstwinError as error:
            return failed(error)
        return await self._answered(context, asked, again=params.request_state is not None)

    async def _answered(
        self, context: Context, asked: Asked, *, again: bool
    ) -> types.CallToolResult | types.InputRequiredResult:
        try:
            if again and asked.tool.name == APPLY:
                await decided(self.services, str(asked.raw.get("id")), asked.wait_s)
            answer = await self._answer(context, asked)
            return result(*await handed_out(self.services, asked.caller, asked.tool, asked.raw, answer, asked.part))
        except NotApproved as error:
            if not is_waiting(error):
                return failed(error)
            return await self._waits(context, asked, error, again=again)
        except OpstwinError as error:
            given = await told_failure(self.services, asked.caller, error, *told(error))
            return result(*given).model_copy(update={"is_error": True})

    async def _asked(self, context: Context, params: types.CallToolRequestParams) -> Asked:
        caller, choice = caller_of(context), choice_in(context)
        raw: dict[str, Json] = dict(params.arguments or {})
        tool = await self._tool(params.name, caller, choice, raw)
        logs.bind(tool=tool.name, plan_id=_subject(raw, "plan_"), execution_id=_subject(raw, "exec_"))
        waits = DEFAULT_WAIT_S if tool.name == APPLY else 0
        return Asked(
            tool=tool, caller=caller,
            part=Part(form_of(raw.pop("response_format", None)), fields_of(raw.pop("fields", None))),
            wait_s=wait_of(raw.pop("wait_s", None), waits) if tool.name in WAITING else 0,
            raw=raw, key=_key(context),
        )  # fmt: skip

    async def _tool(self, name: str, caller: Caller, choice: Choice, raw: Mapping[str, Json]) -> AnyTool:
        """The tool, when this address offers it. Raises `NotFound`, or `Forbidden` (audited) for one left out here."""
        known = self.registry.get(name)
        if known is None or known.toolset is None:
            names = ", ".join(tool.name for tool in chosen(self.registry, choice, caller))
            raise NotFound(f"There is no tool {name[:80]!r}.", next_step=f"Use one of: {names}.")
        if not choice.has(known):
            refusal = Forbidden(
                f"{name} is not offered at this address.", next_step="Use the address /mcp, with a token that may.",
                details={"tool": name},
            )  # fmt: skip
            await guard.refuse(known, self.services, caller, raw, refusal)
        return known

    async def _answer(self, context: Context, asked: Asked) -> dict[str, Any]:
        """The whole answer; what plans and applies goes on when the caller goes away."""
        if not asked.tool.changes:
            answer = await guard.call(asked.tool, self.services, asked.caller, asked.raw)
        elif asked.tool.toolset is not Toolset.DEPLOY:
            # A command is stopped when nobody waits for it any more.
            answer = await self._kept(asked)
        else:
            key = (asked.caller.principal.id, asked.tool.name, f"{asked.key} {digest_of(dict(asked.raw))}")
            answer = await self.undelivered.once(key, lambda: self._kept(asked))
        return await self._ended(context, asked, answer) if asked.wait_s else answer

    async def _kept(self, asked: Asked) -> Any:
        """The answer, done once for the call's key where it has one."""
        if not asked.key:
            return await guard.call(asked.tool, self.services, asked.caller, asked.raw)

        async def work() -> Answer:
            return Answer(200, await guard.call(asked.tool, self.services, asked.caller, asked.raw))

        await guard.admit(asked.tool, self.services, asked.caller, asked.raw)
        said: Json = ["MCP", asked.tool.name, dict(asked.raw)]
        return (await self.replies.once(asked.caller.principal.id, asked.key, said, work)).body

    async def _ended(self, context: Context, asked: Asked, execution: dict[str, Any]) -> dict[str, Any]:
        """The execution after waiting for it. A caller that goes away stops it, as long as nothing was done."""
        get, cancel = self.registry["execution_get"], self.registry["execution_cancel"]
        subject = {"id": execution["id"]}

        async def look() -> dict[str, Any]:
            return dict(await guard.call(get, self.services, asked.caller, subject))

        async def report(done: float, total: float, message: str) -> None:
            await context.session.report_progress(done, total, message)

        try:
            return await ended(self.services, execution, look, report, asked.wait_s)
        except anyio.get_cancelled_exc_class():
            if asked.tool.name == APPLY:
                with anyio.CancelScope(shield=True), contextlib.suppress(OpstwinError):
                    await stopped_before_effect(
                        execution, look, lambda: guard.call(cancel, self.services, asked.caller, subject)
                    )
            raise

    async def _waits(
        self, context: Context, asked: Asked, error: NotApproved, *, again: bool
    ) -> types.CallToolResult | types.InputRequiredResult:
        """Tell that a human must decide, and lead one there where the client can; then see whether somebody has."""
        data, text = waiting(error, asked.caller)
        if again or not asking_people.can_ask(context):
            return result(data, text)
        message = f"Decide on plan {data['plan']}: {data['summary']}"
        question = Question(plan=data["plan"], url=data["approve_url"], message=message)
        required = asking_people.required(context, question, self.tickets.new(question.plan))
        if required is not None:
            return required
        if not await asking_people.asked(context, question):
            return result(data, text)
        return await self._answered(context, asked, again=True)


def result(data: Mapping[str, Any], text: str) -> types.CallToolResult:
    """An answer with its text."""
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], structured_content=dict(data))


def failed(error: OpstwinError) -> types.CallToolResult:
    """A refusal or a failure that the model reads."""
    data, text = told(error)
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], structured_content=data, is_error=True
    )


def caller_of(context: Context) -> Caller:
    """Who calls, as an AI client whatever the request says of itself."""
    request: Request = _request(context)
    caller: Caller = request.scope["state"]["caller"]
    return caller if caller.actor.face == guard.MCP else replace(caller, actor=replace(caller.actor, face=guard.MCP))


def choice_in(context: Context) -> Choice:
    """What the address of the call offers."""
    return choice_of(_request(context).scope["path"])


def _request(context: Context) -> Request:
    assert context.request is not None, "the server is mounted on HTTP only"
    return context.request  # type: ignore[no-any-return]


def _key(context: Context) -> str:
    return str(_request(context).headers.get(KEY_HEADER, ""))


def _subject(raw: Mapping[str, Json], prefix: str) -> str | None:
    named = raw.get("id")
    return named[:64] if isinstance(named, str) and named.startswith(prefix) else None
