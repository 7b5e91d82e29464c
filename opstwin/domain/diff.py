"""The difference between two specs, field by field, and how to apply it.

`apply(before, diff(before, after)) == after` holds for every pair of JSON objects (property-tested). Lists are
compared whole: the order of a command or of ports carries meaning, so a half-changed list would mislead. Lists of
objects with the same names in the same order (the containers of a pod) are compared name by name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from opstwin.domain.values import Json, Spec


class FieldOp(StrEnum):
    """What happens to one field."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs; `before` or `after` is None where there is none.

    `path` is the keys from the top; the name of an element where the path leads through a list of named objects.
    """

    op: FieldOp
    path: tuple[str, ...]
    before: Json
    after: Json


def diff(before: Spec | None, after: Spec | None) -> tuple[FieldChange, ...]:
    """Every field in which `after` differs from `before`, in the order of its path."""
    return tuple(_walk((), before or {}, after or {}))


def apply(before: Spec | None, changes: Sequence[FieldChange]) -> Spec:
    """`before` with `changes` made; the input is not touched."""
    result: Json = dict(before or {})
    for change in changes:
        result = _with(result, change.path, change)
    return result if isinstance(result, dict) else {}


def _walk(path: tuple[str, ...], before: Spec, after: Spec) -> Iterator[FieldChange]:
    for key in sorted({*before, *after}):
        here = (*path, key)
        if key not in before:
            yield FieldChange(FieldOp.ADD, here, None, after[key])
        elif key not in after:
            yield FieldChange(FieldOp.REMOVE, here, before[key], None)
        else:
            yield from _compare(here, before[key], after[key])


def _compare(path: tuple[str, ...], before: Json, after: Json) -> Iterator[FieldChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _walk(path, before, after)
    elif (names := _names(before)) and names == _names(after):
        for name, one, other in zip(names, _elements(before), _elements(after), strict=True):
            yield from _compare((*path, name), one, other)
    elif not same(before, after):
        yield FieldChange(FieldOp.CHANGE, path, before, after)


def same(left: Json, right: Json) -> bool:
    """Equality of JSON values: unlike Python's, `true` is not 1."""
    return left == right and _same_types(left, right)


def _same_types(left: Json, right: Json) -> bool:
    """Whether two values that Python calls equal have their booleans at the same places."""
    if isinstance(left, str):
        return True
    if isinstance(left, dict) and isinstance(right, dict):
        return all(_same_types(one, right[key]) for key, one in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return all(map(_same_types, left, right))
    return isinstance(left, bool) == isinstance(right, bool)


def _names(value: Json) -> tuple[str, ...]:
    """The names of the elements of a list of objects that each have one of their own; empty for anything else."""
    found = [item.get("name") for item in _elements(value) if isinstance(item, dict)]
    names = tuple(name for name in found if isinstance(name, str) and name)
    return names if len(names) == len(set(names)) == len(_elements(value)) else ()


def _elements(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _with(tree: Json, path: Sequence[str], change: FieldChange) -> Json:
    """A copy of `tree` with the one change made below it."""
    key, *rest = path
    if isinstance(tree, list):
        return [_with(item, rest, change) if _named(item, key) else item for item in tree]
    copied: dict[str, Json] = dict(tree) if isinstance(tree, dict) else {}
    if rest:
        copied[key] = _with(copied.get(key), rest, change)
    elif change.op is FieldOp.REMOVE:
        copied.pop(key, None)
    else:
        copied[key] = change.after
    return copied


def _named(item: Json, name: str) -> bool:
    return isinstance(item, dict) and item.get("name") == name
