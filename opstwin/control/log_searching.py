"""Searching what resources wrote, in bounded time and memory: only the newest matches are kept while reading.

A line is compared as it is shown, with its secrets masked: whoever searches learns nothing about what is behind a mask.
"""

import asyncio
import heapq
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from opstwin.control.drivers import Readers
from opstwin.control.ledger import Ledger
from opstwin.control.log_patterns import Level, Pattern, has_level
from opstwin.control.sightings import parts_of
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId
from opstwin.errors import InvalidInput, NotFound, TargetError
from opstwin.logs import redacted, redacted_start
from opstwin.targets.ports import HUB, LogLine

MAX_LINES: Final = 200_000
MAX_CHARACTERS: Final = 20_000_000
"""Lines looked at by one search, all resources together, and their characters: about two seconds of work."""

MAX_TEXT: Final = 2_000
"""Characters of a line that are looked at and shown."""

LONGEST_S: Final = 20.0
"""After so long a search ends with what it has found."""

NOT_MASKED: Final = "not_masked"
AT_ONCE: Final = 4
_BREATH: Final = 50_000
"""Characters after which everybody else gets a turn: some milliseconds of work."""

Key = tuple[int, str, int]
"""Where a line stands: its microsecond, its resource, and which of the lines of that microsecond it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSearch:
    """What is looked for where. `tail` lines of each resource are looked at, `before` is a page's end."""

    resources: Sequence[ResourceId]
    pattern: Pattern
    tail: int
    limit: int
    since: datetime | None = None
    before: Key | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHit:
    """One line that was found. Its text was written by somebody else."""

    resource: ResourceId
    at: datetime | None
    stream: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A resource whose log could not be read, or (`NOT_MASKED`) not with all its secrets masked, and why."""

    resource: ResourceId
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsFound:
    """The newest matches, oldest first, and counts over everything that was looked at.

    `next` is where the page before (older lines) ends. `stopped` says why not all was looked at: `time` or `lines`.
    """

    hits: tuple[LogHit, ...]
    next: Key | None
    looked_at: int
    error_like: int
    matched: dict[ResourceId, int]
    unread: tuple[Unread, ...]
    tail: int
    stopped: str


@dataclass(slots=True)
class _Progress:
    search: LogSearch
    deadline_s: float
    newest: list[tuple[Key, LogHit]] = field(default_factory=list)
    looked_at: int = 0
    characters: int = 0
    error_like: int = 0
    matched: dict[ResourceId, int] = field(default_factory=dict)
    older: int = 0
    unread: list[Unread] = field(default_factory=list)
    stopped: str = ""

    def looks_at(self, line: LogLine) -> bool:
        """Count a line; whether it is time to let others work."""
        before = self.characters // _BREATH
        self.looked_at += 1
        # An empty line costs something too.
        self.characters += min(len(line.text), MAX_TEXT) + 20
        return self.characters // _BREATH > before

    def keep(self, key: Key, hit: LogHit) -> None:
        """Keep a match among the newest."""
        self.matched[hit.resource] = self.matched.get(hit.resource, 0) + 1
        if self.search.before is not None and key >= self.search.before:
            return
        self.older += 1
        if len(self.newest) < self.search.limit:
            heapq.heappush(self.newest, (key, hit))
        else:
            heapq.heappushpop(self.newest, (key, hit))


async def search_logs(ledger: Ledger, readers: Readers, search: LogSearch) -> LogsFound:
    """What was found. Never raises for a resource that cannot be read: it is among `unread`."""
    tail = max(1, min(search.tail, MAX_LINES // max(1, len(search.resources))))
    progress = _Progress(search, ledger.clock.monotonic_s() + LONGEST_S)
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(resource: ResourceId) -> None:
        async with slots:
            try:
                await _read(ledger, readers, resource, tail, progress)
            except (InvalidInput, NotFound, TargetError) as error:
                progress.unread.append(Unread(resource=resource, code=error.code, reason=redacted(error.message)))

    await asyncio.gather(*map(one, search.resources))
    newest = sorted(progress.newest)
    return LogsFound(
        hits=tuple(hit for _, hit in newest), next=newest[0][0] if progress.older > len(newest) else None,
        looked_at=progress.looked_at, error_like=progress.error_like, matched=dict(sorted(progress.matched.items())),
        unread=tuple(sorted(progress.unread, key=lambda item: item.resource)), tail=tail, stopped=progress.stopped,
    )  # fmt: skip


async def _read(ledger: Ledger, readers: Readers, resource: ResourceId, tail: int, progress: _Progress) -> None:
    target = await ledger.need(Target, parts_of(resource)[0], next_step="List targets: opstwin targets list")
    async with aclosing(_closable(readers.reader(target).logs(resource, tail=tail, follow=False))) as lines:
        last: tuple[int, int] = (0, 0)
        async for line in lines:
            if _is_over(ledger, progress):
                return
            if line.stream == HUB:
                progress.unread.append(Unread(resource=resource, code=NOT_MASKED, reason=line.text))
                continue
            micro = last[0] if line.at is None else int(line.at.timestamp() * 1_000_000)
            last = (micro, last[1] + 1 if micro == last[0] else 0)
            if progress.looks_at(line):
                await asyncio.sleep(0)
            _consider(line, (micro, resource, last[1]), progress)


def _consider(line: LogLine, key: Key, progress: _Progress) -> None:
    since = progress.search.since
    if since is not None and line.at is not None and line.at < since:
        return
    text = redacted_start(line.text, MAX_TEXT)
    progress.error_like += has_level(text, Level.ERROR)
    if progress.search.pattern.fits(text):
        progress.keep(key, LogHit(resource=ResourceId(key[1]), at=line.at, stream=line.stream, text=text))


def _is_over(ledger: Ledger, progress: _Progress) -> bool:
    if progress.looked_at >= MAX_LINES or progress.characters >= MAX_CHARACTERS:
        progress.stopped = "lines"
    elif ledger.clock.monotonic_s() > progress.deadline_s:
        progress.stopped = "time"
    return bool(progress.stopped)


async def _closable(lines: AsyncIterator[LogLine]) -> AsyncGenerator[LogLine, None]:
    """The lines, with their connection closed as soon as nobody reads on."""
    try:
        async for line in lines:
            yield line
    finally:
        if isinstance(lines, AsyncGenerator):
            await lines.aclose()
