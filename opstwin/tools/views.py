"""What the answers of all tools are built with."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Generic[T]):
    """A page of a list; `next` is the cursor of the following one. `counts` are over the whole list, where given."""

    items: tuple[T, ...]
    next: str | None = None
    counts: Mapping[str, Mapping[str, int]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[T]):
    """A page for somebody who reads little: what there is in one line and in numbers, what needs attention, then items.

    `counts` are over everything that was asked for, not over the page alone. `hint` is the next call worth making.
    """

    summary: str
    counts: Mapping[str, Mapping[str, int]]
    exceptions: tuple[T, ...]
    items: tuple[T, ...]
    next: str | None = None
    hint: str = ""


def row(kind: type[T], record: object, **more: Any) -> T:
    """A view of `record`: the view's fields taken from `more`, else from the record's fields of the same names."""
    names = [field.name for field in fields(kind) if field.name not in more]  # type: ignore[arg-type]
    return kind(**{name: getattr(record, name) for name in names}, **more)
