"""The OpenAPI document, made from the registry."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from opstwin.server import problems, streaming
from opstwin.server.routes import PREFIX
from opstwin.tools.registry import AnyTool, Effect, Registry

_REF: Final = "#/components/schemas/{model}"
_PROBLEM: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "next_step", "details", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "next_step": {"type": "string"},
        "details": {"type": "object"},
        "request_id": {"type": "string"},
        "retry_after_s": {"type": "number"},
    },
}
_IF_MATCH: Final[Mapping[str, Any]] = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag that was read.",
    "schema": {"type": "string", "pattern": '^"[0-9]{1,15}"$'},
}
_KEY: Final[Mapping[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and request get the same answer, without a second effect.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}


def document(registry: Registry, version: str) -> dict[str, Any]:
    """OpenAPI 3.1 for every tool."""
    keys = [(tool.name, "serialization", tool.output_schema) for tool in registry]
    outputs, defs = TypeAdapter.json_schemas(keys, ref_template=_REF)  # type: ignore[arg-type]
    schemas: dict[str, Any] = dict(defs.get("$defs", {}))
    paths: dict[str, Any] = {}
    for tool in registry:
        schema = tool.input.model_json_schema(ref_template=_REF)
        schemas |= schema.pop("$defs", {})
        path = PREFIX + tool.route.path.replace(":path}", "}")
        operation = _operation(tool, schema, outputs[(tool.name, "serialization")])
        paths.setdefault(path, {})[tool.route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Opstwin",
            "version": version,
            "description": "Discover, plan, approve, apply, verify. Every change needs a plan that a person approved.",
        },
        "paths": paths,
        "components": {
            "schemas": {**dict(sorted(schemas.items())), "Problem": dict(_PROBLEM)},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(tool: AnyTool, schema: dict[str, Any], output: Mapping[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = schema.get("properties", {})
    in_path = set(tool.route.variables)
    rest = {name: value for name, value in properties.items() if name not in {*in_path, tool.route.if_match}}
    parameters: list[Any] = [_parameter(name, properties[name], "path") for name in tool.route.variables]
    operation: dict[str, Any] = {
        "operationId": tool.name,
        "summary": tool.title,
        "description": _description(tool),
        "parameters": parameters,
        "responses": _responses(tool, output),
    }
    required = [name for name in schema.get("required", []) if name in rest]
    if tool.route.method == "GET":
        parameters += [_parameter(name, value, "query", name in required) for name, value in rest.items()]
        return operation
    parameters.append(dict(_KEY))
    if tool.route.if_match:
        parameters.append(dict(_IF_MATCH))
    body = {"type": "object", "properties": rest, "required": required, "additionalProperties": False}
    operation["requestBody"] = {"required": bool(required), "content": {"application/json": {"schema": body}}}
    return operation


def _parameter(name: str, schema: Mapping[str, Any], place: str, required: bool = True) -> dict[str, Any]:
    described = {"description": schema["description"]} if "description" in schema else {}
    return {"name": name, "in": place, "required": required, "schema": _without_null(schema), **described}


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter is left out rather than null."""
    choices = [item for item in schema.get("anyOf", []) if item != {"type": "null"}]
    kept = {key: value for key, value in schema.items() if key not in ("anyOf", "default", "title")}
    if len(choices) == 1:
        return {**choices[0], **kept}
    default = {"default": schema["default"]} if schema.get("default") is not None else {}
    return {**kept, **default, **({"anyOf": choices} if choices else {})}


def _description(tool: AnyTool) -> str:
    who = "People only. " if tool.people_only else ""
    effect = "" if tool.effect is Effect.READ else f" Effect: {tool.effect.value}."
    return f"{tool.purpose} {who}Scope: {tool.scope.value}.{effect}"


def _responses(tool: AnyTool, output: Mapping[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": dict(output)}}
    if tool.stream is not None:
        content[streaming.MEDIA_TYPE] = {"schema": {"type": "string"}}
    problem = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        str(tool.route.status): {"description": "Done.", "content": content},
        "4XX": {"description": "Refused; `next_step` says what helps.", "content": problem},
        "5XX": {"description": "The hub or its store is at fault.", "content": problem},
    }
