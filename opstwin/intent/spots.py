"""One spot of a file: a value with its path, read strictly, every fault with path and line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar

from opstwin.errors import InvalidInput
from opstwin.manifests.nodes import ListNode, MapNode, Node, Path, Place, Scalar, fault, written

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Spot:
    """A node, the path to it, and where its key (or itself, in a list) stands."""

    node: Node
    path: Path
    place: Place

    @property
    def name(self) -> str:
        """The path as people write it."""
        return written(self.path)

    @property
    def is_null(self) -> bool:
        """Whether nothing was written."""
        return isinstance(self.node, Scalar) and self.node.value is None

    @property
    def is_single(self) -> bool:
        """Whether it is one value, and not a list or a mapping."""
        return isinstance(self.node, Scalar)

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.node, ListNode)

    def entries(self) -> dict[str, "Spot"]:
        """The members of a mapping, without the extension keys `x-…`, which the Compose specification keeps free."""
        if self.is_null:
            return {}
        if not isinstance(self.node, MapNode):
            raise self.fault("must be a mapping", "Write it as key: value lines.")
        return {
            key: Spot(item, (*self.path, key), self.node.keys[key])
            for key, item in self.node.items.items()
            if not key.startswith("x-")
        }

    def only(self, known: Sequence[str], advice: Mapping[str, str]) -> dict[str, "Spot"]:
        """The members; a key that is not in `known` is refused, with its advice or the nearest known key."""
        for error in self.beyond(known, advice):
            raise error
        return self.entries()

    def beyond(self, known: Sequence[str], advice: Mapping[str, str]) -> Iterator[InvalidInput]:
        """An error for each key that is not in `known`."""
        for key, spot in self.entries().items():
            if key not in known:
                yield spot.fault("is not supported", advice.get(key) or _nearest(key, known))

    def items(self) -> Iterator["Spot"]:
        """The members of a list."""
        if not isinstance(self.node, ListNode):
            raise self.fault("must be a list", "Write its entries as lines that begin with a dash.")
        for index, item in enumerate(self.node.items):
            yield Spot(item, (*self.path, index), item.place)

    def text(self) -> str:
        """Text; a number or a boolean is not text unless it is in quotes."""
        if isinstance(self.node, Scalar) and isinstance(self.node.value, str):
            return self.node.text
        raise self.fault("must be text", "Write text, in quotes if it looks like a number.")

    def raw(self) -> str:
        """Text, or a number or boolean as it was written."""
        if isinstance(self.node, Scalar) and self.node.value is not None:
            return self.node.text
        raise self.fault("must be a single value", "Write one value.")

    def whole(self) -> int:
        """A whole number, also one in quotes, as a replaced variable is."""
        text = self.raw()
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise self.fault("must be a whole number", "Write digits only.")
        return int(text)

    def flag(self) -> bool:
        """true or false."""
        text = self.raw()
        if text not in ("true", "false"):
            raise self.fault("must be true or false", "Write true or false.")
        return text == "true"

    def one_of(self, allowed: Sequence[str], next_step: str) -> str:
        """Text that is one of `allowed`."""
        text = self.text()
        if text not in allowed:
            raise self.fault(f"is {text[:80]!r}, which is not supported", next_step)
        return text

    def checked(self, read: Callable[[], R]) -> R:
        """`read()`, with the path and line of this spot given to an `InvalidInput`."""
        try:
            return read()
        except InvalidInput as error:
            message = f"{self.name}: {error.message}"
            raise fault(message, place=self.place, field=self.name, next_step=error.next_step) from error

    def fault(self, problem: str, next_step: str) -> InvalidInput:
        """An error that says what is wrong here."""
        where = self.name or "The file"
        return fault(f"{where} {problem}.", place=self.place, field=self.name, next_step=next_step)


def _nearest(key: str, known: Sequence[str]) -> str:
    close = get_close_matches(key[:80], known, n=1)
    return f"Did you mean {close[0]}?" if close else f"Remove it. Known here: {', '.join(known)}."
