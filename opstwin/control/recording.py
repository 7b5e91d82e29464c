"""Storing what was seen: few large commits, nothing for what did not change, and no observation lost to another."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.control.sightings import absent, content_differs, looks_other, recorded, unknown, worth_writing
from opstwin.domain.event import Event
from opstwin.domain.resource import Link, Observed, Presence
from opstwin.domain.values import ResourceId, TargetId
from opstwin.errors import Conflict
from opstwin.targets.ports import Sighting
from opstwin.twin.store import Put, Remove, Write

MAX_WRITES: Final = 1000
"""Writes in one commit: one fsync for about a thousand resources, and others are held up only briefly."""

_TRIES: Final = 5
"""How often one batch is tried again when another observer writes the same rows at the same moment."""


@dataclass(frozen=True, slots=True)
class News:
    """One resource, what was known of it, and what a look brought: a sighting, or None when it could not be looked at.

    `gone` says that a complete look did not show it.
    """

    resource: ResourceId
    old: Observed | None
    seen: Sighting | None = None
    gone: bool = False

    def record(self, at: datetime) -> Observed:
        """The record after this news."""
        if self.gone and self.old is not None:
            return absent(self.old, at)
        return unknown(self.old, self.resource, at) if self.seen is None else recorded(self.old, self.seen, at)


@dataclass(slots=True)
class Written:
    """The records after storing, and which of them people would call new, changed, gone or unknown."""

    records: dict[ResourceId, Observed] = field(default_factory=dict)
    new: list[ResourceId] = field(default_factory=list)
    changed: list[ResourceId] = field(default_factory=list)
    gone: list[ResourceId] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Draft:
    news: News
    record: Observed
    links: tuple[Write, ...] = ()

    @property
    def writes(self) -> tuple[Write, ...]:
        return (Put(self.record), *self.links)


@dataclass(frozen=True, slots=True)
class Recording:
    """Writes observations of one look, begun at a moment, into the twin."""

    ledger: Ledger

    async def known(self, target: TargetId) -> dict[ResourceId, Observed]:
        """Everything that was ever seen on a target and is still remembered."""
        return {item.id: item async for item in self.ledger.each(Observed, {"target": target})}

    async def some(self, resources: Sequence[ResourceId]) -> dict[ResourceId, Observed]:
        """What is known of some resources."""
        return {item.id: item for item in (await self.ledger.some(Observed, resources)).values()}

    async def store(
        self, news: Sequence[News], began_at: datetime, *, quiet: bool = False, opening: Sequence[Event] = ()
    ) -> Written:
        """Write what changed. A row that somebody else wrote after this look began is newer and stays.

        `quiet` leaves out the events of the single resources; `opening` events are stored with the first commit, or
        not at all when there is nothing to write. Raises `Conflict` after several tries.
        """
        written = Written(records={item.resource: item.old for item in news if item.old is not None})
        drafts = [draft for item in news if (draft := await self._draft(item, began_at)) is not None]
        pending = list(opening)
        for batch in _batches(drafts):
            await self._commit(batch, began_at, written, quiet=quiet, opening=pending)
            pending = []
        return written

    async def _commit(
        self, batch: Sequence[_Draft], began_at: datetime, written: Written, *, quiet: bool, opening: Sequence[Event]
    ) -> None:
        drafts = list(batch)
        for attempt in range(_TRIES):
            events = [*opening, *(() if quiet else _events(drafts, self.ledger.clock.now()))]
            try:
                if drafts:
                    await self.ledger.commit([write for draft in drafts for write in draft.writes], [], events)
                break
            except Conflict:
                if attempt == _TRIES - 1:
                    raise
                drafts = await self._again(drafts, began_at, written)
        for draft in drafts:
            _note(draft, written)

    async def _again(self, drafts: Sequence[_Draft], began_at: datetime, written: Written) -> list[_Draft]:
        """The drafts on top of what is stored now, without those that a newer observation has overtaken."""
        current = await self.some([draft.news.resource for draft in drafts])
        kept: list[_Draft] = []
        for draft in drafts:
            found = current.get(draft.news.resource)
            if found is not None:
                written.records[found.id] = found
            if _overtaken(draft.news.old, found, began_at):
                continue
            if found is None and draft.news.seen is None:
                continue
            again = await self._draft(replace(draft.news, old=found), began_at, look_up_links=True)
            kept += [again] if again is not None else []
        return kept

    async def _draft(self, news: News, at: datetime, *, look_up_links: bool = False) -> _Draft | None:
        record = news.record(at)
        if not worth_writing(news.old, record):
            return None
        if news.old is not None and not content_differs(news.old, record):
            return _Draft(news, record)
        known = [] if news.old is None and not look_up_links else await self._links(news.resource)
        return _Draft(news, record, tuple(_link_writes(record, news.seen, known)))

    async def _links(self, resource: ResourceId) -> list[Link]:
        return await self.ledger.all(Link, {"source": resource})


def _overtaken(old: Observed | None, found: Observed | None, began_at: datetime) -> bool:
    if found is None or found.presence is Presence.UNKNOWN:
        return False
    return found.version != (old.version if old else 0) and found.observed_at >= began_at


def _link_writes(record: Observed, seen: Sighting | None, known: Sequence[Link]) -> Iterator[Write]:
    if record.presence is Presence.UNKNOWN:
        return
    links = seen.links if seen is not None and record.presence is Presence.PRESENT else ()
    wanted = {_link_id(record.id, relation, other): (relation, other) for relation, other in links}
    yield from (Remove(link) for link in known if link.id not in wanted)
    present = {link.id for link in known}
    for key, (relation, other) in wanted.items():
        if key not in present:
            yield Put(Link(id=key, source=record.id, relation=relation, destination=other))


def _link_id(source: ResourceId, relation: str, destination: ResourceId) -> str:
    return f"{source}|{relation}|{destination}"


def _batches(drafts: Sequence[_Draft]) -> Iterator[list[_Draft]]:
    batch: list[_Draft] = []
    size = 0
    for draft in drafts:
        if batch and size + len(draft.writes) > MAX_WRITES:
            yield batch
            batch, size = [], 0
        batch.append(draft)
        size += len(draft.writes)
    if batch:
        yield batch


def _word(draft: _Draft) -> str:
    """`found`, `gone`, `unknown`, `changed`, `health`, or nothing that people would notice."""
    old, new = draft.news.old, draft.record
    was = old.presence if old is not None else Presence.ABSENT
    if new.presence is Presence.ABSENT:
        never_seen = old is None or (was is Presence.UNKNOWN and old.spec is None)
        return "gone" if was is not Presence.ABSENT and not never_seen else ""
    if was is Presence.ABSENT:
        return "found" if new.presence is Presence.PRESENT else "unknown"
    if new.presence is Presence.UNKNOWN:
        return "unknown" if was is Presence.PRESENT else ""
    if looks_other(old, new):
        return "changed"
    return "health" if old is not None and was is Presence.PRESENT and old.health is not new.health else ""


def _note(draft: _Draft, written: Written) -> None:
    written.records[draft.record.id] = replace(draft.record, version=draft.record.version + 1)
    lists: Mapping[str, list[ResourceId]] = {"found": written.new, "changed": written.changed, "gone": written.gone}
    lists.get(_word(draft), []).append(draft.record.id)


def _events(drafts: Sequence[_Draft], at: datetime) -> Iterator[Event]:
    for draft in drafts:
        word, record = _word(draft), draft.record
        if word:
            yield Event(
                at=at, type=f"resource.{word}", target=record.target, resource=record.id,
                message=_message(word, draft),
            )  # fmt: skip


def _message(word: str, draft: _Draft) -> str:
    name, kind = draft.record.name, draft.record.kind
    why = draft.news.seen.error if draft.news.seen is not None else ""
    return {
        "found": f"{kind} {name} is there.",
        "gone": f"{kind} {name} is gone.",
        "changed": f"{kind} {name} changed.",
        "health": f"{kind} {name} is {draft.record.health.value}.",
        "unknown": f"{kind} {name} cannot be seen. {why}".strip(),
    }[word]
