"""Strict checks of one manifest without a cluster: unknown fields, wrong types, what is missing, names, amounts."""

from typing import Final

from opstwin.domain.values import Json, Spec
from opstwin.errors import InvalidInput
from opstwin.manifests.checks.checking import checked
from opstwin.manifests.difference import MASK
from opstwin.manifests.nodes import written

_SINGLE: Final = ("schema/", "names/", "values/")
"""Rules that one manifest breaks by itself. What many manifests break together, and what a policy says of them, is
told where they are planned together."""

_BY_DISCOVERY: Final = frozenset({
    "schema/deprecated-api", "schema/not-yet-served", "schema/other-version", "schema/removed-api", "schema/unchecked",
    "schema/unknown-kind",
})  # fmt: skip
"""What the cluster serves, it says itself."""

_SHOWN: Final = 3


def check_schema(spec: Spec) -> None:
    """Raise `InvalidInput` naming the field for what the API does not know; says nothing of kinds it does not know."""
    found = [item for item in checked([_without_masks(spec)]).blocking if item.rule.startswith(_SINGLE)]
    found = [item for item in found if item.rule not in _BY_DISCOVERY]
    if not found:
        return
    raise InvalidInput(
        f"{found[0].subject}: {' '.join(item.message for item in found[:_SHOWN])}", field=written(found[0].path),
        next_step=found[0].fix, details={"fields": [written(item.path) for item in found]},
    )  # fmt: skip


def _without_masks(spec: Spec) -> dict[str, Json]:
    """A value that was never read is right as it is."""
    held = spec.get("data")
    if not isinstance(held, dict):
        return dict(spec)
    return {**spec, "data": {key: "" if value == MASK else value for key, value in held.items()}}
