"""The three older kinds of patch: JSON patch, merge patch, strategic merge patch."""

import copy
from typing import Any

from opstwin.targets.sim.kube.failures import ApiFailure, bad_request
from opstwin.targets.sim.kube.schema import ANY, Doc, Shape


def merge_patched(value: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    base = value if isinstance(value, dict) else {}
    kept = {key: item for key, item in base.items() if key not in patch}
    put = {key: merge_patched(base.get(key), item) for key, item in patch.items() if item is not None}
    return {**kept, **put}


def json_patched(doc: Doc, steps: Any) -> Doc:
    """RFC 6902. Raises 422 for a step that cannot be done, 400 for what is no list of steps."""
    if not isinstance(steps, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    made = copy.deepcopy(doc)
    for step in steps:
        try:
            _json_step(made, step)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise _unusable() from error
    return made


def _unusable() -> ApiFailure:
    return ApiFailure(
        422, "Invalid", "the server rejected our request due to an error in our request", empty_details=True
    )


def _json_step(doc: Doc, step: Doc) -> None:
    path = _pointer(step["path"])
    op = step["op"]
    if op == "test":
        if _at(doc, path) != step["value"]:
            raise _unusable()
    elif op in ("move", "copy"):
        source = _pointer(step["from"])
        value = copy.deepcopy(_at(doc, source))
        if op == "move":
            _remove(doc, source)
        _add(doc, path, value)
    elif op == "remove":
        _remove(doc, path)
    elif op == "replace":
        _at(doc, path)
        _replace(doc, path, step["value"])
    else:
        _add(doc, path, step["value"])


def _pointer(text: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _at(doc: Any, path: list[str]) -> Any:
    for part in path:
        doc = doc[int(part)] if isinstance(doc, list) else doc[part]
    return doc


def _add(doc: Any, path: list[str], value: Any) -> None:
    holder = _at(doc, path[:-1])
    if isinstance(holder, list):
        holder.insert(len(holder) if path[-1] == "-" else int(path[-1]), value)
    else:
        holder[path[-1]] = value


def _replace(doc: Any, path: list[str], value: Any) -> None:
    holder = _at(doc, path[:-1])
    holder[int(path[-1]) if isinstance(holder, list) else path[-1]] = value


def _remove(doc: Any, path: list[str]) -> None:
    holder = _at(doc, path[:-1])
    del holder[int(path[-1]) if isinstance(holder, list) else path[-1]]


def strategic_patched(value: Any, patch: Any, shape: Shape) -> Any:
    """Strategic merge patch: lists with a merge key are merged item by item, and `$` directives are obeyed."""
    if isinstance(patch, dict):
        return _members(value if isinstance(value, dict) else {}, patch, shape)
    if isinstance(patch, list) and "merge" in shape.strategies:
        return _items(value if isinstance(value, list) else [], patch, shape)
    return patch


def _members(value: Doc, patch: Doc, shape: Shape) -> Doc | None:
    directive = patch.get("$patch")
    if directive == "delete":
        return None
    plain = {key: item for key, item in patch.items() if not key.startswith("$")}
    if directive == "replace":
        return plain
    left = {key: item for key, item in value.items() if "$retainKeys" not in patch or key in patch["$retainKeys"]}
    for key, item in plain.items():
        made = strategic_patched(left.get(key), item, shape.child(key)) if item is not None else None
        left[key] = made
    left = {key: item for key, item in left.items() if item is not None or key not in plain}
    for key in patch:
        _directive(left, key, patch[key], shape)
    return left


def _directive(left: Doc, key: str, given: Any, shape: Shape) -> None:
    mark, _, name = key.partition("/")
    if mark == "$deleteFromPrimitiveList" and name in left:
        left[name] = [item for item in left[name] if item not in given]
    if mark == "$setElementOrder" and name in left:
        left[name] = _ordered(left[name], given, shape.child(name))


def _ordered(items: list[Any], order: list[Any], shape: Shape) -> list[Any]:
    key = shape.merge_key
    names = [item[key] for item in order] if key else list(order)
    place = {name: index for index, name in enumerate(names)}
    known = sorted(
        (item for item in items if _name(item, key) in place), key=lambda item: place[_name(item, key)]
    )  # fmt: skip
    return [*known, *(item for item in items if _name(item, key) not in place)]


def _name(item: Any, key: str) -> Any:
    return item.get(key) if key else item


def _items(items: list[Any], patch: list[Any], shape: Shape) -> list[Any]:
    key = shape.merge_key
    if not key:
        return [*items, *(item for item in patch if item not in items)]
    if any(item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    left = list(items)
    for item in patch:
        if key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        place = next((n for n, old in enumerate(left) if old.get(key) == item[key]), None)
        _put_item(left, place, item, shape.items if shape.of else ANY)
    return _interleaved(left, [old.get(key) for old in items], [item[key] for item in patch], key)


def _interleaved(left: list[Any], before: list[Any], said: list[Any], key: str) -> list[Any]:
    """Items of the patch in its order, the others in theirs; what is new stands before what the patch leaves alone."""
    ours = [item for name in said for item in left if item.get(key) == name]
    others = [item for item in left if item.get(key) not in said]
    made: list[Any] = []
    while ours and others:
        mine, other = ours[0].get(key), others[0].get(key)
        later = mine in before and before.index(mine) > before.index(other)
        made.append((others if later else ours).pop(0))
    return [*made, *ours, *others]


def _put_item(left: list[Any], place: int | None, item: Doc, shape: Shape) -> None:
    made = _members(left[place] if place is not None else {}, item, shape)
    if place is None:
        if made is not None:
            left.append(made)
    elif made is None:
        del left[place]
    else:
        left[place] = made
