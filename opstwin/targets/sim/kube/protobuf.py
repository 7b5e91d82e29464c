"""The few request bodies that stock clients send as protobuf, whatever the server prefers."""

from collections.abc import Iterator
from typing import Any, Final

from opstwin.targets.sim.kube.failures import ApiFailure
from opstwin.targets.sim.kube.schema import Doc

MAGIC: Final = b"k8s\x00"

# number -> (field, type): "str", "int", "bool", "strs" (repeated), or the name of a message
_MESSAGES: Final[dict[str, dict[int, tuple[str, str]]]] = {
    "TypeMeta": {1: ("apiVersion", "str"), 2: ("kind", "str")},
    "Meta": {1: ("name", "str"), 2: ("generateName", "str"), 3: ("namespace", "str")},
    "SelfSubjectAccessReview": {1: ("metadata", "Meta"), 2: ("spec", "AccessSpec")},
    "SelfSubjectRulesReview": {1: ("metadata", "Meta"), 2: ("spec", "RulesSpec")},
    "SelfSubjectReview": {1: ("metadata", "Meta")},
    "AccessSpec": {1: ("resourceAttributes", "What"), 2: ("nonResourceAttributes", "Path")},
    "What": {
        1: ("namespace", "str"), 2: ("verb", "str"), 3: ("group", "str"), 4: ("version", "str"), 5: ("resource", "str"),
        6: ("subresource", "str"), 7: ("name", "str"),
    },
    "Path": {1: ("path", "str"), 2: ("verb", "str")},
    "RulesSpec": {1: ("namespace", "str")},
    "TokenRequest": {1: ("metadata", "Meta"), 2: ("spec", "TokenSpec")},
    "TokenSpec": {1: ("audiences", "strs"), 4: ("expirationSeconds", "int")},
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "int"), 2: ("preconditions", "Conditions"), 3: ("orphanDependents", "bool"),
        4: ("propagationPolicy", "str"), 5: ("dryRun", "strs"),
    },
    "Conditions": {1: ("uid", "str"), 2: ("resourceVersion", "str")},
    "Eviction": {1: ("metadata", "Meta"), 2: ("deleteOptions", "DeleteOptions")},
}  # fmt: skip


def from_protobuf(body: bytes) -> Doc:
    """The document in a protobuf body. Raises 415 for kinds that the fake does not read in this form."""
    envelope = dict(_fields(body.removeprefix(MAGIC)))
    head = _message("TypeMeta", envelope.get(1, b""))
    if head.get("kind") not in _MESSAGES:
        raise ApiFailure(
            415, "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: application/json, "
            "application/yaml",
        )  # fmt: skip
    return {**head, **_message(head["kind"], envelope.get(2, b""))}


def _message(name: str, data: bytes) -> Doc:
    known = _MESSAGES[name]
    found: Doc = {}
    for number, value in _fields(data):
        if number not in known:
            continue
        field, kind = known[number]
        if kind == "strs":
            found.setdefault(field, []).append(value.decode())
        else:
            found[field] = _value(kind, value)
    return {field: value for field, value in found.items() if value != ""}


def _value(kind: str, value: Any) -> Any:
    if kind == "str":
        return value.decode()
    if kind in ("int", "bool"):
        return int(value) if kind == "int" else bool(value)
    return _message(kind, value)


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
        elif wire == 2:
            size, at = _varint(data, at)
            yield number, data[at : at + size]
            at += size
        else:
            at += 8 if wire == 1 else 4


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
