"""The value rules of a custom kind's schema: enum, ranges, lengths, patterns and their combinations."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, TypeAlias

from opstwin.domain.values import Json
from opstwin.manifests.checks.findings import shown
from opstwin.manifests.checks.shapes import Constraint
from opstwin.manifests.checks.sheets import listed

_LONGEST_PATTERN: Final = 4_096
_DEEPEST: Final = 32
_JUNCTIONS: Final = ("allOf", "anyOf", "oneOf")

Check: TypeAlias = Callable[[Json, Json], str]


def constraints_of(schema: Mapping[str, Json], depth: int = 0) -> tuple[Constraint, ...]:
    """One check for each rule of the schema that can be read; patterns are matched in linear time."""
    return tuple(_constraints(schema, depth))


def _constraints(schema: Mapping[str, Json], depth: int) -> Iterator[Constraint]:
    for word, check in _CHECKS.items():
        if word in schema:
            yield partial(check, schema[word])
    if "pattern" in schema and (matcher := _matcher(schema["pattern"])):
        yield matcher
    if depth < _DEEPEST:
        yield from _junctions(schema, depth)


def _junctions(schema: Mapping[str, Json], depth: int) -> Iterator[Constraint]:
    for word in _JUNCTIONS:
        parts = [_part(item, depth) for item in listed(schema.get(word)) if isinstance(item, dict)]
        if parts:
            yield partial(_joined, word, parts)
    if isinstance(inverse := schema.get("not"), dict):
        yield partial(_inverted, _part(inverse, depth))


def _part(schema: dict[str, Json], depth: int) -> tuple[Constraint, ...]:
    """A schema inside a junction: its value rules, and which fields must be there."""
    names = [item for item in listed(schema.get("required")) if isinstance(item, str)]
    fields = schema.get("properties")
    found = list(constraints_of(schema, depth + 1))
    if names:
        found.append(partial(_has, names))
    if isinstance(fields, dict):
        found += [
            partial(_field, name, _part(item, depth + 1))
            for name, item in fields.items()
            if isinstance(item, dict) and depth < _DEEPEST
        ]
    return tuple(found)


def _has(names: list[str], value: Json) -> str:
    missing = [name for name in names if not isinstance(value, dict) or name not in value]
    return f"lacks {shown(missing[0])}" if missing else ""


def _field(name: str, part: tuple[Constraint, ...], value: Json) -> str:
    return _first(part, value[name]) if isinstance(value, dict) and name in value else ""


def _first(part: tuple[Constraint, ...], value: Json) -> str:
    return next((problem for check in part if (problem := check(value))), "")


def _joined(word: str, parts: list[tuple[Constraint, ...]], value: Json) -> str:
    problems = [problem for part in parts if (problem := _first(part, value))]
    fitting = len(parts) - len(problems)
    if word == "allOf":
        return problems[0] if problems else ""
    if word == "anyOf":
        return "" if fitting else f"fits none of the allowed forms ({problems[0]})"
    return "" if fitting == 1 else f"must fit exactly one of the allowed forms, not {fitting}"


def _inverted(part: tuple[Constraint, ...], value: Json) -> str:
    return "" if not part or _first(part, value) else "has a form that is not allowed"


def _matcher(pattern: Json) -> Constraint | None:
    if not isinstance(pattern, str) or len(pattern) > _LONGEST_PATTERN:
        return None
    import re2  # type: ignore[import-untyped]

    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error:
        return None
    return lambda value: (
        f"must match {shown(pattern)}" if isinstance(value, str) and compiled.search(_clean(value)) is None else ""
    )


def _clean(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


def _number(value: Json) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _least(limit: Json, value: Json) -> str:
    least, found = _number(limit), _number(value)
    return f"must be at least {shown(limit)}" if least is not None and found is not None and found < least else ""


def _greatest(limit: Json, value: Json) -> str:
    most, found = _number(limit), _number(value)
    return f"must be at most {shown(limit)}" if most is not None and found is not None and found > most else ""


def _size(kind: type, sign: int, words: str, limit: Json, value: Json) -> str:
    bound = _number(limit)
    if bound is None or not isinstance(value, kind):
        return ""
    return f"must have {words} {shown(limit)} parts" if (len(value) - bound) * sign > 0 else ""  # type: ignore[arg-type]


def _among(allowed: Json, value: Json) -> str:
    options = listed(allowed)
    return "" if value in options else f"must be one of {', '.join(shown(item) for item in options[:10])}"


_CHECKS: Final[Mapping[str, Check]] = {
    "enum": _among,
    "minimum": _least,
    "maximum": _greatest,
    "minLength": partial(_size, str, -1, "at least"),
    "maxLength": partial(_size, str, 1, "at most"),
    "minItems": partial(_size, list, -1, "at least"),
    "maxItems": partial(_size, list, 1, "at most"),
    "minProperties": partial(_size, dict, -1, "at least"),
    "maxProperties": partial(_size, dict, 1, "at most"),
}
