"""What the fields of the built-in kinds are: their types, list keys and patch strategies.

`schema.json` is condensed from the OpenAPI documents that Kubernetes 1.20, 1.25, 1.33 and 1.37 publish; a later
version's word wins, and `since` says from which of these minors on a field is known.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

Doc = dict[str, Any]
"""One JSON object. Whoever gets one from the store must not change it."""

Form = Literal["scalar", "struct", "map", "list", "any"]
ListKind = Literal["atomic", "set", "map"]

_KEY_DEFAULTS: Final = {"protocol": "TCP"}
"""What a missing list key stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The type of one field. `of` is the type of a map's values or a list's items; `keys` name a list's items."""

    form: Form
    scalar: str = ""
    type_name: str = ""
    of: "Shape | None" = None
    list_kind: ListKind = "atomic"
    keys: tuple[str, ...] = ()
    merge_key: str = ""
    strategies: tuple[str, ...] = ()
    atomic: bool = False
    own_fields: Mapping[str, "Shape"] | None = None
    keeps_unknown: bool = False

    @property
    def fields(self) -> "Mapping[str, Shape]":
        """The fields of a struct."""
        if self.own_fields is not None:
            return self.own_fields
        return struct(self.type_name).fields if self.form == "struct" else {}

    def child(self, name: str) -> "Shape":
        """The type of one field or value; `ANY` where nothing is known."""
        if self.form == "struct":
            return self.fields.get(name, ANY)
        return self.of or ANY

    @property
    def items(self) -> "Shape":
        """The type of a list's items."""
        return self.of or ANY

    def is_keyed(self) -> bool:
        """Whether items of this list are merged by their keys."""
        return self.form == "list" and self.list_kind == "map"


ANY: Final = Shape(form="any")


@dataclass(frozen=True, slots=True, kw_only=True)
class Struct:
    """A type with named fields."""

    fields: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    since: Mapping[str, int] = field(default_factory=dict)


@cache
def _table() -> Doc:
    found: Doc = json.loads(files("opstwin.targets.sim.kube").joinpath("schema.json").read_text(encoding="utf-8"))
    return found


@cache
def struct(type_name: str) -> Struct:
    """A type by its name, such as `core.v1.PodSpec`."""
    entry = _table()["types"].get(type_name, {})
    fields = {name: _shape(code) for name, code in entry.get("fields", {}).items()}
    return Struct(fields=fields, required=tuple(entry.get("required", ())), since=entry.get("since", {}))


@cache
def shape_of(group: str, version: str, kind: str) -> Shape:
    """The shape of a built-in kind; `ANY` when there is none."""
    name = _table()["kinds"].get(f"{group}/{version}/{kind}")
    return Shape(form="struct", type_name=name) if name else ANY


def type_names() -> Mapping[str, Any]:
    """Every type as it is written down."""
    types: Mapping[str, Any] = _table()["types"]
    return types


def key_of(shape: Shape, item: Doc) -> tuple[tuple[str, Any], ...]:
    """What names one item of a keyed list. Raises `KeyError` when a key is missing."""
    found = []
    for key in shape.keys:
        value = item.get(key, _KEY_DEFAULTS.get(key))
        if value is None:
            raise KeyError(key)
        found.append((key, value))
    return tuple(found)


def _shape(code: Any) -> Shape:
    if isinstance(code, str):
        return _simple(code)
    strategies = tuple(code.get("strategy", "").split(",")) if code.get("strategy") else ()
    if "ref" in code:
        inner = _simple(code["ref"])
        return Shape(
            form=inner.form, type_name=inner.type_name, scalar=inner.scalar, strategies=strategies,
            atomic=bool(code.get("atomic")) or inner.atomic,
        )  # fmt: skip
    if "map" in code:
        return Shape(form="map", of=_shape(code["map"]), atomic=bool(code.get("atomic")), strategies=strategies)
    return _list(code, strategies)


def _list(code: Doc, strategies: tuple[str, ...]) -> Shape:
    merge = code.get("merge", "")
    keys = tuple(code.get("keys", ())) or ((merge,) if merge else ())
    kind: ListKind = code.get("kind") or ("map" if merge else "set" if "merge" in strategies else "atomic")
    return Shape(
        form="list", of=_shape(code["list"]), list_kind=kind, keys=keys if kind == "map" else (),
        merge_key=merge, strategies=strategies,
    )  # fmt: skip


def _simple(code: str) -> Shape:
    if code.startswith("#"):
        entry = _table()["types"].get(code[1:], {})
        if "fields" not in entry:
            return ANY
        return Shape(form="struct", type_name=code[1:], atomic=bool(entry.get("atomic")))
    return ANY if code == "any" else Shape(form="scalar", scalar=code)


def custom_shape(text: Doc) -> Shape:
    """The shape that a CustomResourceDefinition's `openAPIV3Schema` describes."""
    if text.get("x-kubernetes-preserve-unknown-fields") and "properties" not in text:
        return ANY
    kind = text.get("type")
    if kind == "object" and "properties" in text:
        fields = {name: custom_shape(item) for name, item in text["properties"].items()}
        keeps = bool(text.get("x-kubernetes-preserve-unknown-fields"))
        atomic = text.get("x-kubernetes-map-type") == "atomic"
        return Shape(form="struct", own_fields=fields, keeps_unknown=keeps, atomic=atomic)
    if kind == "object":
        extra = text.get("additionalProperties")
        return Shape(form="map", of=custom_shape(extra)) if isinstance(extra, dict) else ANY
    if kind == "array":
        list_kind: ListKind = text.get("x-kubernetes-list-type", "atomic")
        keys = tuple(text.get("x-kubernetes-list-map-keys", ()))
        return Shape(form="list", of=custom_shape(text.get("items", {})), list_kind=list_kind, keys=keys)
    return Shape(form="scalar", scalar=kind) if kind else ANY


def of_custom_kind(text: Doc) -> Shape:
    """`custom_shape` with the parts that every object has."""
    meta = Shape(form="struct", type_name="meta.v1.ObjectMeta")
    inner = custom_shape(text)
    plain = Shape(form="scalar", scalar="string")
    if inner.form != "struct":
        return Shape(
            form="struct", own_fields={"apiVersion": plain, "kind": plain, "metadata": meta}, keeps_unknown=True
        )
    fields = {**inner.fields, "apiVersion": plain, "kind": plain, "metadata": meta}
    return Shape(form="struct", own_fields=fields, keeps_unknown=inner.keeps_unknown)
