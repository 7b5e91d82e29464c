"""The one way to call a tool: scope, validation, handler, output. Refused changes are audited."""

import json
from collections.abc import AsyncIterator, Mapping
from functools import cache
from typing import Any, Final, NoReturn

from pydantic import ValidationError

from opstwin import logs
from opstwin.domain.audit import AuditEntry
from opstwin.domain.values import Json
from opstwin.errors import Forbidden, InvalidInput, OpstwinError, StoreError
from opstwin.tools.registry import AnyTool, Ask, Caller, StreamItem
from opstwin.tools.services import Services

_MAX_PROBLEMS: Final = 10
_SUBJECTS: Final = ("id", "name")

MCP: Final = "mcp"
"""The face behind which a model speaks. A face is the caller's own word: it takes rights away and never gives any."""


async def call(
    tool: AnyTool, services: Services, caller: Caller, raw: Mapping[str, Json], *, as_text: bool = False
) -> Any:
    """The output of a tool as JSON. `as_text` says that all values are texts, as in a query string.

    Raises `Forbidden`, `InvalidInput` or what the handler raises; anything unexpected becomes an `OpstwinError` that
    says nothing but the request's id.
    """
    try:
        await admit(tool, services, caller, raw)
        if tool.changes:
            services.rates.change(_counted(caller))
        asked = validated(tool, raw, as_text=as_text)
        return tool.dump(await tool.handler(services, caller, asked))
    except OpstwinError:
        raise
    except Exception as error:
        raise unexpected(tool, caller, error) from error


async def open_stream(
    tool: AnyTool, services: Services, caller: Caller, raw: Mapping[str, Json], *, as_text: bool = True
) -> AsyncIterator[StreamItem]:
    """The stream of a tool; raises like `call` before the first item."""
    if tool.stream is None:
        raise InvalidInput(f"{tool.name} has no stream.", field="accept", next_step="Ask for application/json.")
    try:
        await admit(tool, services, caller, raw)
        if tool.changes:
            services.rates.change(_counted(caller))
        asked = validated(tool, raw, as_text=as_text)
        items: AsyncIterator[StreamItem] = await tool.stream(services, caller, asked)
    except OpstwinError:
        raise
    except Exception as error:
        raise unexpected(tool, caller, error) from error
    return items


async def admit(tool: AnyTool, services: Services, caller: Caller, raw: Mapping[str, Json]) -> None:
    """Raise `Forbidden`, and audit it where the tool changes something, unless the caller may use the tool."""
    refusal = _refusal(tool, caller)
    if refusal is not None:
        await refuse(tool, services, caller, raw, refusal)


async def refuse(
    tool: AnyTool, services: Services, caller: Caller, raw: Mapping[str, Json], refusal: Forbidden
) -> NoReturn:
    """Raise `refusal`, and audit it where the tool changes something; `LimitExceeded` when that happens too often."""
    if tool.changes:
        services.rates.change(_counted(caller))
        await _audited(tool, services, caller, raw, refusal)
    raise refusal


def validated(tool: AnyTool, raw: Mapping[str, Json], *, as_text: bool) -> Ask:
    """The input as the tool's model; raises `InvalidInput` that names each wrong field and repeats no value."""
    model: type[Ask] = tool.input
    try:
        if as_text:
            return model.model_validate_strings(dict(raw))
        return model.model_validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        raise _invalid(model, error) from None


def unexpected(tool: AnyTool, caller: Caller, error: Exception) -> OpstwinError:
    """A fault of ours, logged with its trace and told without it."""
    logs.logger().error("tool_failed", tool=tool.name, exc_info=error)
    return OpstwinError(
        "The hub failed on this request; nothing more was done.",
        next_step=f"Look for {caller.request_id} in the hub's log.",
        details={"request_id": caller.request_id},
    )


def _counted(caller: Caller) -> str:
    return caller.credential_id or caller.principal.id


def persons_token(caller: Caller) -> Forbidden | None:
    """Why a model may do nothing with this credential: it is a person's own."""
    if caller.actor.face != MCP or not caller.is_person:
        return None
    return Forbidden(
        "An MCP client works with an agent's token, never with a person's.",
        next_step='Make one: opstwin people add NAME --agent --scopes "twin:read twin:plan twin:apply"',
    )


def _refusal(tool: AnyTool, caller: Caller) -> Forbidden | None:
    as_person = persons_token(caller)
    if as_person is not None:
        as_person.details["tool"] = tool.name
        return as_person
    if tool.people_only and not caller.is_person:
        return Forbidden(
            "Only a person may do this.",
            next_step=tool.instead or "Ask a person to do it with their own sign-in.",
            details={"tool": tool.name},
        )
    if not tool.may(caller):
        return Forbidden(
            f"This needs the scope {tool.scope.value}.",
            next_step="Use a token that has it: opstwin people list shows who has which.",
            details={"tool": tool.name, "scope": tool.scope.value},
        )
    return None


async def _audited(
    tool: AnyTool, services: Services, caller: Caller, raw: Mapping[str, Json], refusal: Forbidden
) -> None:
    named = next((str(raw[key])[:200] for key in _SUBJECTS if raw.get(key)), tool.name)
    entry = AuditEntry(
        action=f"tool.{tool.name}", subject=named, actor=caller.actor, outcome="refused", reason=refusal.message,
        plan_id=named if named.startswith("plan_") else None, details={"scope": tool.scope.value},
    )  # fmt: skip
    try:
        await services.ledger.commit([], [entry])
    except StoreError as lost:
        # It is refused anyway; that it could not be written down is for the operator, not for the caller.
        logs.logger().error("audit_lost", tool=tool.name, reason=lost.message)


def _invalid(model: type[Ask], error: ValidationError) -> InvalidInput:
    problems: list[Json] = []
    for item in error.errors(include_url=False, include_input=False, include_context=False)[:_MAX_PROBLEMS]:
        path = ".".join(str(part)[:80] for part in item["loc"])
        problems.append({"field": path, "problem": item["msg"]})
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(str(part)[:80] for part in first["loc"])
    return InvalidInput(
        f"{field or 'The request'}: {first['msg']}.",
        field=field,
        next_step=_advice(model, first["type"], field.partition(".")[0]),
        details={"problems": problems},
    )


def _advice(model: type[Ask], kind: str, field: str) -> str:
    known = ", ".join(model.model_fields)
    if kind == "extra_forbidden":
        return f"Use only these fields: {known}." if known else "This call takes no fields."
    example = _examples(model).get(field)
    such = "" if example is None else f", such as {json.dumps({field: example}, ensure_ascii=False)}"
    if kind == "missing":
        return f"Add it{such}."
    return f"Correct it{such}." if such else "Correct it; docs/http-api.md lists every field."


@cache
def _examples(model: type[Ask]) -> Mapping[str, Json]:
    """A value that fits, for each field of which one is known."""
    schema = model.model_json_schema()
    found = {name: _example(form, schema.get("$defs", {})) for name, form in schema.get("properties", {}).items()}
    return {name: example for name, example in found.items() if example is not None}


def _example(form: Mapping[str, Any], named: Mapping[str, Any]) -> Json:
    forms = [form, *form.get("anyOf", ())]
    forms += [named.get(str(one["$ref"]).rpartition("/")[2], {}) for one in forms if "$ref" in one]
    return next((value for one in forms for key in ("examples", "enum") for value in one.get(key, ())[:1]), None)
