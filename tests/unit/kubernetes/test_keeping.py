"""What is kept as desired, and what is refused before."""

import pytest

from opstwin.domain.values import TargetId
from opstwin.errors import InvalidInput
from opstwin.targets.kubernetes.keeping import kept_form
from opstwin.targets.kubernetes.renderer import KubernetesRenderer
from tests.unit.manifests.shop import Object, deployment, owning, served


def secret(**fields: object) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": "shop"}, **fields}


def test_an_exported_manifest_is_kept_without_what_a_cluster_wrote() -> None:
    exported = served(deployment())
    exported["status"] = {"replicas": 2}
    exported["metadata"] |= {"uid": "1", "resourceVersion": "2", "generation": 1, "creationTimestamp": "now"}
    exported["metadata"]["annotations"] = {"opstwin.io/key": "run.0", "team": "shop"}
    kept = kept_form("deployment", "shop/web", owning(exported, deployment()))
    assert "status" not in kept
    assert kept["metadata"] == {
        "name": "web", "namespace": "shop", "labels": {"app": "web"}, "annotations": {"team": "shop"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"spec": deployment(replicaz=1)["spec"]}, "spec.replicaz"),
        ({"apiVersion": ""}, "apiVersion"),
        ({"kind": "Pod"}, "kind"),
        ({"metadata": {"name": "other", "namespace": "shop"}}, "metadata.name"),
        ({"metadata": {"name": "web", "namespace": "shop", "generateName": "x"}}, "metadata.generateName"),
        ({"spec": {"selector": {}, "template": {"spec": {"containers": {}}}}}, "spec.template.spec.containers"),
    ],
)
def test_a_manifest_with_a_wrong_field_is_refused_by_name(fields: Object, field: str) -> None:
    with pytest.raises(InvalidInput) as wrong:
        kept_form("deployment", "shop/web", {**deployment(), **fields})
    assert wrong.value.field == field
    assert wrong.value.next_step


@pytest.mark.parametrize("fields", [{"data": {"K": "aHVudGVyMg=="}}, {"stringData": {"K": "hunter2"}}])
def test_the_value_of_a_secret_is_never_kept(fields: Object) -> None:
    with pytest.raises(InvalidInput) as wrong:
        kept_form("secret", "shop/keys", secret(**fields))
    assert "hunter2" not in str(wrong.value)
    assert "aHVudGVyMg" not in str(wrong.value)
    assert "secretRef" in wrong.value.next_step


def test_a_reference_to_a_secret_and_a_value_that_was_never_read_are_kept() -> None:
    asked = secret(stringData={"K": {"secretRef": "env:K"}}, data={"OLD": "•••"})
    assert kept_form("secret", "shop/keys", asked) == asked
    with pytest.raises(InvalidInput):
        kept_form("secret", "shop/keys", secret(stringData={"K": {"secretRef": "vault:K"}}))


def test_a_custom_kind_is_kept_as_it_is() -> None:
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "x"}, "spec": {"anything": [1]}}
    assert kept_form("widget.example.com", "x", widget) == widget


def test_desired_and_observed_of_one_thing_are_comparable() -> None:
    renderer = KubernetesRenderer(TargetId("t"), "shop", lambda: None)
    wanted = deployment()
    found = owning(served(wanted), wanted)
    assert renderer.comparable("deployment", wanted) == wanted
    assert renderer.difference("deployment", renderer.comparable("deployment", wanted), found) == ()
    assert "managedFields" not in str(renderer.comparable("deployment", found))
