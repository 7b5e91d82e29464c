"""How many pods there are, and who may change that."""

from dataclasses import replace

import pytest

from opstwin.domain.workload import Autoscale, RestartPolicy, Workload
from opstwin.errors import InvalidInput
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.generating.results import Level
from opstwin.manifests.served import Served, served_by
from tests.unit.manifests.generating.looking import container, document, finding, kinds, made

API = Workload(name="api", image="registry.example.com/shop/api:2", replicas=2)
SCALED = GenerateOptions(autoscale=Autoscale())


@pytest.mark.req("S5.46")
def test_the_autoscaler_names_the_deployment_whose_pods_request_what_it_measures() -> None:
    result = made(API, SCALED)
    scaler = document(result, "HorizontalPodAutoscaler")
    assert scaler["apiVersion"] == "autoscaling/v2"
    assert scaler["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}
    measured = {metric["resource"]["name"] for metric in scaler["spec"]["metrics"]}
    assert measured <= set(container(result)["resources"]["requests"])
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, 6)


def test_an_old_cluster_gets_the_version_that_it_serves() -> None:
    result = made(API, SCALED, served=served_by((1, 20)))
    assert document(result, "HorizontalPodAutoscaler")["apiVersion"] == "autoscaling/v2beta2"
    assert document(result, "PodDisruptionBudget")["apiVersion"] == "policy/v1beta1"


def test_only_one_of_the_two_says_how_many() -> None:
    assert "replicas" not in document(made(API, SCALED), "Deployment")["spec"]
    assert document(made(API), "Deployment")["spec"]["replicas"] == 2


@pytest.mark.req("S5.46")
@pytest.mark.parametrize(
    ("workload", "options", "code"),
    [
        (API, GenerateOptions(autoscale=Autoscale(), profile=None), "scale_requests"),
        (Workload(name="db", image="postgres:16"), SCALED, "scale_kind"),
        (replace(API, restart=RestartPolicy.NEVER), SCALED, "scale_kind"),
        (replace(API, running=False), SCALED, "scale_stopped"),
    ],
)
def test_where_scaling_by_use_makes_no_sense_there_is_no_autoscaler_and_that_is_said(
    workload: Workload, options: GenerateOptions, code: str
) -> None:
    result = made(workload, options)
    assert "HorizontalPodAutoscaler" not in kinds(result)
    assert finding(result, code).level is Level.LOST


def test_a_cluster_without_an_autoscaler_is_told_how_many() -> None:
    served = Served(kinds=frozenset(pair for pair in served_by((1, 37)).kinds if "autoscaling" not in pair[0]))
    result = made(API, SCALED, served=served)
    assert finding(result, "scale_served").level is Level.LOST
    assert document(result, "Deployment")["spec"]["replicas"] == 2


def test_bounds_and_aims_are_those_that_were_asked_for() -> None:
    wanted = Autoscale(minimum=4, maximum=9, cpu_percent=55, memory_percent=80)
    spec = document(made(API, GenerateOptions(autoscale=wanted)), "HorizontalPodAutoscaler")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (4, 9)
    assert [metric["resource"]["target"]["averageUtilization"] for metric in spec["metrics"]] == [55, 80]


@pytest.mark.parametrize(
    "values", [{"minimum": 5, "maximum": 4}, {"minimum": 0}, {"maximum": 1001}, {"cpu_percent": 0}]
)
def test_bounds_that_make_no_sense_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="autoscale"):
        Autoscale(**values)


def test_several_pods_are_taken_down_one_at_a_time() -> None:
    result = made(API)
    budget = document(result, "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == document(result, "Deployment")["spec"]["selector"]


def test_a_workload_that_says_itself_how_it_scales_needs_no_option() -> None:
    result = made(replace(API, autoscale=Autoscale(maximum=8)))
    assert document(result, "HorizontalPodAutoscaler")["spec"]["maxReplicas"] == 8


@pytest.mark.parametrize(
    "workload",
    [replace(API, replicas=1), replace(API, running=False), replace(API, restart=RestartPolicy.NEVER)],
)
def test_a_single_pod_or_a_task_has_no_disruption_budget(workload: Workload) -> None:
    assert "PodDisruptionBudget" not in kinds(made(workload))
