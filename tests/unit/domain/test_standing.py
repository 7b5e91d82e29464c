"""How a resource stands: what of it needs attention, and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.diff import diff
from opstwin.domain.resource import Desired, Health, Observed, Presence, WorkloadRecord
from opstwin.domain.standing import LATELY, LOOPING, Ail, Standing, standing_of, standing_of_workload
from opstwin.domain.values import ResourceId, TargetId
from opstwin.domain.workload import Workload

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LONG_AGO = AT - timedelta(days=1)
ANNA = Actor(kind=ActorKind.PERSON, id="anna")
DESIRED = Desired(
    id=ResourceId("local/container/web-1"), target=TargetId("local"), kind="container", name="web-1", workload="web",
    spec={"image": "app:1"}, set_by=ANNA, set_at=AT,
)  # fmt: skip
OBSERVED = Observed(
    id=DESIRED.id, target=DESIRED.target, kind="container", name="web-1", presence=Presence.PRESENT,
    spec={"image": "app:1"}, facts={"state": "running"}, health=Health.HEALTHY, managed=True, observed_at=AT,
)  # fmt: skip


def standing(desired: Desired | None = DESIRED, **seen: Any) -> Standing:
    found = standing_of(desired, replace(OBSERVED, **seen), lambda _kind, wanted, found: diff(wanted, found))
    assert found is not None
    return found


def ails(item: Standing, now: datetime = AT) -> set[Ail]:
    return set(item.ails_at(now, LONG_AGO))


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ({}, set()),
        ({"health": Health.UNHEALTHY}, {Ail.UNHEALTHY}),
        ({"health": Health.STARTING}, set()),
        ({"facts": {"state": "restarting"}}, {Ail.RESTARTING}),
        ({"spec": {"image": "app:2"}}, {Ail.DRIFTED}),
        ({"presence": Presence.ABSENT, "spec": None}, {Ail.DRIFTED}),
        ({"presence": Presence.UNKNOWN, "health": Health.UNKNOWN}, {Ail.UNKNOWN}),
        ({"observed_at": LONG_AGO - timedelta(seconds=1)}, {Ail.STALE}),
        ({"observed_at": LONG_AGO}, set()),
    ],
)
def test_each_thing_that_is_wrong_is_told_once(seen: dict[str, Any], found: set[Ail]) -> None:
    assert ails(standing(**seen)) == found


@pytest.mark.parametrize(("restarts", "expected"), [(LOOPING - 1, set()), (LOOPING, {Ail.RESTARTING})])
def test_many_restarts_are_wrong_only_while_the_last_one_is_young(restarts: int, expected: set[Ail]) -> None:
    facts = {"state": "running", "restart_count": restarts, "started_at": AT.isoformat()}
    item = standing(facts=facts)
    assert ails(item, AT + LATELY - timedelta(seconds=1)) == expected
    assert ails(item, AT + LATELY) == set()


@pytest.mark.parametrize(
    "facts", [{"restart_count": "9"}, {"restart_count": True}, {"started_at": "soon", "restart_count": 9}, {"state": 7}]
)
def test_facts_that_make_no_sense_say_nothing(facts: dict[str, Any]) -> None:
    item = standing(facts=facts)
    assert ails(item) == set()
    assert item.state == "present"


def test_what_was_never_seen_is_unknown_and_not_absent() -> None:
    item = standing_of(DESIRED, None, lambda _kind, wanted, found: diff(wanted, found))
    assert item is not None
    assert (item.state, item.health, item.is_there, item.seen_at) == ("unknown", "unknown", True, None)
    assert ails(item) == {Ail.UNKNOWN}


def test_what_is_gone_and_not_wanted_is_not_there() -> None:
    gone: dict[str, Any] = {"presence": Presence.ABSENT, "spec": None}
    assert not standing(None, **gone).is_there
    assert not standing(replace(DESIRED, spec=None), **gone).is_there
    assert standing(None).is_there
    assert standing_of(None, None, None) is None


def test_a_workload_is_as_badly_off_as_the_worst_of_its_resources() -> None:
    record = WorkloadRecord(
        id=ResourceId("local/workload/web"), target=DESIRED.target, name="web", set_by=ANNA, set_at=AT,
        workload=Workload(name="web", image="app:1", replicas=3),
    )  # fmt: skip
    well, ill = standing(), standing(health=Health.UNHEALTHY, observed_at=AT - timedelta(hours=1))
    whole = standing_of_workload(record, [well, ill])
    assert (whole.state, whole.health, whole.image) == ("2/3", "unhealthy", "app:1")
    assert whole.seen_at == ill.seen_at
    assert ails(whole) == {Ail.UNHEALTHY}
    down = standing_of_workload(replace(record, workload=None), [])
    assert (down.state, down.health, down.managed) == ("0/0", "none", False)
