"""The twin's file locked by another process while plans are applied: it waits, or says so; nothing is lost."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.reliability.accounting import account_for_hub, check_finished
from tests.reliability.hubs import Hub, in_the_middle, running, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub that writes little by itself, so that nothing stands in the queue for the lock but what is tested."""
    folder = tmp_path_factory.mktemp("hub")
    with running(folder, policy="solo", reconcile_interval_s="60") as made:
        yield made


@contextmanager
def locked(hub: Hub) -> Iterator[None]:
    """While this lasts, another process holds the file's write lock."""
    with closing(sqlite3.connect(Path(hub.folder) / "data" / "twin.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_an_apply_that_meets_a_short_lock_waits_for_it_and_reads_do_not(hub: Hub) -> None:
    plan = hub.approved("deploy redis:7 as cache")
    with ThreadPoolExecutor(1) as beside:
        with locked(hub):
            asked = beside.submit(hub.apply, plan)
            for _ in range(5):
                assert hub.get(f"/plans/{plan['id']}")["state"] == "approved"
            assert not asked.done()
        answer = asked.result(20)
    assert answer.status == 202
    assert hub.ended(answer.body["id"])["state"] == "succeeded"
    account_for_hub(hub)


def test_an_execution_that_meets_a_short_lock_waits_for_it_and_goes_on(hub: Hub) -> None:
    id = in_the_middle(hub)
    with locked(hub):
        effects = hub.effect_keys()
        # Longer than a step takes.
        until(lambda: age_s(hub, id) > 1.5)
        assert len(hub.effect_keys()) <= len(effects) + 1
        assert hub.execution(id)["state"] == "applying"
    check_finished(hub, id)


def age_s(hub: Hub, id: str) -> float:
    """How long an execution has not moved."""
    moments = [step[key] for step in hub.execution(id)["steps"] for key in ("intended_at", "finished_at") if step[key]]
    return (datetime.now(UTC) - max(map(datetime.fromisoformat, moments))).total_seconds()


def test_a_lock_that_stays_refuses_with_the_reason_and_nothing_is_lost(hub: Hub) -> None:
    pending = hub.planned("deploy redis:7 as store")
    with locked(hub):
        refused = hub.decide(pending)
        assert (refused.status, refused.body["code"], refused.cause) == (503, "store_unavailable", "locked")
        assert refused.body["retry_after_s"] > 0
        assert hub.get(f"/plans/{pending['id']}")["state"] == "pending"
    assert hub.decide(pending).status == 200
    assert hub.ended(hub.apply(pending).body["id"])["state"] == "succeeded"
    account_for_hub(hub)
