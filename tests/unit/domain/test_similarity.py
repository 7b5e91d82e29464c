"""How alike a past deployment and a new one are."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.control.similar import KEPT, lessons, ranked
from opstwin.domain.deployment import Deployment, Usage
from opstwin.domain.similarity import (
    COUSIN,
    FAILED,
    IMAGE,
    LANGUAGE,
    LEAST,
    PURPOSE,
    STARVED,
    TARGET,
    Sought,
    similarity,
)
from opstwin.domain.values import ExecutionId, PlanId, TargetId

AT = datetime(2026, 1, 5, tzinfo=UTC)
SOUGHT = Sought(image="shop/api", target="prod", purpose="api", language="node")


def past(id: str = "dep_1", **fields: Any) -> Deployment:
    made = Deployment(
        id=id, service_name="api", image_name="shop/api", image_tag="1", service_type="api", language="node",
        replicas=1, target_cluster=TargetId("prod"), deployed_at=AT, success=True, outcome="succeeded",
        plan_id=PlanId("plan_1"), execution_id=ExecutionId("exec_1"), workload=None,
    )  # fmt: skip
    return replace(made, **fields)


def test_the_same_on_the_same_target_that_held_is_wholly_similar() -> None:
    assert similarity(past(), SOUGHT) == 1.0
    assert pytest.approx(1.0) == IMAGE + TARGET + PURPOSE + LANGUAGE


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"image_name": "shop/web"}, IMAGE),
        ({"image_name": "acme/api"}, IMAGE * (1 - COUSIN)),
        ({"target_cluster": TargetId("test")}, TARGET),
        ({"service_type": "web"}, PURPOSE),
        ({"service_type": ""}, PURPOSE),
        ({"language": "go"}, LANGUAGE),
    ],
)
def test_each_thing_that_differs_costs_what_it_counts(fields: dict[str, Any], lost: float) -> None:
    assert similarity(past(**fields), SOUGHT) == pytest.approx(1 - lost)


@pytest.mark.parametrize(("fields", "weight"), [({"success": False}, FAILED), ({"oom_events": 1}, STARVED), ({}, 1.0)])
def test_what_failed_or_starved_counts_less(fields: dict[str, Any], weight: float) -> None:
    assert similarity(past(**fields), SOUGHT) == pytest.approx(weight)


def test_what_is_not_known_is_no_likeness() -> None:
    nothing = past(image_name="", service_type="", language="", target_cluster=TargetId(""))
    assert similarity(nothing, Sought(image="")) == 0.0


def test_an_official_image_is_the_same_by_its_short_and_its_full_name() -> None:
    full = past(image_name="docker.io/library/nginx")
    assert similarity(full, replace(SOUGHT, image="nginx")) == 1.0


names = st.sampled_from(["", "api", "shop/api", "node", "prod"])


@given(names, names, names, names, st.booleans(), st.integers(0, 3))
def test_a_score_is_between_nothing_and_one(a: str, b: str, c: str, d: str, success: bool, kills: int) -> None:
    item = past(image_name=a, target_cluster=b, service_type=c, language=d, success=success, oom_events=kills)
    assert 0.0 <= similarity(item, SOUGHT) <= similarity(past(), SOUGHT)


def test_the_most_similar_come_first_then_the_newest_and_what_is_unlike_not_at_all() -> None:
    old, new = past("old"), past("new", deployed_at=AT + timedelta(days=1))
    failed, other = past("failed", success=False), past("other", image_name="x", service_type="", language="")
    found = ranked([failed, old, other, new], SOUGHT)
    assert [item.deployment.id for item in found] == ["new", "old", "failed"]
    assert similarity(other, SOUGHT) < LEAST
    assert len(ranked([past(str(number)) for number in range(KEPT + 5)], SOUGHT)) == KEPT


def test_the_generator_learns_from_them_the_newest_first_with_what_was_used() -> None:
    usage = Usage(
        samples=9, cpu_mean=1, cpu_p50=1, cpu_p95=7.0, cpu_max=9, memory_mean=1, memory_p50=1, memory_p95=8.0,
        memory_max=9,
    )  # fmt: skip
    newer = past("new", deployed_at=AT + timedelta(days=1), target_cluster=TargetId("test"), usage=usage, oom_events=2)
    found = lessons(ranked([past("old", memory_limit=5), newer], SOUGHT))
    assert [item.id for item in found] == ["new", "old"]
    assert (found[0].cpu_p95, found[0].memory_p95, found[0].oom_events, found[0].image) == (7.0, 8.0, 2, "shop/api")
    assert (found[1].cpu_p95, found[1].memory_limit) == (None, 5)
