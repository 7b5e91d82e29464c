"""A twin that can be opened more than once, and short ways to write to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import AuditEntry, AuditRow, verify_chain
from opstwin.domain.event import Event
from opstwin.domain.records import Record
from opstwin.domain.resource import Desired
from opstwin.domain.values import ResourceId, TargetId
from opstwin.twin.opening import open_store
from opstwin.twin.store import Commit, Put, Query, Receipt, TwinStore, Write

AT = datetime(2026, 1, 5, 9, 0, 0, 123456, tzinfo=UTC)
ANNA = Actor(kind=ActorKind.PERSON, id="anna", face="cli")
LOCAL = TargetId("local")


@dataclass
class TwinPlace:
    """Where a twin is kept. In memory there is one store, whoever opens it."""

    url: str
    opened: list[TwinStore] = field(default_factory=list)

    async def open(self) -> TwinStore:
        """One more store on the same twin."""
        if self.url == "memory://" and self.opened:
            return self.opened[0]
        self.opened.append(await open_store(self.url))
        return self.opened[-1]

    async def close(self) -> None:
        """Close every store that was opened."""
        while self.opened:
            await self.opened.pop().close()


def entry(action: str = "test.write", **given: Any) -> AuditEntry:
    """An audit entry of Anna's."""
    return AuditEntry(action=action, subject="test", actor=ANNA, **given)


def desired(name: str = "web", **given: Any) -> Desired:
    """A desired record of the target `local`."""
    values: dict[str, Any] = {
        "id": ResourceId(f"local/container/{name}"), "target": LOCAL, "kind": "container", "name": name,
        "spec": {"image": "nginx:1.27"}, "set_by": ANNA, "set_at": AT,
    }  # fmt: skip
    return Desired(**{**values, **given})


async def write(
    store: TwinStore, *writes: Write, audit: Sequence[AuditEntry] = (), events: Sequence[Event] = ()
) -> Receipt:
    """Commit the writes with an audit entry."""
    return await store.commit(
        Commit(at=AT, uptime_s=1.5, writes=writes, audit=audit or (entry(),) if writes else audit, events=events)
    )


async def put(store: TwinStore, *records: Record) -> Receipt:
    """Commit records with an audit entry."""
    return await write(store, *(Put(record) for record in records))


async def everything(store: TwinStore, kind: Any, limit: int = 1000, **query: Any) -> list[Any]:
    """All records of a kind, page by page."""
    found: list[Any] = []
    page = await store.find(Query(kind, limit=limit, **query))
    found += page.items
    while page.next is not None:
        page = await store.find(Query(kind, limit=limit, after=page.next, **query))
        assert page.items, "a page that was promised is empty"
        found += page.items
    return found


async def checked_audit(store: TwinStore) -> list[AuditRow]:
    """All audit rows, after their chain was verified."""
    rows = await everything(store, AuditRow)
    verify_chain(rows)
    return rows
