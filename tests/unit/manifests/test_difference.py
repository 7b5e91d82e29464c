"""What is compared between what is wanted and what a cluster shows, and what is not."""

import copy
from typing import Any

import pytest

from opstwin.domain.diff import FieldChange, FieldOp, apply
from opstwin.domain.values import Json
from opstwin.manifests.difference import difference, laid_over
from opstwin.manifests.ownership import owned_by
from tests.unit.manifests.shop import Object, container_of, deployment, owning, served


def paths(kind: str, wanted: Object, found: Object) -> list[str]:
    return [".".join(change.path) for change in difference(kind, wanted, found)]


def manifest(kind: str, **fields: Any) -> Object:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": "shop"}, **fields}


def test_what_a_cluster_fills_in_is_no_difference() -> None:
    wanted = deployment()
    assert difference("deployment", wanted, owning(served(wanted), wanted)) == ()


def test_what_is_as_wanted_stays_the_very_same_object() -> None:
    wanted = deployment()
    assert laid_over("deployment", wanted, served(wanted)) is wanted


def test_a_changed_field_is_named_and_leads_to_what_is_there() -> None:
    wanted = deployment()
    found = served(wanted)
    container_of(found)["image"] = "shop/web:2"
    [change] = difference("deployment", wanted, found)
    path = ("spec", "template", "spec", "containers", "web", "image")
    assert change == FieldChange(FieldOp.CHANGE, path, "shop/web:1", "shop/web:2")


@pytest.mark.parametrize(
    ("asked", "held", "same"),
    [("0.5", "500m", True), ("1Gi", "1024Mi", True), (1, "1", True), ("1e3", "1k", True), ("1", "1m", False),
     ("lots", "lots", True), ("lots", "more", False), ("0.0000000001", "1n", True)],
)  # fmt: skip
def test_amounts_are_compared_by_what_they_say(asked: Json, held: Json, same: bool) -> None:
    wanted, found = deployment(), deployment()
    container_of(wanted)["resources"] = {"limits": {"cpu": asked}}
    container_of(found)["resources"] = {"limits": {"cpu": held}}
    assert (difference("deployment", wanted, found) == ()) is same


@pytest.mark.parametrize("field", ["data", "labels"])
def test_texts_that_look_like_amounts_are_texts(field: str) -> None:
    wanted, found = manifest("ConfigMap"), manifest("ConfigMap")
    for item, value in ((wanted, "0.5"), (found, "500m")):
        (item if field == "data" else item["metadata"])[field] = {"storage": value}
    assert len(difference("configmap", wanted, found)) == 1


def test_what_others_set_beside_ours_is_no_difference() -> None:
    wanted = deployment()
    found = served(wanted)
    found["spec"]["template"]["spec"]["containers"].append({"name": "sidecar", "image": "mesh:1"})
    found["metadata"]["labels"]["team"] = "shop"
    container_of(found)["env"].append({"name": "INJECTED", "value": "1"})
    assert difference("deployment", wanted, owning(found, wanted)) == ()


def test_what_opstwin_set_before_and_nobody_wants_any_more_is_a_difference() -> None:
    before = deployment()
    before["metadata"]["labels"]["old"] = "1"
    before["spec"]["template"]["spec"]["containers"].append({"name": "old", "image": "old:1"})
    container_of(before)["env"].append({"name": "OLD", "value": "1"})
    found = owning(served(before), before)
    wanted = deployment()
    changes = difference("deployment", wanted, found)
    assert [(change.op, change.path[-1]) for change in changes] == [
        (FieldOp.ADD, "old"), (FieldOp.CHANGE, "containers"),
    ]  # fmt: skip
    there = apply(wanted, changes)
    assert there == laid_over("deployment", wanted, found, owned_by(found))
    assert [item["name"] for item in there["spec"]["template"]["spec"]["containers"]] == ["web", "old"]  # type: ignore[index,call-overload,union-attr]


