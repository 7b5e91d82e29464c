"""The port of the digital twin: read records, and commit writes that hold together or not at all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from opstwin.domain.audit import AuditEntry
from opstwin.domain.event import Event
from opstwin.domain.records import FACTS, Record, Stored

S = TypeVar("S", bound=Stored)
MAX_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Query(Generic[S]):
    """Which records of one kind to read.

    `where` compares fields in the kind's `INDEXED` for equality. Order is by the kind's `ORDER` ("id", "seq", or
    "position" of first insertion); `after` is the cursor of the page before. `limit` is cut to 1000. `ids` narrows the
    search to these records, for kinds that have ids.
    """

    kind: type[S]
    where: Mapping[str, str | bool | None] = field(default_factory=dict)
    after: str | None = None
    limit: int = 100
    newest_first: bool = False
    ids: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[S]):
    """Records in order; `next` is the cursor to go on with, None at the end."""

    items: tuple[S, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Put:
    """Write `record`: its `version` must be the stored one (0: must not exist yet). It is stored as `version + 1`."""

    record: Record


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete the record that was read as `record`, if its version still holds."""

    record: Record


@dataclass(frozen=True, slots=True)
class Require:
    """Write nothing, but demand that the record of this kind and id still has `version` (0: still does not exist)."""

    kind: type[Record]
    id: str
    version: int


Write = Put | Remove | Require


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """Writes that are stored together, with the audit entries that describe them, or not at all.

    A commit that writes anything but facts (observations, links, samples, replies) must carry an audit entry.
    """

    at: datetime
    uptime_s: float
    writes: Sequence[Write] = ()
    audit: Sequence[AuditEntry] = ()
    events: Sequence[Event] = ()

    def __post_init__(self) -> None:
        decided = [item for item in self.writes if not isinstance(item, Require) and not isinstance(item.record, FACTS)]
        if decided and not self.audit:
            raise ValueError("a commit that changes more than facts needs an audit entry")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a commit landed: the last audit and event sequence numbers after it."""

    audit_seq: int
    event_seq: int


class TwinStore(Protocol):
    """One truth for everything that is and should be. All implementations pass `tests/contract/test_twin_store.py`."""

    async def get(self, kind: type[S], id: str) -> S | None:
        """One record by id (for audit rows and events: the sequence number as text), or None."""
        ...

    async def find(self, query: Query[S]) -> Page[S]:
        """A page of records. Raises `InvalidInput` for a cursor that is none."""
        ...

    async def commit(self, commit: Commit) -> Receipt:
        """Store the commit durably (fsynced) before returning.

        Raises `Conflict` (nothing written; `details` name kind and id) when a version does not hold or a uniqueness
        rule breaks, and `StoreError` (nothing acknowledged) when the storage fails.
        """
        ...

    async def wait(self, after: int, timeout_s: float) -> int:
        """Return the newest event sequence number as soon as it is above `after`, or when `timeout_s` is over."""
        ...

    async def backup(self, path: Path) -> None:
        """Write a consistent copy to a new file; raises `StoreError` when this store cannot."""
        ...

    async def close(self) -> None:
        """Release everything; the store is not used afterwards."""
        ...
