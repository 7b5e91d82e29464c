"""What is there of what is wanted: an object as the cluster holds it, seen through the manifest asked for. Pure.

A cluster fills in many fields by itself, and others own some. So only these are compared: what the manifest says, and
what Opstwin's own field manager has set before and the manifest no longer says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import is_
from typing import Final

from opstwin.domain.diff import FieldChange, diff
from opstwin.domain.values import Json, Spec
from opstwin.manifests.merging import Keys, keys_of, signature_of
from opstwin.manifests.ownership import (
    NOTHING,
    Owned,
    element_part,
    is_mark,
    owned_by,
    owned_of,
    part_of,
    restricted,
    union,
    unmarked,
)
from opstwin.manifests.quantities import same_amount
from opstwin.manifests.volatile import without_volatile

MASK: Final = "•••"
"""How a value that is never read is shown; nobody can compare it."""

_FREE: Final = frozenset({
    "annotations", "binaryData", "data", "labels", "limits", "matchLabels", "nodeSelector", "requests", "stringData",
})  # fmt: skip
"""Maps whose keys people choose: in them an empty value is a value."""

_AMOUNTS: Final = frozenset({
    "allocatable", "capacity", "default", "defaultRequest", "hard", "limits", "max", "maxLimitRequestRatio", "min",
    "overhead", "requests",
})  # fmt: skip
"""Maps whose values are quantities."""

_AMOUNT_FIELDS: Final = frozenset({"averageValue", "divisor", "sizeLimit", "storage"})
_NUMBER_OR_TEXT: Final = frozenset({"maxSurge", "maxUnavailable", "minAvailable", "port", "targetPort"})
_ONE_VALUE: Final = frozenset({
    "configMapKeyRef", "fieldRef", "labelSelector", "namespaceSelector", "nodeSelector", "objectSelector",
    "podSelector", "resourceFieldRef", "roleRef", "scaleTargetRef", "secretKeyRef", "selector",
})  # fmt: skip
"""Objects of built-in kinds that have one owner as a whole (`x-kubernetes-map-type: atomic`): another key in them
changes what they mean, and so do other keys in the elements of a list that is one value."""

_FILLED_IN: Final = frozenset({
    "apiGroup", "apiVersion", "creationTimestamp", "defaultMode", "expirationSeconds", "kind", "optional", "protocol",
    "scope", "status", "storageClassName", "volumeMode",
})  # fmt: skip
"""What the API server fills in by itself where all else is one value (k8s.io/kubernetes/pkg/apis/*/v*/defaults.go)."""

_ORDERED: Final = "initContainers"
"""The one list of named elements whose order has a meaning."""

_GONE: Final[Json] = {"gone": True}
"""Stands, as this very object, for a field that is not there."""

_AMOUNT, _TEXT = "#amount", "#text"
"""Stand for the names of fields below maps whose keys people choose."""


def difference(kind: str, wanted: Spec, found: Spec) -> tuple[FieldChange, ...]:
    """What has to happen to `wanted` so that it says what is `found`; empty when what is there is as wanted.

    `kind` is the one of resource ids (`deployment`, `widget.example.com`). A `wanted` that was once observed itself (it
    carries `metadata.managedFields`) is compared in what Opstwin owned then or owns now, as all else in it was filled
    in by the cluster or belongs to others.
    """
    said, owned = _said(kind, wanted, found), owned_by(found)
    there = laid_over(kind, said, found, owned)
    return () if there is said else diff(said, there)


def laid_over(kind: str, wanted: Spec, found: Spec, owned: Owned = NOTHING) -> Spec:
    """What is there of `wanted`, in its form and order; `wanted` itself (the same object) when all of it is.

    `owned` adds what `found` has of it beyond `wanted`.
    """
    seen = _Seen(kind, builtin="." not in kind)
    return seen.object("", wanted, _as_asked(kind, wanted, found), owned)


def _said(kind: str, wanted: Spec, found: Spec) -> Spec:
    """What of `wanted` is to be compared; `wanted` itself when that is all."""
    metadata = wanted.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return wanted
    owned = union(owned_by(wanted), owned_by(found))
    return restricted(wanted, owned) if owned else without_volatile(kind, wanted)


def _as_asked(kind: str, wanted: Spec, found: Spec) -> Spec:
    """`found` in the API version that was asked for; what a Secret's `stringData` asks for is shown as asked.

    The values of a Secret are never read, so a key that is there is as wanted.
    """
    if "apiVersion" in found and found["apiVersion"] != wanted.get("apiVersion"):
        found = {**found, "apiVersion": wanted.get("apiVersion", found["apiVersion"])}
    asked, held = wanted.get("stringData"), found.get("data")
    if kind != "secret" or not isinstance(asked, dict) or not isinstance(held, dict):
        return found
    shown = {key: value for key, value in asked.items() if key in held}
    return {**found, "stringData": shown, "data": {key: value for key, value in held.items() if key not in asked}}


def _is_empty(value: Json) -> bool:
    return value is None or value in ([], {})


@dataclass(frozen=True, slots=True)
class _Seen:
    """Lays what was found over what is wanted; what is as wanted stays the very same object."""

    kind: str
    builtin: bool

    def value(self, field: str, wanted: Json, found: Json, owned: Owned, *, strict: bool = False) -> Json:
        """One value; `strict` where another key changes the meaning of what is wanted."""
        if isinstance(wanted, dict):
            if not isinstance(found, dict):
                return found
            put = self.object(field, wanted, found, owned, strict=strict)
            return wanted if put is wanted else dict(put)
        if isinstance(wanted, list):
            return self._list(field, wanted, found, owned, strict=strict) if isinstance(found, list) else found
        return wanted if self._same(field, wanted, found) else found

    def object(self, field: str, wanted: Spec, found: Spec, owned: Owned, *, strict: bool = False) -> Spec:
        """One object; `field` is its name, empty for the manifest itself and for elements of lists."""
        strict = strict or (self.builtin and field in _ONE_VALUE)
        inner = _AMOUNT if field in _AMOUNTS else _TEXT if field in _FREE else ""
        changed: dict[str, Json] = {}
        for key, value in wanted.items():
            there = found.get(key)
            if there is None:
                if not self._means_absent(field, key, value):
                    changed[key] = _GONE
            elif value is not None:
                put = self.value(inner or key, value, there, owned.get("f:" + key, NOTHING), strict=strict)
                if put is not value:
                    changed[key] = put
        if owned or strict:
            changed.update(self._beyond(wanted, found, owned, strict=strict))
        return {key: item for key, item in {**wanted, **changed}.items() if item is not _GONE} if changed else wanted

    def _beyond(self, wanted: Spec, found: Spec, owned: Owned, *, strict: bool) -> Iterator[tuple[str, Json]]:
        """What is there and not wanted, and is Opstwin's to take away or changes the meaning of what is wanted."""
        for text, below in owned.items():
            key = text[2:]
            if key not in wanted and text[:2] == "f:" and key in found and not is_mark(key, found[key]):
                part = unmarked(part_of(found[key], below))
                if part is not None and not _is_empty(part):
                    yield key, part
        for key in found if strict else ():
            if key not in wanted and key not in _FILLED_IN and not _is_empty(found[key]):
                yield key, found[key]

    def _list(self, field: str, wanted: list[Json], found: list[Json], owned: Owned, *, strict: bool) -> list[Json]:
        keys = keys_of(self.kind, field, wanted or found) if self.builtin else None
        if keys is not None and (not found or keys_of(self.kind, field, found) is not None):
            return self._matched(field, wanted, found, owned, keys)
        if len(wanted) != len(found):
            return found
        strict = strict or self.builtin
        put = [self.value(field, one, other, NOTHING, strict=strict) for one, other in zip(wanted, found, strict=True)]
        return wanted if all(map(is_, wanted, put)) else put

    def _matched(self, field: str, wanted: list[Json], found: list[Json], owned: Owned, keys: Keys) -> list[Json]:
        there = {signature_of(item, keys): item for item in found}
        put: list[Json] = []
        for item in wanted:
            match = there.pop(signature_of(item, keys), None)
            if match is not None:
                put.append(self.value("", item, match, owned_of(match, owned) or NOTHING))
        extra = [part for item in there.values() if (part := element_part(item, owned)) is not None]
        if field == _ORDERED:
            place = {signature_of(item, keys): number for number, item in enumerate(found)}
            put.sort(key=lambda item: place[signature_of(item, keys)])
        same = not extra and len(put) == len(wanted) and all(map(is_, wanted, put))
        return wanted if same else [*put, *extra]

    def _same(self, field: str, wanted: Json, found: Json) -> bool:
        if wanted == found:
            return isinstance(wanted, bool) == isinstance(found, bool)
        if isinstance(wanted, str) and MASK in wanted:
            return isinstance(found, str)
        if field == _AMOUNT or field in _AMOUNT_FIELDS or (field == "value" and self.kind == "horizontalpodautoscaler"):
            return same_amount(wanted, found)
        return self.builtin and field in _NUMBER_OR_TEXT and str(wanted) == str(found)

    def _means_absent(self, field: str, key: str, value: Json) -> bool:
        """Whether the API shows nothing where this is wanted: it leaves out what is empty, but for `{}`."""
        if value is None or value == []:
            return True
        if isinstance(value, dict):
            return not value and key in _FREE
        return self.builtin and field not in _FREE and not value