def test_the_marks_of_opstwin_are_never_a_difference() -> None:
    wanted = deployment()
    applied = copy.deepcopy(wanted)
    applied["metadata"]["annotations"] = {"opstwin.io/key": "exec.1", "opstwin.io/fence": "1"}
    applied["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "opstwin"
    assert difference("deployment", wanted, owning(served(applied), applied)) == ()


def test_named_elements_may_stand_in_any_order() -> None:
    wanted = deployment()
    found = served(wanted)
    container_of(found)["env"].reverse()
    assert difference("deployment", wanted, found) == ()


def test_the_order_of_init_containers_has_a_meaning() -> None:
    wanted = deployment()
    wanted["spec"]["template"]["spec"]["initContainers"] = [{"name": "a", "image": "a"}, {"name": "b", "image": "b"}]
    found = served(wanted)
    found["spec"]["template"]["spec"]["initContainers"].reverse()
    assert paths("deployment", wanted, found) == ["spec.template.spec.initContainers"]


def test_a_volume_that_became_a_host_path_is_seen() -> None:
    wanted = deployment()
    found = served(wanted)
    found["spec"]["template"]["spec"]["volumes"] = [{"name": "tmp", "hostPath": {"path": "/"}}]
    assert paths("deployment", wanted, found) == ["spec.template.spec.volumes.tmp.emptyDir"]


def test_another_key_in_a_selector_changes_what_it_selects() -> None:
    wanted = manifest("Service", spec={"selector": {"app": "web"}})
    found = manifest("Service", spec={"selector": {"app": "web", "canary": "yes"}, "clusterIP": "10.0.0.1"})
    assert paths("service", wanted, found) == ["spec.selector.canary"]


def test_a_network_policy_that_was_widened_is_seen() -> None:
    peer: Object = {"podSelector": {"matchLabels": {"app": "web"}}}
    wanted = manifest("NetworkPolicy", spec={"ingress": [{"from": [peer], "ports": [{"port": 80}]}]})
    ports = [{"port": 80, "protocol": "TCP"}]
    as_wanted = manifest("NetworkPolicy", spec={"ingress": [{"from": [peer], "ports": ports}]})
    wider = manifest(
        "NetworkPolicy", spec={"ingress": [{"from": [{**peer, "namespaceSelector": {"x": 1}}], "ports": ports}]}
    )
    assert difference("networkpolicy", wanted, as_wanted) == ()
    assert paths("networkpolicy", wanted, wider) == ["spec.ingress"]


def test_values_that_the_api_leaves_out_are_no_difference() -> None:
    wanted = deployment(paused=False, minReadySeconds=0)
    wanted["metadata"]["annotations"] = {}
    wanted["spec"]["template"]["spec"]["tolerations"] = []
    assert difference("deployment", wanted, served(deployment())) == ()


@pytest.mark.parametrize(("kind", "field"), [("widget.example.com", "spec"), ("configmap", "data")])
def test_an_empty_value_counts_where_the_api_keeps_it(kind: str, field: str) -> None:
    assert paths(kind, manifest("X", **{field: {"size": ""}}), manifest("X", **{field: {}})) == [f"{field}.size"]


def test_the_keys_of_a_secret_are_compared_and_its_values_are_not() -> None:
    wanted = manifest("Secret", stringData={"TOKEN": {"secretRef": "env:TOKEN"}, "PIN": {"secretRef": "env:PIN"}})
    assert difference("secret", wanted, manifest("Secret", type="Opaque", data={"TOKEN": "•••", "PIN": "•••"})) == ()
    assert paths("secret", wanted, manifest("Secret", data={"PIN": "•••"})) == ["stringData.TOKEN"]
    held = manifest("Secret", data={"TOKEN": "•••", "PIN": "•••", "OLD": "•••"})
    assert paths("secret", wanted, owning(held, {"data": held["data"]})) == ["data"]


def test_another_api_version_of_one_kind_is_no_difference() -> None:
    wanted, found = (
        manifest("CronJob", spec={"schedule": "* * * * *"}),
        manifest("CronJob", spec={"schedule": "* * * * *"}),
    )
    found["apiVersion"] = "batch/v1beta1"
    assert difference("cronjob", wanted, found) == ()


def test_what_was_observed_is_compared_in_what_opstwin_owned() -> None:
    ours = deployment()
    captured = owning(served(ours), ours)
    now = copy.deepcopy(captured)
    now["spec"]["progressDeadlineSeconds"] = 30
    assert difference("deployment", captured, now) == ()
    container_of(now)["image"] = "shop/web:2"
    assert paths("deployment", captured, now) == ["spec.template.spec.containers.web.image"]


def test_what_was_observed_and_belonged_to_nobody_here_is_compared_as_a_whole() -> None:
    captured = served(deployment())
    captured["metadata"]["managedFields"] = []
    now = copy.deepcopy(captured)
    now["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "7"
    assert difference("deployment", captured, now) == ()
    now["spec"]["replicas"] = 5
    assert paths("deployment", captured, now) == ["spec.replicas"]


def test_a_field_taken_from_its_owner_is_a_difference_to_what_was_observed_before() -> None:
    captured = served(deployment())
    captured["metadata"]["managedFields"] = []
    taken = copy.deepcopy(captured)
    taken["spec"]["replicas"] = 7
    now = owning(taken, {"spec": {"replicas": 7}})
    assert paths("deployment", captured, now) == ["spec.replicas"]


@pytest.mark.parametrize(
    "fields", [None, 7, [], [7], [{"manager": "opstwin", "fieldsV1": 7}], [{"manager": "opstwin"}],
               [{"manager": "opstwin", "fieldsV1": {"f:spec": {"f:template": {"k:{": {}, "v:[": {}, "f:x": {}}}}}]],
)  # fmt: skip
def test_managed_fields_that_cannot_be_read_count_as_not_there(fields: Json) -> None:
    wanted = deployment()
    found = served(wanted)
    found["metadata"]["managedFields"] = fields
    assert difference("deployment", wanted, found) == ()


def test_two_elements_of_one_name_are_compared_by_place() -> None:
    wanted = deployment()
    container_of(wanted)["env"] = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    assert difference("deployment", wanted, served(wanted)) == ()
    found = served(wanted)
    container_of(found)["env"].reverse()
    assert paths("deployment", wanted, found) == ["spec.template.spec.containers.web.env"]
