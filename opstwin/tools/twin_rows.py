"""Resources and workloads as rows of an answer: which are wanted, in which order, and each on one line."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import translate
from functools import lru_cache
from itertools import chain
from typing import Any, Final, TypeAlias

from opstwin.control.sightings import REFRESH
from opstwin.control.twin_index import Twin
from opstwin.domain.drift import DriftKind
from opstwin.domain.standing import AILS, Ail, Standing
from opstwin.domain.values import ResourceId, TargetId
from opstwin.settings import Settings
from opstwin.tools.cells import age, plain

WORKLOAD: Final = "workload"
_LEAST_STALE: Final = timedelta(minutes=5)
_LOOKS: Final = 4
"""So many looks of the reconciler may fail to come before what was seen counts as old."""

Ailing: TypeAlias = tuple[Standing, tuple[Ail, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinRow:
    """One resource, or a workload as a whole. `ails` say why it needs attention, `seen_s` how long ago it was seen."""

    id: ResourceId
    target: TargetId
    kind: str
    name: str
    workload: str | None
    managed: bool
    state: str
    health: str
    image: str
    drift: DriftKind | None
    message: str
    restarts: int | None
    ails: tuple[Ail, ...]
    seen_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows are wanted; None takes all. `drift` is `any`, `none` or a kind."""

    target: str | None = None
    kind: str | None = None
    workload: str | None = None
    text: str | None = None
    health: str | None = None
    drift: str | None = None
    managed: bool | None = None
    stale: bool | None = None
    attention: bool | None = None


def stale_after(settings: Settings) -> timedelta:
    """How old an observation may be: longer than the hub lets rows age that do not change, and some looks more."""
    return max(_LEAST_STALE, REFRESH + _LOOKS * timedelta(seconds=settings.reconcile_interval_s))


@dataclass(frozen=True, slots=True)
class Rows:
    """What fits: what needs attention, the worst first, and the rest by id."""

    ailing: list[Ailing]
    fine: list[Standing]

    def __len__(self) -> int:
        return len(self.ailing) + len(self.fine)

    @property
    def all(self) -> Iterator[Standing]:
        """Every row."""
        return chain((item for item, _ in self.ailing), self.fine)

    def page(self, after: tuple[int, str] | None, limit: int) -> list[Ailing]:
        """The first rows behind a place."""
        first = 0 if after is None else bisect_right(self.ailing, after, key=place_of)
        page = self.ailing[first : first + limit]
        begin = 0 if after is None or after[0] < len(AILS) else bisect_right(self.fine, after[1], key=_id_of)
        return [*page, *((item, ()) for item in self.fine[begin : begin + limit - len(page)])]


def rows_wanted(twin: Twin, wanted: Wanted, now: datetime, limit: timedelta) -> Rows:
    """What fits. The many that are fine are not touched more than once, so that a large twin answers as fast."""
    there: Iterable[Standing] = twin.wholes if wanted.kind == WORKLOAD else twin.standings
    for test in _tests_of(wanted):
        there = filter(test, there)
    stale_before = now - limit
    ailing: list[Ailing] = []
    fine: list[Standing] = []
    for item in there:
        ails = item.ails_at(now, stale_before)
        if ails:
            ailing.append((item, ails))
        else:
            fine.append(item)
    if wanted.stale is not None:
        ailing = [pair for pair in ailing if (Ail.STALE in pair[1]) is wanted.stale]
    return Rows(
        [] if wanted.attention is False else sorted(ailing, key=place_of),
        [] if wanted.attention or wanted.stale else fine,
    )


def place_of(pair: Ailing) -> tuple[int, str]:
    """Where a row stands: by its worst ail, then by its id."""
    item, ails = pair
    return (AILS.index(ails[0]) if ails else len(AILS)), item.id


def _drift_word(item: Standing) -> str:
    return item.drift.kind.value if item.drift is not None else ""


def _id_of(item: Standing) -> str:
    return item.id


def row_of(pair: Ailing, now: datetime) -> TwinRow:
    """A row of an answer."""
    item, ails = pair
    seen_at = item.seen_at
    return TwinRow(
        id=item.id, target=item.target, kind=item.kind, name=plain(item.name), workload=item.workload,
        managed=item.managed, state=plain(item.state, 40), health=item.health, image=plain(item.image),
        drift=item.drift.kind if item.drift else None, message=plain(item.drift.message) if item.drift else "",
        restarts=item.restarts, ails=ails, seen_s=None if seen_at is None else int((now - seen_at).total_seconds()),
    )  # fmt: skip


def counts_of(rows: Rows) -> dict[str, dict[str, int]]:
    """How many of each kind, target, health and drift, and why attention is needed."""
    alike = Counter((item.kind, item.target, item.health, _drift_word(item)) for item in rows.all)
    sides: dict[str, Counter[str]] = {name: Counter() for name in ("kind", "target", "health", "drift")}
    for words, number in alike.items():
        for name, word in zip(sides, words, strict=True):
            sides[name][word] += number
    sides["attention"] = Counter(ail.value for _, ails in rows.ailing for ail in ails)
    return {name: {key: counter[key] for key in sorted(counter) if key} for name, counter in sides.items()}


def line(row: Mapping[str, Any]) -> str:
    """`local/container/web-1 running healthy nginx:1.27`, and behind it what is wrong."""
    said = [row["id"], row["state"]]
    said += [row["health"]] if row["health"] not in ("none", row["state"]) else []
    said += [row["image"]] if row["image"] else []
    said += [f"drift:{row['drift']}"] if row["drift"] not in (None, row["health"], row["state"]) else []
    said += [f"restarts:{row['restarts']}"] if "restarting" in row["ails"] and row["restarts"] else []
    said += [f"seen {age(row['seen_s'] or 0)} ago"] if "stale" in row["ails"] or "unknown" in row["ails"] else []
    said += ["unmanaged"] if row["kind"] == "container" and not row["managed"] else []
    return _joined(tuple(said))


@lru_cache(maxsize=5_000)
def _joined(parts: tuple[object, ...]) -> str:
    """The same rows come again in every answer."""
    return " ".join(plain(str(part), 360) for part in parts)


def _tests_of(wanted: Wanted) -> list[Callable[[Standing], bool]]:
    """Whether a resource fits, as tests of only what was asked for."""
    tests: list[Callable[[Standing], bool]] = []
    for field in ("target", "workload", "health", "managed"):
        value = getattr(wanted, field)
        if value is not None:
            tests.append(lambda item, field=field, value=value: getattr(item, field) == value)  # type: ignore[misc]
    if wanted.kind not in (None, WORKLOAD):
        tests.append(lambda item: item.kind == wanted.kind)
    if wanted.drift is not None:
        tests.append(lambda item: _drifts(item, wanted.drift or ""))
    if wanted.text is not None:
        pattern = _pattern(wanted.text)
        tests.append(lambda item: any(pattern.search(text) for text in (item.name, item.image, item.workload or "")))
    return tests


def _drifts(item: Standing, word: str) -> bool:
    if item.drift is None:
        return word == "none"
    return word in ("any", item.drift.kind.value)


def _pattern(text: str) -> re.Pattern[str]:
    """A part of a text, or all of it where `*` stands for anything."""
    return re.compile(f"^(?:{translate(text)})" if "*" in text else re.escape(text), re.IGNORECASE)
