"""What a commit wrote or removed, for those who keep a copy of records and read again only what is no longer true."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """The records of one kind that one commit wrote or removed. `seq` is given by the store and leaves no number out.

    Only the newest are kept: whoever finds that the one after the last it read is gone reads everything again.
    """

    INDEXED: ClassVar[tuple[str, ...]] = ()
    ORDER: ClassVar[str] = "seq"

    seq: int
    kind: str
    ids: tuple[str, ...]
