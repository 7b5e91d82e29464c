"""Each detector about what stands around workloads of a cluster: found, not found, and not to be told."""

from typing import Any

import pytest

from opstwin.domain.cluster_surroundings import (
    AROUND,
    autoscaler,
    claim_unbound,
    eviction_blocked,
    namespace_leaving,
    node_ails,
    service_without_pods,
)
from opstwin.domain.diagnosis import Code, Doubt, Severity
from opstwin.domain.resource import Health, Observed, Presence
from opstwin.domain.values import Json
from tests.unit.domain.cluster_cases import ago, case, clue, facts, pod, seen, warning

SERVICE = seen("service", "web", spec={"selector": {"app": "web"}})
UP = pod("web-1", Health.HEALTHY, state="running", node="n1")
UP2 = pod("web-2", Health.HEALTHY, state="running", node="n2")


def budget(**rule: Any) -> Observed:
    wanted: dict[str, Json] = {"selector": {"matchLabels": {"app": "web"}}, **rule}
    return seen("poddisruptionbudget", "web", spec=wanted)


def scaler(ready: str, state: str = "active", **more: Any) -> Observed:
    spec: dict[str, Json] = {"minReplicas": 1, "maxReplicas": 5}
    return seen("horizontalpodautoscaler", "web", spec=spec, ready=ready, state=state, **more)


@pytest.mark.parametrize("kind", AROUND)
def test_what_nobody_can_see_is_a_doubt_and_what_is_gone_is_nothing(kind: str) -> None:
    dark = seen(kind, "web", Health.UNKNOWN, presence=Presence.UNKNOWN)
    assert isinstance(AROUND[kind](case(observed=dark)), Doubt)
    assert AROUND[kind](case(observed=seen(kind, "web", presence=Presence.ABSENT))) is None


def test_a_service_whose_selector_matches_nothing_is_found() -> None:
    found = clue(service_without_pods(case(observed=SERVICE)))
    assert (found.code, found.words, found.severity) == (
        Code.SERVICE_WITHOUT_PODS, "service_selector", Severity.WARNING,
    )  # fmt: skip
    assert facts(found)["selector"] == {"app": "web"}


def test_a_service_is_told_apart_by_what_it_leads_to() -> None:
    def words(**fields: Any) -> tuple[str, Severity]:
        found = clue(service_without_pods(case(observed=SERVICE, **fields)))
        return found.words, found.severity

    maker = seen("deployment", "web", Health.STARTING, ready="0/1")
    asleep = seen("deployment", "web", Health.STOPPED, ready="0/0")
    assert words(pods=[pod()]) == ("service_unready", Severity.CRITICAL)
    assert words(near=[maker]) == ("service_starting", Severity.CRITICAL)
    assert words(near=[asleep]) == ("service_asleep", Severity.NOTICE)
    assert service_without_pods(case(observed=SERVICE, pods=[pod(), UP])) is None
    assert service_without_pods(case(observed=seen("service", "outside"))) is None
    assert isinstance(service_without_pods(case(observed=SERVICE, is_sure=False)), Doubt)


def test_a_claim_without_a_volume_is_as_bad_as_what_waits_for_it() -> None:
    new = seen("persistentvolumeclaim", "data", state="pending", created_at=ago(seconds=30).isoformat())
    assert claim_unbound(case(observed=new)) is None
    waited_for = clue(claim_unbound(case(observed=new, pods=[pod()])))
    assert (waited_for.code, waited_for.severity) == (Code.CLAIM_UNBOUND, Severity.CRITICAL)
    assert facts(waited_for)["mounted by"] == "shop/web-abc-1"
    told = clue(claim_unbound(case(observed=new, events=[warning(new, "ProvisioningFailed", "no such class")])))
    assert (told.severity, facts(told)["warning"]) == (Severity.WARNING, "ProvisioningFailed: no such class")
    old = seen("persistentvolumeclaim", "data", state="pending", created_at=ago(minutes=6).isoformat())
    unused = clue(claim_unbound(case(observed=old)))
    assert (unused.words, unused.severity, unused.since) == ("claim_unused", Severity.NOTICE, ago(minutes=6))
    lost = clue(claim_unbound(case(observed=seen("persistentvolumeclaim", "data", Health.UNHEALTHY, state="lost"))))
    assert (lost.words, lost.severity) == ("claim_lost", Severity.CRITICAL)
    assert claim_unbound(case(observed=seen("persistentvolumeclaim", "data", state="bound"), pods=[pod()])) is None


