"""What clients read by address: `twin://`, `plan://` and `execution://…/log`. Each read is a call of a reading tool."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from opstwin.domain.values import Json
from opstwin.errors import InvalidInput, NotFound, OpstwinError
from opstwin.server.mcp.calling import caller_of
from opstwin.server.mcp.refusals import told
from opstwin.tools import guard
from opstwin.tools.handing import handed_out
from opstwin.tools.registry import Caller, Registry
from opstwin.tools.services import Services
from opstwin.tools.untrusted import fenced

Context = ServerRequestContext[Any, Any]

OVERVIEW: Final = "twin://"
PAGE: Final = 100
MAX_TAIL: Final = 1000
MAX_QUOTED: Final = 200_000
"""Characters of a plan or a log: who reads by address asks for the whole."""

_LESS: Final = "Ask the tools for less at once: plan_show, execution_get."
_JSON: Final = "application/json"
_TEXT: Final = "text/plain"

TEMPLATES: Final = (
    types.ResourceTemplate(
        name="resource", title="One resource", uri_template="twin://{target}/{kind}/{name}", mime_type=_JSON,
        description="What should be and what is, of one resource.",
    ),
    types.ResourceTemplate(
        name="plan", title="One plan", uri_template="plan://{plan}", mime_type=_TEXT,
        description="What a plan would do, line by line, its risk and its digest.",
    ),
    types.ResourceTemplate(
        name="execution-log", title="The log of an execution", uri_template="execution://{execution}/log{?tail}",
        mime_type=_TEXT, description="Each step: what was done, what was undone, what went wrong.",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """Lists and reads resources for all callers."""

    services: Services
    registry: Registry

    async def list_resources(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        """The overview, plans that wait for a human, and what Opstwin looks after, page by page."""
        caller, cursor = caller_of(context), params.cursor if params else None
        asked: dict[str, Json] = {"managed": True, "limit": PAGE, **({"cursor": cursor} if cursor else {})}
        found = await self._call("resources_list", caller, asked)
        listed = [] if cursor else [_overview(), *[_of_plan(plan) for plan in await self._waiting(caller)]]
        listed += [_of_resource(item) for item in found["items"]]
        return types.ListResourcesResult(resources=listed, next_cursor=found["next"])

    async def list_templates(
        self, _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        """The three forms of address."""
        return types.ListResourceTemplatesResult(resource_templates=list(TEMPLATES))

    async def read(self, context: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        """What stands at an address. Raises `MCPError` that says which addresses there are."""
        uri = str(params.uri)
        mime_type, text = await self._read(caller_of(context), uri)
        content = types.TextResourceContents(uri=uri, mime_type=mime_type, text=text)
        return types.ReadResourceResult(contents=[content])

    async def _read(self, caller: Caller, uri: str) -> tuple[str, str]:
        scheme, _, rest = uri.partition("://")
        if uri == OVERVIEW:
            return _JSON, _as_json(await self._call("twin_query", caller, {}))
        if scheme == "twin":
            return _JSON, _as_json(await self._call("resource_get", caller, {"id": rest}, uri))
        if scheme == "plan":
            plan = await self._call("plan_show", caller, {"id": rest}, uri)
            ours = [f"State: {plan['state']}.", f"Digest: {plan['digest']}", f"Decide: {plan['approve_url']}"]
            return _TEXT, _quoted(plan["lines"], f"settings in {plan['id']}", ours)
        if scheme == "execution":
            return _TEXT, await self._log(caller, uri, rest)
        raise _unknown(uri)

    async def _log(self, caller: Caller, uri: str, rest: str) -> str:
        path, _, query = rest.partition("?")
        id, slash, word = path.partition("/")
        if (slash, word) != ("/", "log"):
            raise _unknown(uri)
        execution = await self._call("execution_get", caller, {"id": id}, uri)
        lines, ours = log_lines(execution)[-_tail(query, uri) :], f"State: {execution['state']}."
        return _quoted(lines, f"steps and errors of {execution['id']}", [ours])

    async def _waiting(self, caller: Caller) -> list[Mapping[str, Any]]:
        found = await self._call("plans_list", caller, {"state": "pending", "limit": PAGE})
        return list(found["items"])

    async def _call(self, name: str, caller: Caller, raw: Mapping[str, Json], uri: str = "") -> dict[str, Any]:
        try:
            tool = self.registry[name]
            answer = await guard.call(tool, self.services, caller, raw)
            return dict((await handed_out(self.services, caller, tool, raw, answer))[0])
        except (NotFound, InvalidInput) as error:
            raise MCPError(types.INVALID_PARAMS, told(error)[1], {"uri": uri}) from None
        except OpstwinError as error:
            data, text = told(error)
            raise MCPError(types.INTERNAL_ERROR, text, data["error"]) from None


def log_lines(execution: Mapping[str, Any]) -> list[str]:
    """The journal of an execution, a line each."""
    lines = [f"{execution['started_at']} execution {execution['id']} of {execution['plan_id']}"]
    for step in execution["steps"]:
        change, error = step["change"], step["error"]
        at = step["finished_at"] or step["intended_at"] or "-"
        why = f": {error.get('message', '')}" if error else ""
        lines.append(f"{at} {step['phase']} {change['op']} {change['resource']} {step['state']}{why}")
    lines.append(f"{execution['finished_at'] or '-'} {execution['state']}")
    return lines


def _quoted(lines: Sequence[str], source: str, ours: Sequence[str]) -> str:
    """Lines that repeat what others wrote, fenced and labelled as in the answers of tools, and our own behind them."""
    return "\n".join([fenced("\n".join(lines), source, limit=MAX_QUOTED, more=_LESS, cover=str), *ours])


def _tail(query: str, uri: str) -> int:
    if not query:
        return MAX_TAIL
    name, _, number = query.partition("=")
    if name != "tail" or not (number.isascii() and number.isdigit()) or not 1 <= int(number[:6]) <= MAX_TAIL:
        raise MCPError(types.INVALID_PARAMS, f"tail is a whole number from 1 to {MAX_TAIL}.", {"uri": uri})
    return int(number)


def _overview() -> types.Resource:
    return types.Resource(
        name="twin", title="The digital twin", uri=OVERVIEW, mime_type=_JSON,
        description="What there is and what needs attention.",
    )  # fmt: skip


def _of_plan(plan: Mapping[str, Any]) -> types.Resource:
    title = f"Plan that waits: {plan['summary']['text']}"
    return types.Resource(name=plan["id"], title=title, uri=f"plan://{plan['id']}", mime_type=_TEXT)


def _of_resource(item: Mapping[str, Any]) -> types.Resource:
    return types.Resource(name=item["id"], title=item["name"], uri=f"twin://{item['id']}", mime_type=_JSON)


def _as_json(answer: Mapping[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def _unknown(uri: str) -> MCPError:
    forms = ", ".join([OVERVIEW, *(template.uri_template for template in TEMPLATES)])
    message = f"There is nothing at that address. Addresses are: {forms}."
    return MCPError(types.INVALID_PARAMS, message, {"uri": uri[:400]})
