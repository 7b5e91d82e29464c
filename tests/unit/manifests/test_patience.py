"""How long a cluster may take to say how an object does."""

import pytest

from opstwin.manifests.patience import PROGRESS_S, verdict_s
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
