"""What a field manager owns in an object (`metadata.managedFields`, `fieldsV1`), and the parts of a spec. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from opstwin.domain.values import Json, Spec
from opstwin.manifests.merging import is_named_by, owned_key

MANAGER: Final = "opstwin"
"""The field manager of everything that Opstwin wants."""

RESTORER: Final = "opstwin-restore"
"""The field manager of what Opstwin put back for others: their fields, with the values they had."""

OWN_ANNOTATIONS: Final = "opstwin.io/"
"""The start of the names of Opstwin's own annotations: they are marks and no part of any spec."""

MANAGED_BY: Final = "app.kubernetes.io/managed-by"

Owned = Mapping[str, Any]
"""A tree of fieldsV1: `f:name` for fields, `k:{…}` for elements, `v:…` for plain elements; empty below means all."""

NOTHING: Final[Owned] = {}
_IDENTITY: Final = ("apiVersion", "kind")
_PLACE: Final = ("name", "namespace")
_CHOSEN: Final = ("labels", "annotations")


def owned_by(spec: Spec, manager: str = MANAGER) -> Owned:
    """What `manager` owns in `spec` by its own `metadata.managedFields`; empty when these say nothing of it."""
    metadata = spec.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, dict) else None
    found: Owned = NOTHING
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("manager") == manager:
            tree = entry.get("fieldsV1")
            found = union(found, tree) if isinstance(tree, dict) else found
    return found


def union(one: Owned, other: Owned) -> Owned:
    """What either owns. Neither is touched."""
    if not one or not other:
        return one or other
    merged: dict[str, Any] = dict(one)
    for key, below in other.items():
        mine = merged.get(key)
        # A field that one of them owns as a whole is owned as a whole.
        merged[key] = below if mine is None else ({} if not mine or not below else union(mine, below))
    return merged


def is_whole(owned: Owned) -> bool:
    """Whether the value itself is owned, and not only that it is there or parts of it."""
    return not owned


def part_of(value: Json, owned: Owned) -> Json:
    """The part of `value` that is owned; None when that is nothing."""
    if is_whole(owned):
        return value
    if isinstance(value, dict):
        found = {key[2:]: part_of(value[key[2:]], below) for key, below in owned.items() if key[2:] in value}
        return _filled(found)
    if isinstance(value, list):
        parts: list[Json] = [part for item in value if (part := element_part(item, owned)) is not None]
        return parts or None
    return value


def element_part(item: Json, owned: Owned) -> Json:
    """The owned part of one element of a list; None when nothing of it is."""
    below = owned_of(item, owned)
    return None if below is None else part_of(item, below)


def owned_of(item: Json, owned: Owned) -> Owned | None:
    """What is owned of one element of a list, given what is owned of the list; None when nothing is."""
    found = _entry(item, owned)
    return None if found is None else found[1]


def rest_of(value: Json, owned: Owned) -> Json:
    """The part of `value` that is not owned, with the keys of list elements; None when that is nothing."""
    if isinstance(value, dict):
        return _filled({key: _rest_below(item, owned.get(f"f:{key}")) for key, item in value.items()})
    if isinstance(value, list):
        rests: list[Json] = [rest for item in value if (rest := _element_rest(item, owned)) is not None]
        return rests or None
    return None


def restricted(spec: Spec, owned: Owned) -> dict[str, Json]:
    """`spec` with what is owned, and what says which object it is; without Opstwin's marks on the object itself."""
    part = part_of(dict(spec), owned) if owned else None
    return _identified(spec, _unmarked(part) if isinstance(part, dict) else {})


def remainder(spec: Spec, owned: Owned) -> dict[str, Json] | None:
    """`spec` with what is not owned, and what says which object it is; None when everything is owned."""
    said = {key: item for key, item in spec.items() if key not in (*_IDENTITY, "metadata")}
    metadata = spec.get("metadata")
    chosen = {key: metadata[key] for key in _CHOSEN if metadata.get(key)} if isinstance(metadata, dict) else {}
    if chosen:
        said["metadata"] = chosen
    rest = rest_of(said, owned)
    return _identified(spec, rest) if isinstance(rest, dict) else None


def is_mark(name: str, value: Json = None) -> bool:
    """Whether this is one of Opstwin's own annotations, or the label that says that Opstwin manages a thing."""
    return name.startswith(OWN_ANNOTATIONS) or (name == MANAGED_BY and value == MANAGER)


def _filled(found: Mapping[str, Json]) -> Json:
    """Without what is None; None when nothing is left."""
    kept: dict[str, Json] = {key: item for key, item in found.items() if item is not None}
    return kept or None


def _unmarked(part: dict[str, Json]) -> dict[str, Json]:
    """`part` without marks in its own metadata; a template may carry texts of the same names that are wanted."""
    metadata = part.get("metadata")
    if not isinstance(metadata, dict):
        return part
    kept: dict[str, Json] = {}
    for field, value in metadata.items():
        own = unmarked(value) if field in _CHOSEN else value
        if own not in (None, {}):
            kept[field] = own
    return {**{key: item for key, item in part.items() if key != "metadata"}, **({"metadata": kept} if kept else {})}


def unmarked(value: Json) -> Json:
    """Labels or annotations without Opstwin's marks."""
    return {key: item for key, item in value.items() if not is_mark(key, item)} if isinstance(value, dict) else value


def _identified(spec: Spec, part: Mapping[str, Json]) -> dict[str, Json]:
    metadata, own = spec.get("metadata"), part.get("metadata")
    held = metadata if isinstance(metadata, dict) else {}
    place: dict[str, Json] = {key: held[key] for key in _PLACE if key in held}
    said = own if isinstance(own, dict) else {}
    return {**{key: spec[key] for key in _IDENTITY if key in spec}, **part, "metadata": {**said, **place}}


def _element_rest(item: Json, owned: Owned) -> Json:
    found = _entry(item, owned)
    if found is None:
        return item
    keys, below = found
    if is_whole(below) or not isinstance(item, dict):
        return None
    rest = rest_of({key: value for key, value in item.items() if key not in keys}, below)
    return {**{key: item[key] for key in keys if key in item}, **rest} if isinstance(rest, dict) else None


def _rest_below(item: Json, owned: Owned | None) -> Json:
    if owned is None:
        return item
    return None if is_whole(owned) else rest_of(item, owned)


def _entry(item: Json, owned: Owned) -> tuple[frozenset[str], Owned] | None:
    """The keys that name one element of a list, and what is owned of it; None when nothing is."""
    for text, below in owned.items():
        if text.startswith("k:"):
            keys = owned_key(text)
            if is_named_by(item, keys):
                return frozenset(key for key, _ in keys), below
        elif text.startswith("v:") and _plain(text) == item:
            return frozenset(), below
    return None


def _plain(text: str) -> Json:
    found = owned_key(f'{{"value":{text.removeprefix("v:")}}}')
    return dict(found).get("value")
