"""Which changes need a new object, by kind."""

import copy
from typing import Any

import pytest

from opstwin.manifests.immutable import forced_by
from tests.unit.manifests.shop import Object, container_of, deployment, served


def spec(kind: str, **fields: Any) -> Object:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, "spec": fields}


def test_a_deployment_changes_in_place_but_for_its_selector() -> None:
    before, after = served(deployment()), deployment(replicas=5)
    container_of(after)["image"] = "shop/web:2"
    assert forced_by("deployment", before, after) == ()
    after["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    assert forced_by("deployment", before, after) == ("spec.selector.matchLabels.app",)


@pytest.mark.parametrize(
    ("kind", "before", "after", "forced"),
    [
        ("statefulset", {"serviceName": "a", "replicas": 1}, {"serviceName": "b", "replicas": 2},
         ("spec.serviceName",)),
        ("statefulset", {"template": {"spec": {"a": 1}}}, {"template": {"spec": {"a": 2}}}, ()),
        ("job", {"template": {"spec": {"a": 1}}, "parallelism": 1}, {"template": {"spec": {"a": 2}}, "parallelism": 2},
         ("spec.template.spec.a",)),
        ("service", {"clusterIP": "10.0.0.1"}, {"clusterIP": "None"}, ("spec.clusterIP",)),
        ("service", {"clusterIP": "10.0.0.1"}, {"type": "NodePort"}, ()),
        ("persistentvolumeclaim", {"accessModes": ["ReadWriteOnce"]}, {"accessModes": ["ReadWriteMany"]},
         ("spec.accessModes",)),
        ("pod", {"nodeSelector": {"a": "1"}}, {"nodeSelector": {"a": "2"}}, ("spec.nodeSelector.a",)),
        ("widget.example.com", {"selector": 1}, {"selector": 2}, ()),
    ],
)  # fmt: skip
def test_fixed_fields_are_named(kind: str, before: Object, after: Object, forced: tuple[str, ...]) -> None:
    assert forced_by(kind, spec("X", **before), spec("X", **after)) == forced


@pytest.mark.parametrize(("asked", "forced"), [("2Gi", 0), ("1024Mi", 0), ("500Mi", 1)])
def test_a_claim_grows_in_place_and_does_not_shrink(asked: str, forced: int) -> None:
    def claim(size: str) -> Object:
        return spec("PersistentVolumeClaim", resources={"requests": {"storage": size}})

    assert len(forced_by("persistentvolumeclaim", claim("1Gi"), claim(asked))) == forced


def test_of_a_pod_only_images_change_in_place() -> None:
    before = spec("Pod", containers=[{"name": "main", "image": "a:1", "command": ["x"]}])
    after = copy.deepcopy(before)
    after["spec"]["containers"][0]["image"] = "a:2"
    assert forced_by("pod", before, after) == ()
    after["spec"]["containers"][0]["command"] = ["y"]
    assert forced_by("pod", before, after) == ("spec.containers.main.command",)


@pytest.mark.parametrize("kind", ["configmap", "secret"])
def test_what_was_said_to_be_immutable_is(kind: str) -> None:
    before: Object = {"metadata": {"name": "x"}, "data": {"a": "1"}}
    after: Object = {**before, "data": {"a": "2"}}
    assert forced_by(kind, before, after) == ()
    assert forced_by(kind, {**before, "immutable": True}, after) == ("data.a",)


def test_the_role_of_a_binding_is_fixed() -> None:
    before = {"metadata": {"name": "x"}, "roleRef": {"name": "a"}, "subjects": [{"name": "s"}]}
    assert forced_by("rolebinding", before, {**before, "roleRef": {"name": "b"}}) == ("roleRef.name",)
    assert forced_by("rolebinding", before, {**before, "subjects": [{"name": "t"}]}) == ()
