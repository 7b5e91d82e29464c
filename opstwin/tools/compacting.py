"""Schemas as an AI client gets them: what is needed to fill in a call, in few tokens.

A model reads every definition before each answer, so limits and patterns that the hub checks anyway are left out, and
nested answers are told as objects. The HTTP API keeps the whole schemas.
"""

from collections.abc import Mapping
from typing import Any, Final

from opstwin.domain.values import Json
from opstwin.tools.registry import AnyTool

_KEPT: Final = ("type", "enum", "items", "description", "additionalProperties")
_FOLLOW: Final = "follow"
"""The field that turns an answer into a stream without an end; a tool call is answered once."""

PEOPLE_ONLY: Final = "x-people-only"
"""Marks a field that only a person may fill in; its tool refuses it from everybody else."""

MAX_WAIT_S: Final = 50
"""Below the 60 s after which common clients give a call up."""

FORMAT: Final[Mapping[str, Json]] = {"type": "string", "enum": ["concise", "detailed"]}
FIELDS: Final[Mapping[str, Json]] = {"type": "string"}
WAIT: Final[Mapping[str, Json]] = {"type": "integer", "description": f"wait for the end, 0-{MAX_WAIT_S} s"}


def input_schema(tool: AnyTool, *, waits: bool = False) -> dict[str, Json]:
    """What a call of the tool takes, with the fields that this face adds to every tool."""
    whole = tool.input.model_json_schema()
    named: dict[str, Json] = {
        name: _lean(schema, whole.get("$defs", {}))
        for name, schema in whole.get("properties", {}).items()
        if name != _FOLLOW and not schema.get(PEOPLE_ONLY)
    }
    added: dict[str, Json] = {"response_format": dict(FORMAT), "fields": dict(FIELDS)}
    if waits:
        added["wait_s"] = dict(WAIT)
    properties: dict[str, Json] = {**named, **added}
    schema: dict[str, Json] = {"type": "object", "properties": properties, "additionalProperties": False}
    if whole.get("required"):
        schema["required"] = whole["required"]
    return schema


def output_schema(tool: AnyTool) -> dict[str, Json]:
    """What an answer may hold: names and types of its first level.

    Where a brief answer tells the same in another form, only the names; it may leave some out and add others.
    """
    whole = tool.output_schema.json_schema(mode="serialization")
    definitions = whole.get("$defs", {})
    top = _resolved(whole, definitions)
    named = top.get("properties") or {}
    properties: dict[str, Json] = {
        name: {} if tool.brief else _first_level(schema, definitions) for name, schema in named.items()
    }
    return {"type": "object", "properties": properties}


def _lean(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A field's schema without what only repeats its name or is checked by the hub anyway."""
    found = _resolved(schema, definitions)
    kept = {key: found[key] for key in _KEPT if key in found}
    if "const" in found:
        kept["enum"] = [found["const"]]
    if isinstance(kept.get("items"), dict):
        kept["items"] = _lean(kept["items"], definitions)
    if isinstance(kept.get("additionalProperties"), dict):
        kept["additionalProperties"] = _lean(kept["additionalProperties"], definitions)
    if kept.get("type") == "object" and kept.get("additionalProperties") is True:
        del kept["additionalProperties"]
    return kept


def _first_level(schema: Any, definitions: Mapping[str, Any]) -> dict[str, Json]:
    found = _resolved(schema, definitions)
    kind = found.get("type")
    optional = isinstance(schema, dict) and "anyOf" in schema
    if not isinstance(kind, str) or optional:
        return {}
    return {"type": kind}


def _resolved(schema: Any, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A schema with its reference followed, and of an optional one the part that is not null."""
    if not isinstance(schema, dict):
        return {}
    reference = schema.get("$ref")
    if isinstance(reference, str):
        told = {key: value for key, value in schema.items() if key == "description"}
        return {**_resolved(definitions.get(reference.rpartition("/")[2], {}), definitions), **told}
    parts = [part for part in (schema.get("anyOf") or schema.get("oneOf") or ()) if part.get("type") != "null"]
    if parts:
        rest = {key: value for key, value in schema.items() if key == "description"}
        return {**_resolved(parts[0], definitions), **rest} if len(parts) == 1 else rest
    return schema
