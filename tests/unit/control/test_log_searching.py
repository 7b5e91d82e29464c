"""Searching logs: what is found, how it is counted and paged, and what it may cost."""

import tracemalloc
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from opstwin.clock import VirtualClock
from opstwin.control.log_patterns import Level, Pattern, has_level
from opstwin.control.log_searching import LONGEST_S, MAX_CHARACTERS, MAX_LINES, LogSearch, LogsFound, search_logs
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId
from opstwin.errors import InvalidInput
from opstwin.targets.ports import LogLine, Reader, Renderer
from opstwin.targets.sim.faults import Fault, FaultKind
from tests.rig import Rig, app

WEB1, WEB2 = ResourceId("local/container/web-1"), ResourceId("local/container/web-2")


@pytest.fixture
async def rig() -> Rig:
    ready = await Rig().ready()
    await ready.change_to(app())
    return ready


async def search(rig: Rig, pattern: Pattern | None = None, **fields: object) -> LogsFound:
    given = {"resources": (WEB1, WEB2), "pattern": pattern or Pattern(), "tail": 1000, "limit": 50, **fields}
    assert rig.places is not None
    return await search_logs(rig.ledger, rig.places, LogSearch(**given))  # type: ignore[arg-type]


def texts(found: LogsFound) -> list[str]:
    return [hit.text for hit in found.hits]


async def test_lines_of_all_replicas_come_in_the_order_of_time_with_counts_of_each(rig: Rig) -> None:
    for number in range(3):
        rig.clock.advance(1)
        rig.world.say("web-1", f"job {number} failed")
        rig.world.say("web-2", f"job {number} done")
    found = await search(rig, Pattern(text="JOB"))
    assert texts(found) == [f"job {n} {how}" for n in range(3) for how in ("failed", "done")]
    assert found.matched == {WEB1: 3, WEB2: 3}
    assert (found.looked_at, found.error_like, found.stopped) == (8, 3, "")


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        (Pattern(), True),
        (Pattern(text="connection REFUSED"), True),
        (Pattern(text="refused ("), False),
        (Pattern(regex=r"refused.*\d{3}$"), True),
        (Pattern(regex=r"^refused"), False),
        (Pattern(level=Level.ERROR), True),
        (Pattern(text="refused", regex="nothing"), False),
        (Pattern(text="."), False),
        (Pattern(text="refused", regex="^connection", level=Level.WARNING), True),
    ],
)
def test_everything_that_is_asked_for_must_fit(pattern: Pattern, fits: bool) -> None:
    assert pattern.fits("Connection refused by 10 at port 111") is fits


@pytest.mark.parametrize(
    ("line", "error", "warning"),
    [
        ("ERROR boom", True, True), ("Traceback (most recent call last)", True, True), ("WARN slow", False, True),
        ("terror in the errorless woods", False, False), ("all fine", False, False), ("연결 error", True, True),
        ("\x1b[1;31mFATAL\x1b[0m", True, True),
    ],
)  # fmt: skip
def test_lines_that_sound_like_errors_are_told_by_whole_words(line: str, error: bool, warning: bool) -> None:
    assert (has_level(line, Level.ERROR), has_level(line, Level.WARNING)) == (error, warning)


