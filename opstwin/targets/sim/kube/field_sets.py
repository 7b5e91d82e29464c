"""Sets of fields as `managedFields` writes them (fieldsV1), and what differs between two objects in those terms."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from opstwin.targets.sim.kube.schema import ANY, Doc, Shape, key_of

Path: TypeAlias = tuple[str, ...]
"""Elements such as `f:spec`, `k:{"name":"web"}` and `v:"x"`."""
Fields: TypeAlias = set[Path]

_NEVER_OWNED: Final = (
    ("f:apiVersion",), ("f:kind",), ("f:metadata", "f:name"), ("f:metadata", "f:namespace"),
    ("f:metadata", "f:creationTimestamp"), ("f:metadata", "f:selfLink"), ("f:metadata", "f:uid"),
    ("f:metadata", "f:clusterName"), ("f:metadata", "f:generation"), ("f:metadata", "f:managedFields"),
    ("f:metadata", "f:resourceVersion"), ("f:metadata",),
)  # fmt: skip
_ALWAYS_THERE: Final = {
    "f:metadata", "f:spec", "f:status", "f:template", "f:containers", "f:strategy", "f:updateStrategy",
    "f:jobTemplate", "f:scaleTargetRef", "f:involvedObject", "f:source", "f:names",
}  # fmt: skip
"""Structs that are never absent to the server, so that nobody comes to own them as such."""


def element(shape: Shape, item: Doc) -> str:
    """The path element of an item of a keyed list."""
    return "k:" + json.dumps(dict(sorted(key_of(shape, item))), separators=(",", ":"), sort_keys=True)


def fields_of(doc: Any, shape: Shape) -> Fields:
    """All fields that an applied configuration speaks of, without those that nobody owns."""
    return {path for path in _walk(doc, shape, ()) if not _unowned(path)}


def _unowned(path: Path) -> bool:
    return path in _NEVER_OWNED or path[:2] == ("f:metadata", "f:managedFields")


def _walk(value: Any, shape: Shape, at: Path) -> Iterator[Path]:
    if isinstance(value, dict) and not shape.atomic and value and shape.form != "scalar":
        for name, item in value.items():
            yield from _walk(item, shape.child(name), (*at, f"f:{name}"))
    elif isinstance(value, list) and shape.is_keyed() and value:
        for item in value:
            here = (*at, element(shape, item))
            yield here
            yield from _walk(item, shape.items, here)
    elif isinstance(value, list) and shape.form == "list" and shape.list_kind == "set" and value:
        for item in value:
            yield (*at, "v:" + json.dumps(item))
    elif at:
        yield at


def changed_fields(before: Any, after: Any, shape: Shape) -> tuple[Fields, Fields]:
    """`(set, removed)`: fields that `after` adds or changes, and those that it no longer has."""
    put: Fields = set()
    gone: Fields = set()
    _compare(before, after, shape, (), put, gone)
    if shape.own_fields is not None:
        put |= {(f"f:{name}",) for name, item in after.items() if isinstance(item, dict) and name not in before}
    return {path for path in put if not _unowned(path)}, {path for path in gone if not _unowned(path)}


def _compare(before: Any, after: Any, shape: Shape, at: Path, put: Fields, gone: Fields) -> None:
    old, new = _children(before, shape), _children(after, shape)
    if new is None or (old is None and before is not None):
        if before != after:
            put.add(at)
        return
    if old is None and at and (at[-1] not in _ALWAYS_THERE or not new):
        put.add(at)
    for name, (child, item) in new.items():
        had = (old or {}).get(name)
        if had is None:
            _added(item, child, (*at, name), put)
        elif had[1] != item:
            _compare(had[1], item, child, (*at, name), put, gone)
    for name in (old or {}).keys() - new.keys():
        gone.update(_removed((old or {})[name][1], (old or {})[name][0], (*at, name)))


def _added(value: Any, shape: Shape, at: Path, put: Fields) -> None:
    children = _children(value, shape)
    if not children or at[-1] not in _ALWAYS_THERE:
        put.add(at)
    for name, (child, item) in (children or {}).items():
        _added(item, child, (*at, name), put)


def _removed(value: Any, shape: Shape, at: Path) -> Iterator[Path]:
    yield at
    for name, (child, item) in (_children(value, shape) or {}).items():
        yield from _removed(item, child, (*at, name))


def _children(value: Any, shape: Shape) -> dict[str, tuple[Shape, Any]] | None:
    """The parts of a value that are owned one by one, or None for a value that is owned as a whole."""
    if isinstance(value, dict) and not shape.atomic and shape.form != "scalar":
        return {f"f:{name}": (shape.child(name), item) for name, item in value.items() if item is not None}
    if isinstance(value, list) and shape.is_keyed():
        return {element(shape, item): (shape.items, item) for item in value}
    if isinstance(value, list) and shape.form == "list" and shape.list_kind == "set":
        return {"v:" + json.dumps(item): (ANY, item) for item in value}
    return None


def to_v1(fields: Iterable[Path]) -> Doc:
    """The tree that stands in `managedFields`."""
    tree: Doc = {}
    members = set(fields)
    for path in sorted(members):
        node = tree
        for part in path:
            node = node.setdefault(part, {})
    for path in members:
        node = tree
        for part in path:
            node = node[part]
        if node:
            node["."] = {}
    return _ordered(tree)


def _ordered(tree: Doc) -> Doc:
    return {name: _ordered(tree[name]) for name in sorted(tree)}


def from_v1(tree: Doc, at: Path = ()) -> Fields:
    """The set that a fieldsV1 tree stands for."""
    found: Fields = set()
    for name, below in tree.items():
        if name == ".":
            found.add(at)
        elif below:
            found |= from_v1(below, (*at, name))
        else:
            found.add((*at, name))
    return found


def path_text(path: Path) -> str:
    """A path as the server writes it to people: `.spec.containers[name="web"].image`."""
    return "".join(_element_text(part) for part in path)


def _element_text(part: str) -> str:
    mark, text = part[:2], part[2:]
    if mark == "f:":
        return f".{text}"
    if mark == "v:":
        return f"[={text}]"
    keys = json.loads(text)
    return "[" + ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(keys.items())) + "]"
