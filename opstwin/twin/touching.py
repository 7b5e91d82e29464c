"""Which records a commit touches, of the kinds that copies are kept of."""

from collections.abc import Sequence
from typing import Final

from opstwin.domain.records import FOLLOWED, Record
from opstwin.domain.touched import Touched
from opstwin.twin.settling import Settled

KEPT: Final = 1000
"""How many rows are kept; a copy that is further behind is read anew, which costs less than a long catching up."""


def touched(works: Sequence[Settled], *, seq: int) -> list[Touched]:
    """What this work touches, numbered behind `seq`."""
    noted = enumerate(_noted(works), seq + 1)
    return [Touched(seq=place, kind=word_of(work.kind), ids=ids_of(work)) for place, work in noted]


def is_noted(works: Sequence[Settled]) -> bool:
    """Whether the work touches anything that copies are kept of."""
    return bool(_noted(works))


def word_of(kind: type[Record]) -> str:
    """The kind of record, as it stands in a note."""
    return kind.__name__.lower()


def ids_of(work: Settled) -> tuple[str, ...]:
    """The ids that the work writes or removes."""
    return (*(str(row["id"]) for row in (*work.inserts, *work.updates)), *work.removes)


def _noted(works: Sequence[Settled]) -> list[Settled]:
    return [work for work in works if work.kind in FOLLOWED and ids_of(work)]
