"""Goes through a manifest along its type and notes what does not fit."""

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Final

from opstwin.domain.values import Json
from opstwin.manifests.checks.amounts import amount_of
from opstwin.manifests.checks.shapes import Shape, Type
from opstwin.manifests.checks.sheets import Sheet
from opstwin.manifests.nodes import Path

_MOMENT: Final = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,9})?"
    r"(?:[Zz]|[+-]\d{2}:\d{2})",
    re.ASCII,
)
_DEEPEST: Final = 120
"""More than the reader lets through; manifests that did not come from a text may be deeper."""

_MOST: Final = 100
"""Findings in one manifest: the rest of a manifest that is this wrong says nothing new."""

_WORDS: Final[Mapping[Shape, str]] = {
    Shape.TEXT: "text", Shape.INT32: "a whole number", Shape.INT64: "a whole number", Shape.NUMBER: "a number",
    Shape.BOOLEAN: "true or false", Shape.AMOUNT: "an amount such as 250m or 64Mi",
    Shape.PORT: "a whole number or text", Shape.MOMENT: "a moment such as 2026-01-31T08:00:00Z",
    Shape.BASE64: "base64 text", Shape.FREE_OBJECT: "a mapping", Shape.CHOICE: "text", Shape.LIST: "a list",
    Shape.MAP: "a mapping", Shape.OBJECT: "a mapping",
}  # fmt: skip


def walk(sheet: Sheet, type_: Type, value: Json, path: Path = ()) -> None:
    """Note on `sheet` every place below `path` that does not fit the type."""
    if len(sheet.findings) > _MOST or value is None:
        return
    if len(path) > _DEEPEST:
        sheet.add(
            "text/limit", path[:8], problem=f"It is nested deeper than {_DEEPEST} levels.", step="Make it flatter."
        )
        return
    check = _PARTS.get(type_.shape)
    if check is not None:
        check(sheet, type_, value, path)
    elif not _FITS[type_.shape](value):
        _misfit(sheet, type_.shape, value, path)
    for constraint in type_.constraints:
        if problem := constraint(value):
            sheet.add("schema/constraint", path, problem=problem)


def _object(sheet: Sheet, type_: Type, value: Json, path: Path) -> None:
    if not isinstance(value, dict):
        _wrong(sheet, type_.shape, value, path)
        return
    fields, item = type_.fields, type_.item
    for key, found in value.items():
        known = fields.get(key, item)
        if known is not None:
            walk(sheet, known, found, (*path, key))
        elif type_.shape is Shape.OBJECT and not type_.open:
            near = get_close_matches(key[:80], fields, n=1, cutoff=0.7)
            sheet.add("schema/unknown-field", (*path, key), hint=f" Is it {near[0]}?" if near else "")
    for key in type_.required:
        if value.get(key) is None:
            sheet.add("schema/missing", (*path, key))


def _list(sheet: Sheet, type_: Type, value: Json, path: Path) -> None:
    if not isinstance(value, list):
        _wrong(sheet, Shape.LIST, value, path)
        return
    if (item := type_.item) is None:
        return
    for place, found in enumerate(value):
        if found is None and item.shape is not Shape.ANYTHING:
            _wrong(sheet, item.shape, found, (*path, place))
        else:
            walk(sheet, item, found, (*path, place))


def _choice(sheet: Sheet, type_: Type, value: Json, path: Path) -> None:
    if not isinstance(value, str):
        _wrong(sheet, Shape.CHOICE, value, path)
    elif value and value not in type_.choices:
        sheet.add("schema/not-allowed", path, value=value, allowed=", ".join(sorted(type_.choices)))


def _misfit(sheet: Sheet, shape: Shape, value: Json, path: Path) -> None:
    if shape is Shape.AMOUNT and not isinstance(value, dict | list | bool):
        sheet.add("values/quantity", path, value=value)
    else:
        _wrong(sheet, shape, value, path)


def _wrong(sheet: Sheet, shape: Shape, value: Json, path: Path) -> None:
    quoted = shape in {Shape.TEXT, Shape.CHOICE} and isinstance(value, int | float)
    hint = " Put it in quotes." if quoted else ""
    sheet.add("schema/wrong-type", path, wanted=_WORDS.get(shape, "something else"), found=_kind(value), hint=hint)


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}
    return names[type(value)]


def _text(value: Json) -> bool:
    return isinstance(value, str)


def _whole(value: Json, bits: int) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (isinstance(value, int) or (math.isfinite(value) and value == int(value))) and abs(value) < 2**bits


def _base64(value: Json) -> bool:
    if not isinstance(value, str):
        return False
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


_FITS: Final[Mapping[Shape, Callable[[Json], bool]]] = {
    Shape.ANYTHING: lambda value: True,
    Shape.TEXT: _text,
    Shape.INT32: lambda value: _whole(value, 31),
    Shape.INT64: lambda value: _whole(value, 63),
    Shape.NUMBER: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    Shape.BOOLEAN: lambda value: isinstance(value, bool),
    Shape.AMOUNT: lambda value: amount_of(value) is not None,
    Shape.PORT: lambda value: _text(value) or _whole(value, 31),
    Shape.MOMENT: lambda value: isinstance(value, str) and _MOMENT.fullmatch(value) is not None,
    Shape.BASE64: _base64,
}

_PARTS: Final[Mapping[Shape, Callable[[Sheet, Type, Json, Path], None]]] = {
    Shape.OBJECT: _object, Shape.MAP: _object, Shape.FREE_OBJECT: _object, Shape.LIST: _list, Shape.CHOICE: _choice,
}  # fmt: skip
