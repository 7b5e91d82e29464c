"""The reference pages, made from the registry: `python -m opstwin.server.reference docs` writes them anew."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from opstwin.domain.access import Scope
from opstwin.server.callers import OPEN
from opstwin.server.problems import STATUS
from opstwin.server.routes import PREFIX
from opstwin.settings import Settings
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.registry import AnyTool, Registry

_MADE: Final = "<!-- Made by `python -m opstwin.server.reference docs`; a test compares. Do not edit. -->"

_CONVENTIONS: Final = """\
## Calling

- **Who**: `Authorization: Bearer opt_…`. `opstwin up` leaves a token for the command line in a file that only its owner
  can read; `opstwin people add` makes more. A browser signs in with a one-time link and gets a cookie for the hub's
  own pages. Every path needs a credential, except {open} and the metadata of the MCP server's sign-in
  ([authorization](authorization.md)).
- **How often**: {rates}. Beyond that the answer is 429 with `Retry-After`.
- **What**: JSON objects, `Content-Type: application/json`. Unknown fields, duplicate keys, `NaN` and anything nested
  deeper than 64 levels are refused. A body is at most `max_body_bytes` (2 MiB unless set).
- **Moments** are ISO 8601 in UTC, amounts carry their unit in the name (`timeout_s`, `memory_bytes`).
- **Once**: every call that changes something takes an `Idempotency-Key`. The same key and request get the first answer
  again (with `Idempotent-Replayed: true`) and no second effect; the same key with another request is refused. A refused
  call does not use up its key. Answers are kept for a day.
- **Not over somebody else's change**: reading a resource gives its desired revision as `ETag`; setting it needs
  `If-Match` with that tag (`"0"` when there is none yet). Without it the answer is 428, with an old one 412.
- **Pages**: lists take `limit` (at most 1000) and `cursor`; `next` in the answer is the cursor of the following page,
  null at the end.
- **Streams**: with `Accept: text/event-stream` (or `follow=true` for logs) events and logs come as server-sent events
  until the client leaves, or the execution ends. `Last-Event-ID` goes on where a stream broke. A comment comes every
  15 s while nothing happens. At most 200 streams are open at once.
- **From where**: the hub answers for loopback names and `allowed_hosts` only (else 421), and to pages of its own or of
  `allowed_origins` only (else 403).
- Every answer carries `X-Request-Id`; a caller may send its own.

## Errors

`application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail`, `code`, `next_step`, `details` (with `field`
where one field is to blame), `request_id` and, where waiting helps, `retry_after_s`. 5xx is the hub's own fault; a
target that fails or refuses is 424. Besides these, 400 is a crooked address, 405 a wrong method, 412/428 concern
`If-Match`, 413 a body too large, 415 a wrong content type, 421 a wrong host.

| code | status | meaning |
| --- | --- | --- |
{errors}

## Without a tool

| path | answer |
| --- | --- |
| `GET /health` | 200 as long as the process answers |
| `GET /ready` | 200, or 503 with `down`: what does not work (`store`, `audit`, `target NAME`, `ai`, …) and why |
| `GET /metrics` | Prometheus' text form |
| `GET /openapi.json` | OpenAPI 3.1 of everything below |
| `GET /` | the plans that wait for a decision |
| `GET /plans/ID` | one plan, with a form to approve or reject it |
| `GET /login?code=…` | signs a browser in, once |
"""


def http_api_page(registry: Registry) -> str:
    """`docs/http-api.md`."""
    errors = "\n".join(f"| `{kind.code}` | {status} | {_summary(kind.__doc__)} |" for kind, status in STATUS.items())
    intro = _CONVENTIONS.format(open=", ".join(f"`{path}`" for path in sorted(OPEN)), rates=_rates(), errors=errors)
    parts = [f"# HTTP API\n\n{_MADE}\n\nEverything below `{PREFIX}` is made from the [tools](tools.md).\n", intro]
    parts.append("## Routes\n")
    return "\n".join([*parts, *(_route(tool) for tool in registry)])


def tools_page(registry: Registry) -> str:
    """`docs/tools.md`."""
    rows = "\n".join(
        f"| `{tool.name}` | {tool.purpose} | {tool.effect.value} | `{tool.scope.value}` | "
        f"{'people' if tool.people_only else 'anybody'} |"
        for tool in registry
    )
    scopes = "\n".join(f"| `{scope.value}` | {_holders(registry, scope)} |" for scope in Scope)
    return f"""# Tools

