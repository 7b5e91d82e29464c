"""The difference between two specs, field by field, and how to apply it.

`apply(before, diff(before, after)) == after` holds for every pair of JSON objects (property-tested). Lists are
compared whole: the order of a command or of ports carries meaning, so a half-changed list would mislead.
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
    """One field that differs; `path` is the keys from the top, `before` or `after` is None where there is none."""

    op: FieldOp
    path: tuple[str, ...]
    before: Json
    after: Json


def diff(before: Spec | None, after: Spec | None) -> tuple[FieldChange, ...]:
    """Every field in which `after` differs from `before`, in the order of its path."""
    return tuple(_walk((), before or {}, after or {}))


def apply(before: Spec | None, changes: Sequence[FieldChange]) -> Spec:
    """`before` with `changes` made; the input is not touched."""
    result: dict[str, Json] = dict(before or {})
    for change in changes:
        _set(result, change)
    return result


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
    elif not same(before, after):
        yield FieldChange(FieldOp.CHANGE, path, before, after)


def same(left: Json, right: Json) -> bool:
    """Equality of JSON values: unlike Python's, `true` is not 1."""
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return left == right


def _set(tree: dict[str, Json], change: FieldChange) -> None:
    *parents, last = change.path
    for key in parents:
        inner = tree.get(key)
        copied = dict(inner) if isinstance(inner, dict) else {}
        tree[key] = copied
        tree = copied
    if change.op is FieldOp.REMOVE:
        tree.pop(last, None)
    else:
        tree[last] = change.after
