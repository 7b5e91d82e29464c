"""Amounts as text, which every API server takes. Pure."""

from typing import Final

from opstwin.domain.values import Json, Spec
from opstwin.manifests.checks.schemas import servings, type_of
from opstwin.manifests.checks.shapes import Shape, Type

_DEEPEST: Final = 120
"""As deep as the checks look."""


def with_amounts_as_text(spec: Spec) -> dict[str, Json]:
    """`spec` with `cpu: 1` as `cpu: "1"` wherever a built-in kind has an amount; another kind's stays as it is.

    Both mean the same, but API servers before 1.21 refuse to apply a number there: they expect a string.
    """
    known = servings().get((str(spec.get("apiVersion")), str(spec.get("kind"))))
    if not known:
        return dict(spec)
    newest = known[-1]
    made = _written(type_of(newest.last, newest.definition), dict(spec), 0)
    return made if isinstance(made, dict) else dict(spec)


def _written(type_: Type | None, value: Json, depth: int) -> Json:
    if type_ is None or depth > _DEEPEST:
        return value
    if type_.shape is Shape.AMOUNT:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return str(value) if is_number else value
    if isinstance(value, dict):
        return {key: _written(type_.fields.get(key, type_.item), item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_written(type_.item, item, depth + 1) for item in value]
    return value
