"""Which lines of a plan a change becomes: the leaves of a manifest, one by one, and of named lists element by element.

Only for people to read: what an approval is bound to are the specs themselves.
"""

from collections.abc import Iterable, Iterator, Mapping

from opstwin.domain.diff import FieldChange, FieldOp
from opstwin.domain.plan import Change
from opstwin.domain.values import Json, Spec


def told_fields(change: Change) -> tuple[FieldChange, ...]:
    """The fields of a change as they are told; those of a manifest are taken apart."""
    if not (_is_manifest(change.before) or _is_manifest(change.after)):
        return change.fields
    leaves = (leaf for item in change.fields for leaf in _apart(item))
    return tuple(leaf for leaf in leaves if leaf.op is FieldOp.CHANGE or leaf.path not in _KNOWN)


_KNOWN = frozenset({("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")})
"""Fields that the line above them tells, where something is made or goes."""


def _is_manifest(spec: Spec | None) -> bool:
    return spec is not None and "apiVersion" in spec


def _apart(item: FieldChange) -> Iterator[FieldChange]:
    before, after = _named(item.before), _named(item.after)
    if item.op is FieldOp.ADD and after:
        yield from _each(item.path, FieldOp.ADD, after)
    elif item.op is FieldOp.REMOVE and before:
        yield from _each(item.path, FieldOp.REMOVE, before)
    elif item.op is FieldOp.CHANGE and before and after and before.keys() != after.keys():
        yield from _against(item.path, before, after)
    else:
        yield item


def _each(path: tuple[str, ...], op: FieldOp, values: Mapping[str, Json]) -> Iterator[FieldChange]:
    for key, value in values.items():
        added, removed = (value, None) if op is FieldOp.ADD else (None, value)
        yield from _apart(FieldChange(op, (*path, key), removed, added))


def _against(path: tuple[str, ...], before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[FieldChange]:
    for key in dict.fromkeys((*before, *after)):
        if key not in before:
            yield from _apart(FieldChange(FieldOp.ADD, (*path, key), None, after[key]))
        elif key not in after:
            yield from _apart(FieldChange(FieldOp.REMOVE, (*path, key), before[key], None))
        elif before[key] != after[key]:
            yield from _apart(FieldChange(FieldOp.CHANGE, (*path, key), before[key], after[key]))


def _named(value: Json) -> dict[str, Json]:
    """The parts of an object, or the elements of a list by their names; empty for what is told whole."""
    if isinstance(value, dict):
        return {key: value[key] for key in sorted(value)}
    if not isinstance(value, list):
        return {}
    names = list(_names(value))
    if len(names) != len(value) or len(set(names)) != len(names):
        return {}
    return {name: _rest(item) for name, item in zip(names, value, strict=True)}


def _names(value: Iterable[Json]) -> Iterator[str]:
    for item in value:
        name = item.get("name") if isinstance(item, dict) else None
        if isinstance(name, str) and name:
            yield name


def _rest(item: Json) -> Json:
    """An element without the name by which it is told; one that has nothing else stays whole."""
    if not isinstance(item, dict):
        return item
    return {key: value for key, value in item.items() if key != "name"} or item
