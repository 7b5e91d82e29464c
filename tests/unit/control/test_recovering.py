"""Coming back after a crash: the pause grows, nothing is touched during it, and what was interrupted is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from opstwin.clock import VirtualClock
from opstwin.control.recovering import FREE_CRASHES, MOST, WINDOW, Recovery, pause_after
from opstwin.control.working import Worker
from opstwin.domain.audit import AuditRow
from opstwin.domain.execution import Execution
from opstwin.errors import StoreError
from opstwin.targets.sim.faults import Fault, FaultKind
from opstwin.twin.memory import MemoryStore
from opstwin.wiring.starts import STARTS_FILE, Starts
from tests.rig import Rig, app

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
pytestmark = pytest.mark.proves("A5")


class Shaky(MemoryStore):
    """A store that is away for the next `away` searches."""

    away = 0

    async def find(self, query):  # type: ignore[no-untyped-def]
        if self.away:
            self.away -= 1
            raise StoreError("The database is gone.")
        return await super().find(query)


async def interrupted(store: MemoryStore | None = None) -> tuple[Rig, Execution]:
    """A rig whose worker died with a lease in its hand."""
    rig = await Rig(store=store or MemoryStore()).ready()
    plan = await rig.approved(await rig.plan_workloads(app()))
    begun = await rig.applier.start(plan.id, plan.requested_by)
    held = replace(begun, lease_owner="dead", lease_expires_at=rig.clock.now() + timedelta(minutes=2))
    await rig.put(held)
    return rig, replace(held, version=held.version + 1)


def worker(rig: Rig, recovery: Recovery) -> Worker:
    return Worker(rig.ledger, rig.applier, recovery)


async def leases(rig: Rig) -> list[AuditRow]:
    return await rig.ledger.all(AuditRow, {"action": "execution.lease"})


def test_the_first_crashes_cost_nothing_and_each_further_one_doubles_the_pause_up_to_a_limit() -> None:
    paused = [pause_after(crashes, 2.0) for crashes in range(12)]
    assert paused[: FREE_CRASHES + 1] == [0.0] * (FREE_CRASHES + 1)
    assert paused[FREE_CRASHES + 1 :] == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 128.0, 128.0]
    assert pause_after(10_000, 2.0) == 2.0 * MOST
    assert pause_after(10_000, 0.0) == 0.0


async def test_during_the_pause_no_lease_is_taken_and_nothing_is_written() -> None:
    rig, execution = await interrupted()
    recovery = Recovery.begun(rig.clock, FREE_CRASHES + 2, 5.0)
    assert "5 times" not in recovery.why
    assert f"{FREE_CRASHES + 2} times" in recovery.why
    assert "10 s" in recovery.why
    before = await rig.audit()
    began_s = rig.clock.monotonic_s()
    await recovery.wait()
    assert rig.clock.monotonic_s() - began_s == 10.0
    assert await rig.audit() == before
    assert await rig.ledger.get(Execution, execution.id) == execution


async def test_a_hub_is_recovered_once_what_was_interrupted_has_ended() -> None:
    rig, execution = await interrupted()
    recovery = Recovery.begun(rig.clock, 0, 5.0)
    mine = worker(rig, recovery)
    await mine.recover(sole=True)
    assert execution.id in recovery.why
    await mine.settle()
    assert recovery.why == ""
    assert rig.running() == {"web-1": "app:1", "web-2": "app:1"}


async def test_an_execution_whose_target_is_away_does_not_keep_the_hub_from_being_ready() -> None:
    rig, _ = await interrupted()
    rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="*", times=None))
    recovery = Recovery.begun(rig.clock, 0, 5.0)
    mine = worker(rig, recovery)
    await mine.recover(sole=True)
    await mine.settle()
    assert recovery.why == ""


async def test_what_another_hub_drives_was_not_interrupted() -> None:
    rig, execution = await interrupted()
    recovery = Recovery.begun(rig.clock, 0, 5.0)
    await worker(rig, recovery).recover(sole=False)
    assert recovery.why == ""
    assert await leases(rig) == []
    assert await rig.ledger.get(Execution, execution.id) == execution


async def test_starts_that_do_not_get_to_work_write_down_that_they_took_over_once() -> None:
    rig, _ = await interrupted()
    for _ in range(5):
        await worker(rig, Recovery.begun(rig.clock, 0, 5.0)).recover(sole=True)
    assert [row.reason for row in await leases(rig)] == ["taken over after a restart"]


async def test_while_the_twin_is_away_the_hub_is_not_recovered_and_looks_again() -> None:
    store = Shaky()
    rig, _ = await interrupted(store)
    recovery = Recovery.begun(rig.clock, 0, 5.0)
    store.away = 3
    assert recovery.why != ""
    await worker(rig, recovery).recover(sole=True)
    assert store.away == 0
    assert recovery.looked


def test_only_starts_that_were_not_ended_and_are_not_old_are_counted(tmp_path: Path) -> None:
    starts = Starts(tmp_path)
    assert [starts.begin(NOON + timedelta(minutes=turn)) for turn in range(3)] == [0, 1, 2]
    assert starts.begin(NOON + WINDOW + timedelta(minutes=1)) == 1
    starts.end()
    assert starts.begin(NOON + WINDOW + timedelta(minutes=2)) == 0
    assert (tmp_path / STARTS_FILE).stat().st_mode & 0o077 == 0


def test_a_clock_that_was_set_back_makes_no_crash_loop(tmp_path: Path) -> None:
    for turn in range(5):
        Starts(tmp_path).begin(NOON + timedelta(minutes=turn))
    assert Starts(tmp_path).begin(NOON - timedelta(hours=2)) == 0


@pytest.mark.parametrize("text", ["", "{", "[1]", '["yesterday"]', '["2026-01-05T12:00:00"]', "null"])
def test_a_damaged_file_counts_as_no_crash_and_is_written_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / STARTS_FILE).write_text(text, encoding="utf-8")
    assert Starts(tmp_path).begin(NOON) == 0
    assert Starts(tmp_path).begin(NOON) == 1


def test_a_folder_that_cannot_be_written_does_not_keep_the_hub_from_starting(tmp_path: Path) -> None:
    starts = Starts(tmp_path / "missing")
    assert starts.begin(NOON) == 0
    starts.end()


def test_the_pause_is_told_in_words_until_it_is_over() -> None:
    clock = VirtualClock()
    recovery = Recovery.begun(clock, FREE_CRASHES + 1, 30.0)
    clock.advance(29)
    assert "1 s" in recovery.why
    clock.advance(1)
    assert recovery.why == "The hub looks at what was interrupted."
    recovery.look([])
    assert recovery.why == ""
