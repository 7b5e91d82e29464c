"""What AI clients were given of what others wrote, and whether a request of theirs repeats it.

It is kept in the twin, so that it outlives a restart and holds for every replica. A read waits for the write only when
something new was read within the hour.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

from opstwin.control.evidence import EvidenceStore, Heard
from opstwin.control.ledger import Ledger
from opstwin.domain.access import Actor, ActorKind, Principal
from opstwin.domain.approval import people_of
from opstwin.domain.own_words import said_before, strings
from opstwin.domain.plan import Plan
from opstwin.domain.resource import Desired, Observed
from opstwin.domain.taint import MAX_TEXT, Taint, TaintMatch, chosen, marks_of, matches, suspects, taint_of, tokens
from opstwin.twin.store import Query

_REMEMBERED: Final = 2048
"""Answers of the last hour whose repetition costs one look into memory."""

_AT_ONCE: Final = 2_000
"""Characters that are read without leaving the event loop: about 3 ms."""

_JUDGED_AT_ONCE: Final = 4
"""Requests that are compared at the same time: each holds a page of evidence."""

_PLANS: Final = 200
"""The newest plans, among which the own words of a person and of their AI clients are looked for."""

_CHAT: Final = "chat"
"""There a person's own words make a plan clean, even if they repeat what was read: that holds for the one request."""


class Asker(Protocol):
    """Who calls a tool."""

    @property
    def actor(self) -> Actor:
        """Who acts, and for whom."""
        ...

    @property
    def is_person(self) -> bool:
        """Whether a human is calling."""
        ...

    @property
    def said(self) -> str:
        """The whole request in a signed-in person's own words, on which the hub's agent acts; empty otherwise."""
        ...


@dataclass(frozen=True)
class Quoted:
    """Texts of others that an answer holds, and where they are from."""

    source: str
    texts: tuple[str, ...]

    @cached_property
    def digest(self) -> bytes:
        """What tells them from others, worked out once however often they are handed out."""
        found = hashlib.sha256(self.source.encode("utf-8", "surrogatepass"))
        for text in self.texts:
            found.update(b"\x00" + text.encode("utf-8", "surrogatepass"))
        return found.digest()


