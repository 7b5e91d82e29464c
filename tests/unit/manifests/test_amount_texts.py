"""Amounts are written as text wherever a built-in kind has one, and nothing else is touched."""

from typing import Any

import pytest

from opstwin.manifests.amount_texts import with_amounts_as_text
from opstwin.manifests.difference import difference


def manifest(api: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "x", "namespace": "shop"}, **fields}


def pod(cpu: Any) -> dict[str, Any]:
    resources = {"limits": {"cpu": cpu, "memory": 134217728}, "requests": {"cpu": "100m"}}
    env = [{"name": "CPUS", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": 1}}}]
    ports = [{"containerPort": 80}]
    container = {"name": "app", "image": "web:1", "resources": resources, "env": env, "ports": ports}
    volume = {"name": "scratch", "emptyDir": {"sizeLimit": 1000000}}
    return {"containers": [container], "volumes": [volume], "terminationGracePeriodSeconds": 30}


def test_amounts_in_the_pods_of_a_workload_become_text_and_numbers_stay_numbers() -> None:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": pod(1)}
    given = manifest("apps/v1", "Deployment", spec={"replicas": 2, "template": template})
    made: Any = with_amounts_as_text(given)
    spec = made["spec"]["template"]["spec"]
    container = spec["containers"][0]
    assert container["resources"] == {"limits": {"cpu": "1", "memory": "134217728"}, "requests": {"cpu": "100m"}}
    assert container["env"][0]["valueFrom"]["resourceFieldRef"]["divisor"] == "1"
    assert spec["volumes"][0]["emptyDir"]["sizeLimit"] == "1000000"
    assert (made["spec"]["replicas"], spec["terminationGracePeriodSeconds"]) == (2, 30)
    assert container["ports"] == [{"containerPort": 80}]
    assert template["spec"]["containers"][0]["resources"]["limits"]["cpu"] == 1
    assert difference("deployment", given, made) == ()


@pytest.mark.parametrize(("cpu", "text"), [(1, "1"), (0.5, "0.5"), ("250m", "250m"), (True, True), (None, None)])
def test_only_numbers_are_written_anew(cpu: Any, text: Any) -> None:
    made: Any = with_amounts_as_text(manifest("v1", "Pod", spec=pod(cpu)))
    assert made["spec"]["containers"][0]["resources"]["limits"]["cpu"] is text or (
        made["spec"]["containers"][0]["resources"]["limits"]["cpu"] == text
    )


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (manifest("v1", "ResourceQuota", spec={"hard": {"pods": 3}}), ("spec", "hard", "pods")),
        (manifest("v1", "LimitRange", spec={"limits": [{"type": "Container", "max": {"cpu": 3}}]}),
         ("spec", "limits", 0, "max", "cpu")),
        (manifest("v1", "PersistentVolumeClaim", spec={"resources": {"requests": {"storage": 3}}}),
         ("spec", "resources", "requests", "storage")),
        (manifest("autoscaling/v2beta2", "HorizontalPodAutoscaler", spec={
            "maxReplicas": 9, "metrics": [{"pods": {"target": {"averageValue": 3}}}]}),
         ("spec", "metrics", 0, "pods", "target", "averageValue")),
        (manifest("batch/v1", "CronJob", spec={"jobTemplate": {"spec": {"template": {"spec": {
            "containers": [{"resources": {"limits": {"memory": 3}}}]}}}}}),
         ("spec", "jobTemplate", "spec", "template", "spec", "containers", 0, "resources", "limits", "memory")),
    ],
)  # fmt: skip
def test_amounts_of_every_kind_are_found(given: dict[str, Any], path: tuple[str | int, ...]) -> None:
    made: Any = with_amounts_as_text(given)
    for step in path:
        made = made[step]
    assert made == "3"


def test_what_nobody_knows_stays_as_it_is() -> None:
    widget = manifest("example.com/v1", "Widget", spec={"resources": {"limits": {"cpu": 1}}})
    assert with_amounts_as_text(widget) == widget
    config = manifest("v1", "ConfigMap", data={"limits": {"cpu": 1}})
    assert with_amounts_as_text(config) == config
