"""Identifiers and JSON values shared by the whole domain."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import NewType, TypeAlias

from typing_extensions import TypeAliasType

Json = TypeAliasType("Json", "None | bool | int | float | str | list[Json] | dict[str, Json]")
Spec: TypeAlias = Mapping[str, Json]

TargetId = NewType("TargetId", str)
ResourceId = NewType("ResourceId", str)
PlanId = NewType("PlanId", str)
ApprovalId = NewType("ApprovalId", str)
ExecutionId = NewType("ExecutionId", str)
Digest = NewType("Digest", str)


def canonical(value: Json | Spec) -> str:
    """One text for one value: keys sorted, no spaces, non-ASCII kept (as RFC 8785 does, without its number rules)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: Json | Spec) -> Digest:
    """SHA-256 of the canonical text, as `sha256:` and 64 hex digits."""
    return Digest("sha256:" + hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest())


def resource_id(target: TargetId, kind: str, name: str) -> ResourceId:
    """The id of one resource: `target/kind/name`, for example `local/container/web-1`."""
    return ResourceId(f"{target}/{kind}/{name}")


def to_json(value: object) -> Json:
    """A domain value as JSON: dataclasses become objects, tuples lists, moments ISO 8601, enums their value.

    Sets become lists in one order. Raises `TypeError` for anything that has no one JSON form.
    """
    if isinstance(value, Enum):
        return to_json(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted((to_json(item) for item in value), key=canonical)
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")