class Taints:
    """Remembers what was given out, and judges what comes back."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._evidence = EvidenceStore(ledger)
        self._noted: OrderedDict[tuple[str, int, bytes], None] = OrderedDict()
        self._judging = asyncio.Semaphore(_JUDGED_AT_ONCE)

    async def note(self, asker: Asker, quoted: Quoted) -> None:
        """Remember what an AI client was given of others. A person may read what they like.

        While the twin cannot be written they are kept in memory, and written before the next request is judged.
        """
        if asker.is_person or not quoted.texts:
            return
        account = _account(asker.actor)
        key = (account, self._evidence.hour, quoted.digest)
        if key in self._noted:
            self._noted.move_to_end(key)
            return
        self._evidence.add((account, quoted.source), await _heard(quoted.texts, account))
        if await self._evidence.try_to_write():
            self._noted[key] = None
            while len(self._noted) > _REMEMBERED:
                self._noted.popitem(last=False)

    async def hear(self, asker: Asker, quoted: Quoted) -> None:
        """Remember like `note`, but write it down later: with `keep`, or before the next request is judged here."""
        if not asker.is_person and quoted.texts:
            account = _account(asker.actor)
            self._evidence.add((account, quoted.source), await _heard(quoted.texts, account))

    async def keep(self) -> None:
        """Write down what was only heard; what the twin does not take now waits for the next time."""
        await self._evidence.try_to_write()

    async def judged(
        self, asker: Asker, values: Collection[str], names: Collection[str] = (), called: Collection[str] = ()
    ) -> Taint | None:
        """What of a request was given to the same human's AI clients as text of others; None for a person's own.

        `values` are all its strings; of `names` (images, programs, hosts) shorter words count too, and so do the names
        that workloads are `called` by, unless many would choose them or the twin has them. What an AI client of that
        human had in a request before, which repeated nothing then, is no news when it comes back. What an applied plan
        or a person brought into the twin, and a person's own words, are no taint: neither those of the plans that they
        asked for, nor the request that `asker` acts on. What a model adds to that request is judged like everything
        else. Raises `StoreError`.
        """
        if asker.is_person or _is_their_own(asker, values):
            return None
        await self._evidence.write()
        accounts = await self._accounts(asker.actor)
        async with self._judging:
            found = await self._found(accounts, values, names, called)
        if found:
            page = await self._ledger.store.find(Query(Plan, limit=_PLANS, newest_first=True))
            known = await self._known(accounts, found, asker.said, page.items)
            clean = [plan for plan in page.items if not plan.tainted and plan.requested_by.human in accounts]
            known |= await self._called_before(clean, found.keys() - known, values, names)
            judged = [plan for plan in clean if plan.requested_by.face != _CHAT]
            known |= await asyncio.to_thread(said_before, judged, found.keys() - known)
            found = {token: match for token, match in found.items() if token not in known}
        return taint_of(list(found.values()))

    async def _found(
        self, accounts: Collection[str], values: Collection[str], names: Collection[str], called: Collection[str]
    ) -> dict[str, TaintMatch]:
        """What of a request was given out, read page by page."""
        wanted: set[str] | None = None
        found: dict[str, TaintMatch] = {}
        async for page in self._evidence.pages(accounts):
            if page and wanted is None:
                wanted = await asyncio.to_thread(suspects, values, names) | chosen(called)
            if page and wanted is not None:
                found = await asyncio.to_thread(matches, wanted, page, found)
        return found

    async def _accounts(self, actor: Actor) -> frozenset[str]:
        """All accounts of the human behind the actor: what one was given, another may repeat."""
        principals = await self._ledger.all(Principal)
        people = people_of(principals)
        human = people.human(_account(actor))
        same = {item.id for item in principals if people.human(item.id) == human}
        return frozenset({_account(actor), human} | same)

    async def _known(
        self, accounts: frozenset[str], found: Collection[str], said: str, plans: Iterable[Plan]
    ) -> set[str]:
        """Words of `found` that are ours already: of what should run, of resources by their id, of the human.

        What an agent set without a plan is no such word.
        """
        texts: set[str] = {said}
        async for record in self._ledger.each(Desired):
            if record.is_ours:
                texts.update((record.id, record.name, record.workload or "", *strings(dict(record.spec or {}))))
        texts.update([item.id async for item in self._ledger.each(Observed) if item.managed])
        asked = (plan for plan in plans if plan.requested_by.kind is ActorKind.PERSON)
        texts.update(plan.request for plan in asked if plan.requested_by.id in accounts)
        return await asyncio.to_thread(lambda: {token for text in texts for token in tokens([text]) if token in found})

    async def _called_before(
        self, clean: Iterable[Plan], found: Collection[str], values: Collection[str], names: Collection[str]
    ) -> set[str]:
        """Names in `found` that count for nothing but a workload's name, and that something bears or bore already."""
        mere = set(found) - await asyncio.to_thread(suspects, values, names)
        if not mere:
            return set()
        bearing = {item.name.rpartition("/")[2] async for item in self._ledger.each(Observed)}
        return mere & (bearing | {item.name for plan in clean for item in plan.workloads})


def _is_their_own(asker: Asker, values: Collection[str]) -> bool:
    """Whether the request is, to the letter, what a person said."""
    return bool(asker.said) and all(value == asker.said for value in values)


async def _heard(texts: Collection[str], account: str) -> Heard:
    """The fingerprints of texts; those of long ones are taken beside the event loop."""
    if sum(map(len, texts)) <= _AT_ONCE:
        return _marked(texts, account)
    return await asyncio.to_thread(_marked, texts, account)


def _marked(texts: Collection[str], account: str) -> Heard:
    kept: list[str] = []
    left = MAX_TEXT
    for text in texts:
        kept.append(text[: max(left, 0)])
        left -= len(text)
    return Heard(marks_of(kept, account), complete=left >= 0)


def _account(actor: Actor) -> str:
    return actor.human or actor.id
