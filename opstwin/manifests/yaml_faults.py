"""The errors of YAML text, each with its place and what to do."""

from typing import Final

from ruamel.yaml.error import MarkedYAMLError, StreamMark
from ruamel.yaml.reader import ReaderError

from opstwin.errors import InvalidInput, LimitExceeded
from opstwin.manifests.nodes import Place, fault

MAX_DEPTH: Final = 32
"""Levels in a text that people write, unless the caller allows more."""


def place_at(mark: StreamMark) -> Place:
    """Where a mark of the parser stands."""
    return Place(mark.line + 1, mark.column + 1)


def syntax(error: MarkedYAMLError) -> InvalidInput:
    """The text is not YAML."""
    mark = error.problem_mark or error.context_mark
    problem = " ".join(str(error.problem or error.context or "it cannot be read").split())[:200]
    return fault(
        f"The text is not YAML: {problem}.",
        place=place_at(mark) if mark else Place(1, 1),
        next_step="Check quotes, brackets and indentation there.",
    )


def unprintable(text: str, error: ReaderError) -> InvalidInput:
    """A character that YAML does not allow."""
    before = text[: error.position]
    return fault(
        "The text holds a character that YAML does not allow.",
        place=Place(before.count("\n") + 1, error.position - before.rfind("\n")),
        next_step="Remove the control character there.",
    )


def duplicate(name: str, place: Place, first: Place) -> InvalidInput:
    """A key that is there twice."""
    return fault(
        f"The key {name[:80]!r} is there twice, first on line {first.line}.",
        place=place,
        field=name[:80],
        next_step="Keep one of the two.",
    )


def tagged(place: Place) -> InvalidInput:
    """A tag, which could ask for objects."""
    return fault("Tags (words that begin with !) are not read.", place=place, next_step="Remove the tag.")


def too_deep(place: Place, limit: int) -> LimitExceeded:
    """Nesting beyond the limit."""
    return too_big(f"The text is nested deeper than {limit} levels ({place}).", "Make it flatter.", "levels", limit)


def too_big(message: str, next_step: str, unit: str, limit: int) -> LimitExceeded:
    """More than is read; the limit stands in the details."""
    return LimitExceeded(message, next_step=next_step, details={"limit": limit, "unit": unit})