def test_an_autoscaler_without_metrics_is_found_with_the_clusters_reason() -> None:
    blind = scaler("1/5", "waiting", why="no metrics known", conditions=["ScalingActive=False FailedGetResourceMetric"])
    found = clue(autoscaler(case(observed=blind)))
    assert (found.code, found.words) == (Code.AUTOSCALER_BLIND, "autoscaler_blind")
    assert facts(found) == {"condition": "ScalingActive=False FailedGetResourceMetric", "why": "no metrics known"}
    lost = scaler("0/5", "waiting", conditions=["AbleToScale=False FailedGetScale"])
    assert clue(autoscaler(case(observed=lost))).words == "autoscaler_lost"
    off = scaler("0/5", conditions=["ScalingActive=False ScalingDisabled"])
    assert autoscaler(case(observed=off)) is None


def test_an_autoscaler_at_its_maximum_is_a_warning_only_when_it_wants_more() -> None:
    assert autoscaler(case(observed=scaler("4/5"))) is None
    assert clue(autoscaler(case(observed=scaler("5/5")))).severity is Severity.NOTICE
    more = clue(autoscaler(case(observed=scaler("5/5", conditions=["ScalingLimited=True TooManyReplicas"]))))
    assert (more.code, more.severity, more.words) == (
        Code.AUTOSCALER_AT_MAXIMUM, Severity.WARNING, "autoscaler_wants_more",
    )  # fmt: skip


def test_a_node_that_does_not_answer_or_runs_short_is_found() -> None:
    silent = seen("node", "n1", Health.UNKNOWN, state="not ready", conditions=["Ready=Unknown NodeStatusUnknown"])
    found = clue(node_ails(case(observed=silent, pods=[UP])))
    assert (found.code, found.words, found.values["count"]) == (Code.NODE_NOT_READY, "node_silent", "1")
    assert facts(found)["condition"] == "Ready=Unknown NodeStatusUnknown"
    conditions: list[Json] = ["MemoryPressure=True KubeletHasInsufficientMemory", "Ready=True KubeletReady"]
    short = seen("node", "n1", Health.UNHEALTHY, state="under pressure", conditions=conditions)
    pressed = clue(node_ails(case(observed=short)))
    assert (pressed.code, pressed.severity, pressed.values["what"]) == (
        Code.NODE_UNDER_PRESSURE, Severity.WARNING, "MemoryPressure",
    )  # fmt: skip
    assert node_ails(case(observed=seen("node", "n1", Health.HEALTHY, state="cordoned"))) is None


def test_a_namespace_that_goes_is_as_bad_as_what_should_stay_in_it() -> None:
    def told(*conditions: Json, wanted: int = 0) -> tuple[str, Severity]:
        going = seen("namespace", "shop", Health.STARTING, state="leaving", conditions=[*conditions])
        found = clue(namespace_leaving(case(observed=going, wanted_inside=wanted)))
        return found.words, found.severity

    assert told() == ("namespace_leaving", Severity.NOTICE)
    assert told("NamespaceContentRemaining=True SomeResourcesRemain") == ("namespace_stuck", Severity.WARNING)
    assert told("NamespaceContentRemaining=False ContentRemoved") == ("namespace_leaving", Severity.NOTICE)
    assert told(wanted=2) == ("namespace_wanted", Severity.CRITICAL)
    assert namespace_leaving(case(observed=seen("namespace", "shop", state="active"))) is None


@pytest.mark.parametrize("rule", [{"minAvailable": 2}, {"maxUnavailable": 0}, {"minAvailable": "100%"}])
def test_a_budget_that_never_lets_a_pod_go_is_found(rule: dict[str, Json]) -> None:
    found = clue(eviction_blocked(case(observed=budget(**rule), pods=[UP, UP2])))
    assert (found.code, found.severity, facts(found)["budget"]) == (Code.EVICTION_BLOCKED, Severity.NOTICE, rule)


def test_a_budget_that_a_closed_node_waits_for_is_a_warning() -> None:
    closed = seen("node", "n2", Health.HEALTHY, state="cordoned", spec={"unschedulable": True})
    found = clue(eviction_blocked(case(observed=budget(minAvailable=2), pods=[UP, UP2], near=[closed])))
    assert (found.words, found.severity) == ("eviction_waits", Severity.WARNING)
    assert facts(found)["waits on a closed node"] == "shop/web-2 n2"


@pytest.mark.parametrize("rule", [{"minAvailable": 1}, {"maxUnavailable": 1}, {"maxUnavailable": "1%"}, {}])
def test_a_budget_that_lets_pods_go_is_in_order(rule: dict[str, Json]) -> None:
    assert eviction_blocked(case(observed=budget(**rule), pods=[UP, UP2])) is None
    assert eviction_blocked(case(observed=budget(minAvailable=2))) is None
