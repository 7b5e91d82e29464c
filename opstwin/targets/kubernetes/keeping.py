"""The form in which a manifest is kept as desired, and what is refused before it is kept. Pure."""

from collections.abc import Mapping
from typing import Final

from opstwin.domain.values import Json, Spec
from opstwin.domain.workload import check_secret_reference
from opstwin.errors import InvalidInput
from opstwin.manifests.difference import MASK
from opstwin.manifests.forms import text_at
from opstwin.manifests.ownership import is_mark
from opstwin.manifests.protocols import with_protocols
from opstwin.targets.kubernetes.schema import check_schema

_METADATA: Final = ("name", "namespace", "labels", "annotations")
_FILLED_IN: Final = frozenset({
    "creationTimestamp", "deletionTimestamp", "generation", "managedFields", "ownerReferences", "resourceVersion",
    "selfLink", "uid",
})  # fmt: skip
"""Metadata that a cluster writes: exported manifests hold it, and nobody asks for it."""


def kept_form(kind: str, name: str, spec: Spec) -> dict[str, Json]:
    """`spec` without what a cluster writes and without Opstwin's marks.

    Raises `InvalidInput` naming the field for another kind or name than the resource's, for what the API does not know
    or has another type for, and for values of secrets.
    """
    for field in ("apiVersion", "kind"):
        if not text_at(spec, field):
            raise InvalidInput(
                f"A manifest needs {field}.", field=field, next_step="Write it as in kubectl get -o yaml."
            )
    if text_at(spec, "kind").lower() != kind.partition(".")[0]:
        raise _other("kind", text_at(spec, "kind"), kind)
    full = "/".join(
        part for part in (text_at(spec, "metadata", "namespace"), text_at(spec, "metadata", "name")) if part
    )
    if full != name:
        raise _other("metadata.name", full, name)
    kept = {key: value for key, value in spec.items() if key != "status"}
    kept["metadata"] = _metadata(kept.get("metadata"))
    if kind == "secret":
        _check_secret(kept)
    check_schema(kept)
    return with_protocols(kind, kept)


def _metadata(value: Json) -> dict[str, Json]:
    found = value if isinstance(value, dict) else {}
    unknown = sorted(set(found) - set(_METADATA) - _FILLED_IN)
    if unknown:
        raise InvalidInput(
            f"metadata.{unknown[0][:80]} cannot be wanted.",
            field=f"metadata.{unknown[0][:80]}",
            next_step=f"Use these: {', '.join(_METADATA)}.",
        )
    kept: dict[str, Json] = {}
    for field in _METADATA:
        item = found.get(field)
        if isinstance(item, dict):
            item = {key: text for key, text in item.items() if not (field == "annotations" and is_mark(key))}
        if item not in (None, {}):
            kept[field] = item
    return kept


def _check_secret(spec: Mapping[str, Json]) -> None:
    """Values stay where they are: the twin keeps references."""
    for field in ("data", "stringData"):
        held = spec.get(field)
        for key, value in held.items() if isinstance(held, dict) else ():
            reference = value.get("secretRef") if isinstance(value, dict) and len(value) == 1 else None
            if isinstance(reference, str) and field == "stringData":
                check_secret_reference(reference)
            elif value != MASK:
                raise InvalidInput(
                    f"{field}.{key[:80]} holds the value of a secret, and values are not kept.",
                    field=f"{field}.{key[:80]}",
                    next_step=f"Write stringData: {{{key[:80]}: {{secretRef: env:NAME}}}}, and set NAME for the hub.",
                )


def _other(field: str, said: str, expected: str) -> InvalidInput:
    return InvalidInput(
        f"{field} says {said[:80]!r}, and the resource is {expected[:80]!r}.", field=field,
        next_step="Let both say the same.",
    )  # fmt: skip
