"""Members whose JSON type is not their field's, as the two decoders of the server tell of them."""

import json
from typing import Any, Final

from opstwin.targets.sim.kube.schema import Shape


def wrong_type(value: Any, shape: Shape, at: str = "", holder: str = "") -> str | None:
    """The first member whose JSON type is not the field's, in the server's words; None when all fit."""
    if value is None or shape.form == "any":
        return None
    if shape.form == "scalar":
        return _wrong_scalar(value, shape.scalar, f"{holder}.{at}")
    if not isinstance(value, list if shape.form == "list" else dict):
        return _mismatch(value, f"{holder}.{at}", "[]" if shape.form == "list" else "map")
    if isinstance(value, list):
        return next((text for item in value for text in [wrong_type(item, shape.items, at, holder)] if text), None)
    return next(
        (text for name, item in value.items() for text in [_wrong_member(name, item, shape, at, holder)] if text), None
    )


def _wrong_member(name: str, item: Any, shape: Shape, at: str, holder: str) -> str | None:
    if shape.form == "map":
        return wrong_type(item, shape.child(name), at, holder)
    return wrong_type(item, shape.child(name), f"{at}.{name}" if at else name, shape.type_name.rpartition(".")[2])


_SCALARS: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "string"), "bytes": ((str,), "[]uint8"), "boolean": ((bool,), "bool"),
    "integer": ((int,), "int32"), "number": ((int, float), "float64"),
}  # fmt: skip


def _wrong_scalar(value: Any, scalar: str, at: str) -> str | None:
    if scalar not in _SCALARS:
        return None if not isinstance(value, dict | list) else _mismatch(value, at, scalar)
    types, word = _SCALARS[scalar]
    if isinstance(value, types) and (scalar == "boolean" or not isinstance(value, bool)):
        return None
    return _mismatch(value, at, word)


def _mismatch(value: Any, at: str, wanted: str) -> str:
    words = {bool: "bool", int: "number", float: "number", str: "string", dict: "object", list: "array"}
    return f"json: cannot unmarshal {words.get(type(value), 'object')} into Go struct field {at} of type {wanted}"


_EXPECTED: Final = {
    "string": "string", "bytes": "string", "boolean": "boolean", "integer": "numeric", "number": "numeric",
}  # fmt: skip


def misfits(value: Any, shape: Shape, *, modern: bool, at: str = "") -> list[str]:
    """What server-side apply says of members that do not fit the schema."""
    if value is None or shape.form == "any":
        return []
    if shape.form == "scalar":
        return _scalar_misfit(value, shape.scalar, at, modern=modern)
    if not isinstance(value, list if shape.form == "list" else dict):
        return [f"{at}: expected {'list' if shape.form == 'list' else 'map'}, got {_go(value, modern=modern)}"]
    if isinstance(value, list):
        parts = [(item, shape.items, f"{at}[{index}]") for index, item in enumerate(value)]
    else:
        parts = [(item, shape.child(name), f"{at}.{name}") for name, item in value.items()]
    return [text for item, inner, here in parts for text in misfits(item, inner, modern=modern, at=here)]


def _scalar_misfit(value: Any, scalar: str, at: str, *, modern: bool) -> list[str]:
    if scalar == "quantity" and not modern and not isinstance(value, str):
        return [f"{at}: expected string, got {_go(value, modern=True)}"]
    if scalar not in _SCALARS:
        return []
    types, _ = _SCALARS[scalar]
    if isinstance(value, types) and (scalar == "boolean" or not isinstance(value, bool)):
        return []
    return [f"{at}: expected {_EXPECTED[scalar]}, got {_go(value, modern=modern)}"]


def _go(value: Any, *, modern: bool) -> str:
    if isinstance(value, dict | list):
        text = "map[...]" if isinstance(value, dict) else "[...]"
        return f"&value.valueUnstructured{{Value:{text}}}" if modern else f"&{{{text}}}"
    return f"&value.valueUnstructured{{Value:{json.dumps(value)}}}" if modern else f"&{{{value}}}"