@pytest.mark.parametrize("regex", ["(", "a{2000}", r"(a)\1", "(?=a)", "(((a{100}){100}){100})", r"\pL{200}"])
def test_an_expression_that_cannot_be_bounded_is_refused_with_the_field(regex: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Pattern(regex=regex)
    assert refused.value.field == "regex"


@pytest.mark.proves("E6")
@pytest.mark.timeout(20)
def test_no_expression_takes_longer_than_its_text_is_long() -> None:
    """Each of these takes an engine that backtracks longer than the universe stands."""
    for regex in (r"(a+)+$", r"(a|aa)+$", r"(.*a){20}$", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(\w*)*!"):
        assert not Pattern(regex=regex).fits("a" * 2000 + "-")


async def test_pages_go_back_in_time_without_a_gap_and_without_a_repeat(rig: Rig) -> None:
    """All lines at the same two moments: it is their place that tells them apart."""
    for number in range(7):
        rig.world.say("web-1", f"line {number}")
        rig.world.say("web-2", f"line {number}")
    rig.clock.advance(1)
    rig.world.say("web-1", "line last")
    seen: list[tuple[str, str]] = []
    before = None
    while True:
        found = await search(rig, Pattern(text="line"), limit=4, before=before)
        seen = [*((hit.resource, hit.text) for hit in found.hits), *seen]
        assert sum(found.matched.values()) == 15
        before = found.next
        if before is None:
            break
    assert len(seen) == len(set(seen)) == 15
    assert seen[-1] == (WEB1, "line last")
    assert [text for resource, text in seen if resource == WEB2] == [f"line {n}" for n in range(7)]


async def test_only_lines_since_a_moment_are_counted_and_found(rig: Rig) -> None:
    rig.world.say("web-1", "old error")
    rig.clock.advance(60)
    rig.world.say("web-1", "new error")
    found = await search(rig, since=rig.clock.now() - timedelta(seconds=30))
    assert texts(found) == ["new error"]
    assert found.error_like == 1


async def test_only_the_last_lines_of_each_are_looked_at(rig: Rig) -> None:
    for number in range(20):
        rig.world.say("web-1", f"line {number}")
    found = await search(rig, Pattern(text="line"), tail=5, resources=(WEB1,))
    assert texts(found) == [f"line {n}" for n in range(15, 20)]
    assert found.looked_at == 5


async def test_a_log_that_cannot_be_read_is_told_and_stops_no_other(rig: Rig) -> None:
    rig.world.say("web-2", "hello")
    rig.world.faults.add(Fault(call="logs", kind=FaultKind.UNREACHABLE, resource=WEB1))
    gone = ResourceId("local/container/gone")
    found = await search(rig, Pattern(text="hello"), resources=(WEB1, WEB2, gone))
    assert texts(found) == ["hello"]
    assert [(item.resource, item.code) for item in found.unread] == [(gone, "not_found"), (WEB1, "unreachable")]


@pytest.mark.proves("J1")
async def test_secrets_are_masked_and_cannot_be_found_by_guessing(rig: Rig) -> None:
    rig.world.say("web-1", "login password=hunter2 url=http://u:canary@db Bearer abcdefgh12345678")
    [line] = texts(await search(rig, Pattern(text="login")))
    assert line == "login password=*** url=http://***@db Bearer ***"
    for guess in ("hunter2", "hunter", "canary", "abcdefgh"):
        assert texts(await search(rig, Pattern(text=guess))) == []
        assert texts(await search(rig, Pattern(regex=guess))) == []


@dataclass
class Flood:
    """A log without end, and whether it was closed by its reader."""

    clock: VirtualClock
    text: str = "x" * 80
    lines: int = 1_000_000
    each_s: float = 0.0
    given: int = 0
    closed: int = 0
    tails: list[int] = field(default_factory=list)

    async def logs(self, _resource: ResourceId, *, tail: int, follow: bool) -> AsyncIterator[LogLine]:
        assert not follow
        self.tails.append(tail)
        try:
            for _ in range(self.lines):
                self.given += 1
                self.clock.advance(self.each_s)
                yield LogLine(at=self.clock.now(), stream="stdout", text=self.text)
        finally:
            self.closed += 1

    def reader(self, _target: Target) -> Reader:
        return self  # type: ignore[return-value]

    def renderer(self, _target: Target) -> Renderer:
        raise AssertionError("nothing is rendered for a search")


async def flooded(rig: Rig, flood: Flood, resources: Sequence[ResourceId] = (WEB1,)) -> LogsFound:
    wanted = LogSearch(resources=resources, pattern=Pattern(text="x"), tail=100_000, limit=50)
    return await search_logs(rig.ledger, flood, wanted)


@pytest.mark.proves("E6")
async def test_a_log_of_a_million_lines_is_searched_in_bounded_memory(rig: Rig) -> None:
    flood = Flood(rig.clock, text="x" * 10_000)
    tracemalloc.start()
    try:
        found = await flooded(rig, flood)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (found.stopped, flood.closed, len(found.hits)) == ("lines", 1, 50)
    assert flood.given < MAX_CHARACTERS / 2000
    assert {len(hit.text) for hit in found.hits} == {2000}
    assert peak < 5 << 20


async def test_of_a_million_short_lines_no_more_than_the_bound_are_looked_at(rig: Rig) -> None:
    flood = Flood(rig.clock, text="x")
    found = await flooded(rig, flood)
    assert (found.looked_at, found.stopped) == (MAX_LINES, "lines")


async def test_a_slow_log_is_given_up_when_the_time_is_over(rig: Rig) -> None:
    flood = Flood(rig.clock, each_s=0.1)
    found = await flooded(rig, flood)
    assert found.stopped == "time"
    assert flood.given <= LONGEST_S / 0.1 + 2
    assert flood.closed == 1


async def test_many_logs_share_the_lines_that_one_search_may_look_at(rig: Rig) -> None:
    flood = Flood(rig.clock, lines=10)
    many = [ResourceId(f"local/container/c-{n}") for n in range(400)]
    found = await flooded(rig, flood, many)
    assert set(flood.tails) == {MAX_LINES // 400}
    assert (found.looked_at, found.stopped) == (4000, "")
