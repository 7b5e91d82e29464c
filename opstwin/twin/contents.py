"""One hash over everything a store holds: equal hashes mean equal twins, whatever they are kept in."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

from opstwin.domain.audit import AuditRow
from opstwin.domain.event import Event
from opstwin.domain.records import RECORD_TYPES
from opstwin.domain.values import Digest
from opstwin.twin.codec import Shape, shape_of
from opstwin.twin.nested import json_text
from opstwin.twin.store import MAX_PAGE, Query, TwinStore


async def content_hash(store: TwinStore) -> Digest:
    """SHA-256 over all records, audit rows and events in their order, as `sha256:` and 64 hex digits.

    The notes of what was touched say nothing of their own and are left out. Read page by page, so it
    is the hash of one moment only while nothing is written.
    """
    hashing = hashlib.sha256()
    for kind in (*RECORD_TYPES, AuditRow, Event):
        hashing.update(f"\n{kind.__name__}\n".encode())
        shape: Shape[Any] = shape_of(kind)
        async for record in _each(store, kind):
            hashing.update(json_text(list(shape.row(record).values())).encode() + b"\n")
    return Digest("sha256:" + hashing.hexdigest())


async def _each(store: TwinStore, kind: Any) -> AsyncIterator[Any]:
    after: str | None = None
    while True:
        page = await store.find(Query(kind, after=after, limit=MAX_PAGE))
        for record in page.items:
            yield record
        if page.next is None:
            return
        after = page.next
