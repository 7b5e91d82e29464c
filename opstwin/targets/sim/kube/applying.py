"""Server-side apply: what an applied configuration makes of an object, and whose fields stand in its way."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from opstwin.targets.sim.kube.failures import ApiFailure
from opstwin.targets.sim.kube.field_sets import Fields, Path, changed_fields, element, fields_of, path_text
from opstwin.targets.sim.kube.owners import Owner, entries, owners_of
from opstwin.targets.sim.kube.schema import Doc, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What applying gives: the object, and its `managedFields`."""

    doc: Doc
    entries: list[Doc]


def applied(live: Doc | None, wanted: Doc, shape: Shape, by: Owner, *, force: bool) -> Applied:
    """Apply `wanted` as `by`. Raises the 409 that names every field of others that would change without `force`."""
    wanted = without_nulls(wanted)
    mine = fields_of(wanted, shape)
    base: Doc = live if live is not None else {"metadata": {}}
    merged = merge(base, wanted, shape)
    others = [owner for owner in owners_of(base) if not owner.is_same(by)]
    before = next((owner for owner in owners_of(base) if owner.is_same(by)), None)
    clashes = _clashes(base, merged, shape, others)
    if clashes and not force:
        raise conflict_of(clashes)
    others = [replace(owner, fields=owner.fields - _of(clashes, owner)) for owner in others]
    if before is not None:
        held = {path[:end] for path in mine for end in range(1, len(path) + 1)}
        merged = _pruned(merged, set(before.fields) - held, others, shape)
    at = before.at if before is not None and before.fields == mine and before.at else by.at
    owners = [*others, replace(by, fields=frozenset(mine), at=at)]
    return Applied(doc=merged, entries=entries(_existing(owners, merged, shape, by)))


def merge(live: Any, wanted: Any, shape: Shape) -> Any:
    """`live` with all that `wanted` says."""
    if isinstance(wanted, dict) and isinstance(live, dict) and not shape.atomic and shape.form != "scalar":
        put = {key: merge(live.get(key), value, shape.child(key)) for key, value in wanted.items()}
        return {**live, **put}
    if isinstance(wanted, list) and isinstance(live, list) and shape.is_keyed():
        return _merged_items(live, wanted, shape)
    if isinstance(wanted, list) and isinstance(live, list) and shape.form == "list" and shape.list_kind == "set":
        return [*live, *(item for item in wanted if item not in live)]
    return wanted


def _merged_items(live: list[Any], wanted: list[Any], shape: Shape) -> list[Any]:
    new = {element(shape, item): item for item in wanted}
    old = {element(shape, item): item for item in live}
    kept = [merge(item, new[key], shape.items) if key in new else item for key, item in old.items()]
    return [*kept, *(item for key, item in new.items() if key not in old)]


def without_nulls(value: Any) -> Any:
    """The same without members that are null."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def conflict_of(clashes: list[tuple[Owner, Path]]) -> ApiFailure:
    """The refusal that names managers and fields."""
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {owner.text()}", "field": path_text(path)}
        for owner, path in clashes
    ]
    return ApiFailure(409, "Conflict", _conflict_text(clashes), details={"causes": causes})


def _conflict_text(clashes: list[tuple[Owner, Path]]) -> str:
    if len(clashes) == 1:
        owner, path = clashes[0]
        return f"Apply failed with 1 conflict: conflict with {owner.text()}: {path_text(path)}"
    lines = []
    for name in sorted({owner.text() for owner, _ in clashes}):
        lines.append(f"conflicts with {name}:")
        lines += [f"- {path_text(path)}" for owner, path in clashes if owner.text() == name]
    return f"Apply failed with {len(clashes)} conflicts: " + "\n".join(lines)


def _clashes(base: Doc, merged: Doc, shape: Shape, others: Iterable[Owner]) -> list[tuple[Owner, Path]]:
    put, _ = changed_fields(base, merged, shape)
    return [(owner, path) for owner in others for path in sorted(owner.fields & put)]


def _of(clashes: list[tuple[Owner, Path]], owner: Owner) -> frozenset[Path]:
    return frozenset(path for other, path in clashes if other is owner)


def _pruned(merged: Doc, dropped: Fields, others: list[Owner], shape: Shape) -> Doc:
    """Without what the applier owned, says no more, and nobody else owns."""
    held = {path[:end] for owner in others for path in owner.fields for end in range(1, len(path) + 1)}
    tree: Doc = {}
    for path in sorted(dropped - held, key=len):
        node = tree
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node.setdefault(path[-1], {})["gone"] = {}
    cut: Doc = without_nulls(_cut(merged, tree, shape))
    return cut


def _cut(value: Any, tree: Doc, shape: Shape) -> Any:
    if isinstance(value, dict):
        return _cut_members(value, tree, shape)
    if isinstance(value, list) and shape.is_keyed():
        left = [_cut_item(item, tree.get(element(shape, item)), shape) for item in value]
        return [item for item in left if item is not None] or None
    if isinstance(value, list):
        return [item for item in value if "v:" + json.dumps(item) not in tree] or None
    return value


def _cut_item(item: Any, below: Doc | None, shape: Shape) -> Any:
    if below is None:
        return item
    return None if "gone" in below else _cut(item, below, shape.items)


def _cut_members(value: Doc, tree: Doc, shape: Shape) -> Doc | None:
    left: Doc = {}
    for key, item in value.items():
        below = tree.get(f"f:{key}")
        if below is None:
            left[key] = item
        elif "gone" not in below:
            left[key] = _cut(item, below, shape.child(key))
    return left or None


def _existing(owners: list[Owner], doc: Doc, shape: Shape, by: Owner) -> list[Owner]:
    """Nobody owns what is no longer there."""
    there = set(fields_of(doc, shape))
    there |= {path[:end] for path in there for end in range(1, len(path))}
    return [owner if owner.is_same(by) else replace(owner, fields=owner.fields & there) for owner in owners]
