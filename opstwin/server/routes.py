"""HTTP routes made from the registry of tools. There is no route to the hub's work but these."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from opstwin import logs
from opstwin.domain.values import Json
from opstwin.errors import Conflict, InvalidInput, RequestError
from opstwin.server import streaming
from opstwin.server.leaving import while_there
from opstwin.server.problems import Refused, json_response
from opstwin.server.reading import query_of, read_json
from opstwin.server.replies import Answer, Replies, Work
from opstwin.tools import guard
from opstwin.tools.handing import answered_plainly, failing_plainly, streamed_plainly
from opstwin.tools.registry import AnyTool, Caller, Registry, Tag
from opstwin.tools.services import Services

PREFIX: Final = "/api/v1"


class Api:
    """Answers the routes of all tools."""

    def __init__(self, services: Services, replies: Replies, streams: streaming.Streams) -> None:
        self._services = services
        self._replies = replies
        self._streams = streams

    def add_to(self, app: FastAPI, registry: Registry) -> None:
        """Add the routes, those that take any path last."""
        for tool in sorted(registry, key=lambda item: item.route.path.endswith(":path}")):
            app.add_api_route(
                PREFIX + tool.route.path, self._endpoint(tool), methods=[tool.route.method], name=tool.name,
                include_in_schema=False, response_model=None,
            )  # fmt: skip

    def _endpoint(self, tool: AnyTool) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            caller: Caller = request.state.caller
            raw = await self._raw(tool, request)
            logs.bind(**_subjects(raw))
            if tool.stream is not None and _wants_stream(request, raw):
                return await self._streamed(tool, request, caller, raw)
            if tool.route.method != "GET":
                return await self._changed(tool, request, caller, raw)
            body = await answered_plainly(tool, self._services, caller, raw, as_text=True)
            return _response(tool, Answer(tool.route.status, body))

        return endpoint

    async def _raw(self, tool: AnyTool, request: Request) -> dict[str, Json]:
        """The input: path and query of a GET, path, body and If-Match of everything else."""
        query = query_of(request)
        if tool.route.method == "GET":
            given: Mapping[str, Json] = query
        elif query:
            raise InvalidInput(
                f"{next(iter(query))[:80]} stands in the address.", field="query", next_step="Put it into the body."
            )
        else:
            given = await read_json(request, self._services.settings.max_body_bytes)
        if tool.route.tag is not None and not request.headers.getlist("if-match"):
            raise await self._unmatched(tool, tool.route.tag, request)
        return _joined(given, {**request.path_params, **_if_match(tool, request)})

    async def _unmatched(self, tool: AnyTool, now: Tag, request: Request) -> Refused:
        """The answer to who may change it and did not say which revision was read."""
        await guard.admit(tool, self._services, request.state.caller, request.path_params)
        tag = await now(self._services, request.path_params)
        step = f'Read it first: its ETag is "{tag}" now. Then send If-Match: "{tag}".'
        return Refused(428, RequestError("If-Match is missing.", next_step=step))

    async def _streamed(self, tool: AnyTool, request: Request, caller: Caller, raw: dict[str, Json]) -> Response:
        resumed = {**raw, **_resumed(tool, request)}
        as_text = tool.route.method == "GET"
        async with failing_plainly(self._services, caller):
            items = await guard.open_stream(tool, self._services, caller, resumed, as_text=as_text)
        return self._streams.answer(streamed_plainly(self._services, caller, tool, raw, items))

    async def _changed(self, tool: AnyTool, request: Request, caller: Caller, raw: dict[str, Json]) -> Response:
        async def work() -> Answer:
            try:
                return Answer(tool.route.status, await answered_plainly(tool, self._services, caller, raw))
            except Conflict as conflict:
                if tool.route.if_match:
                    raise Refused(412, conflict) from conflict
                raise

        if tool.ends_with_caller:
            return await while_there(request, partial(self._once, tool, request, caller, raw, work))
        return await self._once(tool, request, caller, raw, work)

    async def _once(
        self, tool: AnyTool, request: Request, caller: Caller, raw: dict[str, Json], work: Work
    ) -> Response:
        keys = request.headers.getlist("idempotency-key")
        if not keys or not tool.changes:
            # What only reads may be repeated as it is, also while the twin cannot be written.
            return _response(tool, await work())
        if len(keys) > 1:
            raise InvalidInput("Idempotency-Key is given twice.", field="Idempotency-Key", next_step="Give it once.")
        await guard.admit(tool, self._services, caller, raw)
        said: Json = [request.method, request.url.path, raw]
        return _response(tool, await self._replies.once(caller.principal.id, keys[0], said, work, secret=tool.secret))


def _response(tool: AnyTool, answer: Answer) -> Response:
    headers: dict[str, str] = {}
    body = answer.body
    if isinstance(body, dict) and tool.route.etag is not None:
        headers["ETag"] = f'"{tool.route.etag(body)}"'
    if isinstance(body, dict) and tool.route.created:
        headers["Location"] = PREFIX + tool.route.created.replace("{id}", str(body["id"]))
    if answer.repeated:
        headers["Idempotent-Replayed"] = "true"
    return json_response(body, answer.status, headers)


def _joined(given: Mapping[str, Json], fixed: Mapping[str, Json]) -> dict[str, Json]:
    twice = sorted(given.keys() & fixed.keys())
    if twice:
        raise InvalidInput(
            f"{twice[0]} is given twice: it stands in the address or a header.",
            field=twice[0],
            next_step=f"Leave {twice[0]} out here.",
        )
    return {**given, **fixed}


def _if_match(tool: AnyTool, request: Request) -> dict[str, Json]:
    if not tool.route.if_match:
        return {}
    given = request.headers.getlist("if-match")
    number = given[0].strip().removeprefix('"').removesuffix('"')
    if len(given) > 1 or given[0].strip() != f'"{number}"' or not (number.isascii() and number.isdigit()):
        raise InvalidInput(
            "If-Match is not one entity tag of this hub.", field="If-Match", next_step='Write it like "3".'
        )
    return {tool.route.if_match: int(number[:16])}


def _wants_stream(request: Request, raw: Mapping[str, Json]) -> bool:
    return streaming.MEDIA_TYPE in request.headers.get("accept", "") or raw.get("follow") == "true"


def _resumed(tool: AnyTool, request: Request) -> dict[str, Json]:
    """Where a client that lost its stream goes on: the header outweighs the address, which it sends again as it was."""
    last = request.headers.get("last-event-id", "")
    return {"after": last} if last and "after" in tool.input.model_fields else {}


def _subjects(raw: Mapping[str, Json]) -> dict[str, str | None]:
    named = str(raw.get("id") or raw.get("execution_id") or "")[:64]
    return {
        "plan_id": named if named.startswith("plan_") else None,
        "execution_id": named if named.startswith("exec_") else None,
    }
