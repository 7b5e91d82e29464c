"""How long a cluster may take to say how an object does."""

import pytest

from opstwin.manifests.patience import PROGRESS_S, hold_s, killed_after_s, told_by_s, untold_s, verdict_s
from tests.unit.manifests.shop import Object, container_of, deployment

PROBE: Object = {"periodSeconds": 5, "failureThreshold": 4, "initialDelaySeconds": 10}


def test_a_deployment_says_itself_how_long_it_may_make_no_progress() -> None:
    assert verdict_s("deployment", deployment()) == PROGRESS_S
    assert verdict_s("deployment", deployment(progressDeadlineSeconds=20)) == 20.0


def test_pods_that_come_one_by_one_take_as_long_as_their_probes_together() -> None:
    wanted = deployment(replicas=3)
    container_of(wanted)["readinessProbe"] = PROBE
    once = verdict_s("statefulset", {**wanted, "spec": {**wanted["spec"], "podManagementPolicy": "Parallel"}})
    assert once == 10 + 5 * 4 + 30
    assert verdict_s("statefulset", wanted) == 3 * once
    assert verdict_s("daemonset", wanted) == once


def test_a_job_has_until_its_deadline() -> None:
    assert verdict_s("job", deployment(activeDeadlineSeconds=400)) == 400.0


@pytest.mark.parametrize("kind", ["configmap", "service", "cronjob", "widget.example.com"])
def test_what_is_well_once_it_is_there_needs_no_time(kind: str) -> None:
    assert verdict_s(kind, {"metadata": {"name": "x"}, "spec": {"a": 1}}) == 0.0


@pytest.mark.parametrize(
    "broken", [{}, {"spec": None}, {"spec": {"template": 7}}, {"spec": {"progressDeadlineSeconds": "x"}}]
)
def test_a_manifest_that_cannot_be_read_costs_no_crash(broken: Object) -> None:
    for kind in ("deployment", "statefulset", "pod", "job"):
        assert verdict_s(kind, broken) >= 0.0


def test_the_apis_default_liveness_probe_has_spoken_after_fifteen_seconds_and_is_waited_for_ninety() -> None:
    wanted = deployment()
    container_of(wanted)["livenessProbe"] = {"tcpSocket": {"port": 80}}
    assert hold_s("deployment", wanted) == 10 + 5
    assert untold_s("deployment", wanted) == 3 * 10 + 30 + 30


def test_what_a_startup_probe_holds_back_fails_later() -> None:
    alive: Object = {"periodSeconds": 5, "failureThreshold": 2}
    assert killed_after_s({"livenessProbe": alive, "startupProbe": PROBE}) == (10 + 5 * 4) + 5 * 2
    assert killed_after_s({"startupProbe": PROBE}) == 0.0


def test_the_wait_for_nodes_that_tell_late_ends_after_five_minutes() -> None:
    slow: Object = {"livenessProbe": {"periodSeconds": 60, "failureThreshold": 10}}
    assert told_by_s({"containers": [slow]}) == 300.0
    assert told_by_s({"containers": [slow | {"livenessProbe": None}]}) == 0.0
    assert told_by_s({"containers": [{"livenessProbe": PROBE}], "terminationGracePeriodSeconds": 2}) == 30 + 2 + 30


@pytest.mark.parametrize("kind", ["job", "cronjob", "configmap"])
def test_what_does_not_run_on_is_not_held_for_its_liveness(kind: str) -> None:
    wanted = deployment()
    container_of(wanted)["livenessProbe"] = PROBE
    assert (hold_s(kind, wanted), untold_s(kind, wanted)) == (0.0, 0.0)
