"""What a field may hold, in a form that is quick to check. Made from the packaged schemas and from definitions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from opstwin.domain.values import Json

Constraint: TypeAlias = Callable[[Json], str]
"""Says what is wrong with a value, or nothing."""


class Shape(StrEnum):
    """The kinds of values. The letters are those of the packaged file."""

    TEXT = "s"
    INT32 = "i"
    INT64 = "l"
    NUMBER = "n"
    BOOLEAN = "b"
    AMOUNT = "q"
    PORT = "x"
    MOMENT = "t"
    BASE64 = "y"
    FREE_OBJECT = "o"
    ANYTHING = "*"
    CHOICE = "e"
    LIST = "a"
    MAP = "m"
    OBJECT = "O"


@dataclass(slots=True, eq=False)
class Type:
    """One type. `fields` may refer back to the type itself.

    `item` is the type of the elements of a list or map. `open` lets fields through that are not named.
    `constraints` are checked beside the shape.
    """

    shape: Shape
    item: "Type | None" = None
    choices: frozenset[str] = frozenset()
    fields: Mapping[str, "Type"] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    open: bool = False
    constraints: tuple[Constraint, ...] = ()


ANYTHING: Final = Type(Shape.ANYTHING)
SIMPLE: Final = {
    shape: Type(shape)
    for shape in Shape
    if shape not in {Shape.CHOICE, Shape.LIST, Shape.MAP, Shape.OBJECT, Shape.ANYTHING}
} | {Shape.ANYTHING: ANYTHING}
"""One type for each shape that has no parts."""
