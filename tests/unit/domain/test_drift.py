"""Drift of one resource: the pure comparison."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.diff import FieldChange, apply, diff
from opstwin.domain.drift import DriftKind, drift_of
from opstwin.domain.resource import Desired, Health, Observed, Presence
from opstwin.domain.values import Spec, TargetId, resource_id

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
ID = resource_id(TargetId("local"), "container", "web-1")
SPEC: Spec = {"image": "app:1", "running": True, "env": {"A": "1"}}
DESIRED = Desired(
    id=ID, target=TargetId("local"), kind="container", name="web-1", workload="web", spec=SPEC,
    set_by=Actor(kind=ActorKind.PERSON, id="anna"), set_at=NOW, revision=3,
)  # fmt: skip
OBSERVED = Observed(
    id=ID, target=TargetId("local"), kind="container", name="web-1", presence=Presence.PRESENT, spec=SPEC, managed=True,
    health=Health.HEALTHY, revision=7, observed_at=NOW,
)  # fmt: skip


def plain(kind: str, wanted: Spec, found: Spec) -> tuple[FieldChange, ...]:
    assert kind == "container"
    return diff(wanted, found)


def test_what_is_as_desired_has_no_drift() -> None:
    assert drift_of(DESIRED, OBSERVED, plain) is None


@pytest.mark.parametrize(
    ("observed", "kind"),
    [
        (replace(OBSERVED, presence=Presence.ABSENT, spec=None), DriftKind.MISSING),
        (replace(OBSERVED, spec={**SPEC, "image": "app:2"}), DriftKind.CHANGED),
        (replace(OBSERVED, spec={**SPEC, "running": False}), DriftKind.STOPPED),
        (replace(OBSERVED, spec={**SPEC, "running": False, "image": "app:2"}), DriftKind.CHANGED),
        (replace(OBSERVED, health=Health.UNHEALTHY), DriftKind.UNHEALTHY),
        (replace(OBSERVED, presence=Presence.UNKNOWN), DriftKind.UNKNOWN),
        (None, DriftKind.UNKNOWN),
    ],
)
def test_each_way_to_differ_has_its_kind(observed: Observed | None, kind: DriftKind) -> None:
    drift = drift_of(DESIRED, observed, plain)
    assert drift is not None
    assert (drift.kind, drift.resource, drift.desired_revision) == (kind, ID, 3)
    assert drift.observed_revision == (7 if observed else 0)
    assert drift.message.startswith("web-1: ")


def test_the_fields_go_from_desired_to_observed() -> None:
    drift = drift_of(DESIRED, replace(OBSERVED, spec={**SPEC, "image": "app:2"}), plain)
    assert drift is not None
    [field] = drift.fields
    assert (field.path, field.before, field.after) == (("image",), "app:1", "app:2")
    assert "image" in drift.message


def test_a_running_container_that_should_be_stopped_has_changed() -> None:
    drift = drift_of(replace(DESIRED, spec={**SPEC, "running": False}), OBSERVED, plain)
    assert drift is not None
    assert drift.kind is DriftKind.CHANGED


def test_only_what_can_be_compared_counts() -> None:
    def without_env(kind: str, wanted: Spec, found: Spec) -> tuple[FieldChange, ...]:
        return tuple(change for change in diff(wanted, found) if change.path[0] != "env")

    assert drift_of(DESIRED, replace(OBSERVED, spec={**SPEC, "env": {"A": "2"}}), without_env) is None


GONE = replace(DESIRED, spec=None)


def test_what_should_be_gone_and_is_there_is_extra() -> None:
    drift = drift_of(GONE, OBSERVED, plain)
    assert drift is not None
    assert drift.kind is DriftKind.EXTRA


def test_a_stranger_under_the_name_of_what_is_gone_is_no_drift() -> None:
    assert drift_of(GONE, replace(OBSERVED, managed=False), plain) is None


@pytest.mark.parametrize("observed", [None, replace(OBSERVED, presence=Presence.ABSENT, spec=None)])
def test_what_should_be_gone_and_is_not_there_has_no_drift(observed: Observed | None) -> None:
    assert drift_of(GONE, observed, plain) is None


SPECS = st.dictionaries(
    st.sampled_from("abcd"), st.integers(0, 2) | st.dictionaries(st.sampled_from("xy"), st.booleans())
)


@given(SPECS, SPECS)
def test_drift_is_there_exactly_when_the_specs_differ_and_its_fields_lead_to_what_was_seen(
    wanted: dict[str, int], seen: dict[str, int]
) -> None:
    drift = drift_of(replace(DESIRED, spec=wanted), replace(OBSERVED, spec=seen), plain)
    assert (drift is None) == (wanted == seen)
    if drift is not None:
        assert apply(wanted, drift.fields) == seen
