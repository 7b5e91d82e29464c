"""What both wires have in common: arguments of calls, and values that a provider may leave out or get wrong."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from opstwin.agent.models.port import ToolCall
from opstwin.domain.values import Json


class Malformed(ValueError):
    """An answer that is not of the wire's form; says where, and repeats nothing."""


class BrokenOff(ValueError):
    """A stream that ended before its answer did."""


def tool_call(id: str, name: str, raw: str, place: int) -> ToolCall:
    """A call with its arguments read; those that are no JSON object are None. No text at all is no arguments."""
    arguments = arguments_in(raw) if raw.strip() else {}
    return ToolCall(id=id or f"call_{place}", name=name, arguments=arguments, raw=raw)


def arguments_in(raw: str) -> Mapping[str, Json] | None:
    """The JSON object in a text, None when it holds anything else."""
    try:
        value = json.loads(raw, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """`value` when it is an object; raises `Malformed`."""
    if not isinstance(value, Mapping):
        raise Malformed(f"{where} is no object")
    return value


def listed(value: object, where: str) -> list[Any]:
    """`value` when it is a list, an empty one for None; raises `Malformed`."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Malformed(f"{where} is no list")
    return value


def text(value: object, where: str) -> str:
    """`value` when it is a text, an empty one for None; raises `Malformed`."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed(f"{where} is no text")
    return value


def count(value: object) -> int:
    """A number of tokens; 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