{_MADE}

Each tool is declared once, in `opstwin/tools/`; HTTP routes, this page and the permission tests are made from that
declaration. Effects: `read` changes nothing, `plan` changes the twin (plans and decisions), `apply` may change a target
after a person's approval, `admin` changes settings, accounts and tokens. A refused call to a tool that changes
something is written into the audit.

Only a person can decide on a plan: an agent's token never has `plan:approve`, and `plan_decide` refuses it again.

| tool | purpose | effect | scope | who |
| --- | --- | --- | --- | --- |
{rows}

## Scopes

| scope | opens |
| --- | --- |
{scopes}
"""


def _rates() -> str:
    fields = Settings.model_fields
    return (
        f"a credential may send {fields['rate_per_minute'].default} requests a minute, "
        f"{fields['rate_changes_per_minute'].default} of\n  them for tools that change something, unless "
        "[the settings](settings.md) say otherwise"
    )


def _route(tool: AnyTool) -> str:
    route = tool.route
    path = PREFIX + route.path.replace(":path}", "}")
    people = ", people only" if tool.people_only else ""
    lines = [
        f"### {tool.title}",
        "",
        f"`{route.method} {path}` → {route.status} · scope `{tool.scope.value}`{people} · `{tool.name}`",
        "",
        tool.purpose + _also(tool),
        "",
    ]
    schema = tool.input.model_json_schema()
    fields = [
        f"| `{name}` | {_place(tool, name)} | {_type(value, schema)} | {_default(name, value, schema)} |"
        for name, value in schema.get("properties", {}).items()
    ]
    if fields:
        lines += [" ".join(schema["description"].split()), ""] if "description" in schema else []
        lines += ["| field | in | type | default |", "| --- | --- | --- | --- |", *fields, ""]
    return "\n".join(lines)


def _also(tool: AnyTool) -> str:
    notes = [" It can be streamed."] if tool.stream else []
    notes += [" `ETag` is the desired revision."] if tool.route.etag else []
    notes += [" The answer holds a secret and is given once."] if tool.secret else []
    return "".join(notes)


def _place(tool: AnyTool, name: str) -> str:
    if name in tool.route.variables:
        return "path"
    if name == tool.route.if_match:
        return "`If-Match`"
    return "query" if tool.route.method == "GET" else "body"


def _type(value: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(_type(item, schema) for item in value["anyOf"] if item.get("type") != "null")
    if "$ref" in value:
        return _type(schema["$defs"][value["$ref"].rsplit("/", 1)[1]], schema)
    if "enum" in value:
        return ", ".join(f"`{item}`" for item in value["enum"])
    if value.get("type") == "array":
        return f"list of {_type(value['items'], schema)}"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    return words.get(str(value.get("type")), "object") + _bounds(value)


def _bounds(value: Mapping[str, Any]) -> str:
    low = value.get("minimum", value.get("exclusiveMinimum"))
    high = value.get("maximum")
    if value.get("type") in ("integer", "number") and low is not None and high is not None:
        return f", {low} to {high}"
    return f", at most {value['maxLength']} characters" if "maxLength" in value else ""


def _default(name: str, value: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if name in schema.get("required", []):
        return "**needed**"
    default = value.get("default")
    return "" if default in (None, "", []) else f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _summary(text: str | None) -> str:
    return " ".join((text or "").split("\n\n", maxsplit=1)[0].split())


def _holders(registry: Registry, scope: Scope) -> str:
    names: Iterable[str] = [tool.name for tool in registry if tool.scope is scope]
    return ", ".join(f"`{name}`" for name in names) or "nothing yet"


def write(folder: Path) -> None:
    """Write both pages."""
    (folder / "http-api.md").write_text(http_api_page(REGISTRY), encoding="utf-8")
    (folder / "tools.md").write_text(tools_page(REGISTRY), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
