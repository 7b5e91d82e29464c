"""What a real cluster (Kubernetes 1.20.2) says to a plan beforehand; nothing is changed by it."""

import pytest

from opstwin.domain.plan import Op
from opstwin.errors import InvalidInput
from tests.e2e.kube.spot import NEWER, Spot


async def test_a_preview_shows_what_the_cluster_fills_in_and_makes_nothing(spot: Spot) -> None:
    [preview] = await spot.previewer.preview([spot.order(Op.CREATE, spot.deployment(), "run.0").change])
    filled_in = {".".join(item.path): item.after for item in preview.defaults}
    assert filled_in["spec.progressDeadlineSeconds"] == 600
    assert filled_in["spec.template.spec.containers.main.imagePullPolicy"] == "IfNotPresent"
    assert "spec.replicas" not in filled_in
    assert (preview.refused, preview.conflicts) == ("", ())
    assert not spot.is_there("deployment", "web")


async def test_a_preview_names_the_fields_that_others_hold(spot: Spot) -> None:
    before = spot.deployment()
    await spot.writer.apply(spot.order(Op.CREATE, before, "run.0"))
    # Before 1.22 the scale call (kubectl scale, the autoscaler) says nothing of owners.
    spot.kubectl("patch", "deployment", "web", "--field-manager=ops", "-p", '{"spec": {"replicas": 2}}')
    change = spot.order(Op.UPDATE, spot.deployment(image=NEWER, replicas=3), "run.1").change
    [preview] = await spot.previewer.preview([change])
    assert preview.conflicts == (("ops", "spec.replicas"),)
    assert preview.refused == ""
    assert spot.there("deployment", "web")["spec"]["replicas"] == 2
    taking = spot.order(Op.UPDATE, spot.deployment(image=NEWER, replicas=3), "run.1", takes=("ops spec.replicas",))
    await spot.writer.apply(taking)
    assert spot.there("deployment", "web")["spec"]["replicas"] == 3


async def test_a_preview_tells_the_refusal_and_the_warnings_of_the_cluster(spot: Spot) -> None:
    wrong = spot.deployment(selector={"matchLabels": {"app": "other"}})
    old = {
        "apiVersion": "apiextensions.k8s.io/v1beta1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"things.{spot.namespace}.example.com"},
        "spec": {
            "group": f"{spot.namespace}.example.com", "version": "v1", "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
        },
    }  # fmt: skip
    definition = spot.order(
        Op.CREATE, old, "run.0", full=f"things.{spot.namespace}.example.com"
    ).change  # fmt: skip
    refused, warned = await spot.previewer.preview([spot.order(Op.CREATE, wrong, "run.0").change, definition])
    assert "`selector` does not match template `labels`" in refused.refused
    assert "deprecated" in " ".join(warned.warnings)


async def test_what_lies_in_a_namespace_of_the_same_plan_is_checked_without_the_cluster(spot: Spot) -> None:
    ahead = f"{spot.namespace}-next"
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ahead}}
    good, bad = spot.configmap(mode="fast"), spot.deployment(replicaz=1)
    for item in (good, bad):
        item["metadata"]["namespace"] = ahead
    made, first, second = await spot.previewer.preview([
        spot.order(Op.CREATE, space, "run.0", full=ahead).change,
        spot.order(Op.CREATE, good, "run.1", full=f"{ahead}/settings").change,
        spot.order(Op.CREATE, bad, "run.2", full=f"{ahead}/web").change,
    ])  # fmt: skip
    assert (made.refused, first.refused) == ("", "")
    assert "spec.replicaz" in second.refused


async def test_a_replace_is_tried_as_a_new_object_under_another_name(spot: Spot) -> None:
    before = spot.deployment()
    await spot.writer.apply(spot.order(Op.CREATE, before, "run.0"))
    good = spot.deployment(selector={"matchLabels": {"app": "web", "x": "y"}})
    good["spec"]["template"]["metadata"]["labels"]["x"] = "y"
    bad = spot.deployment(selector={"matchLabels": {"app": "other"}})
    for wanted, said in ((good, ""), (bad, "does not match")):
        [preview] = await spot.previewer.preview([spot.order(Op.REPLACE, wanted, "run.1", before=before).change])
        assert preview.refused == said or (said and said in preview.refused)
    assert spot.kubectl("get", "deployments", "-o", "name").split() == ["deployment.apps/web"]


async def test_manifests_are_placed_by_what_the_cluster_serves(spot: Spot) -> None:
    plain = spot.deployment()
    plain["metadata"].pop("namespace")
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "x", "namespace": "y"},
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "w.example.com"},
        "spec": {"group": "example.com", "scope": "Cluster", "names": {"kind": "Widget", "plural": "widgets"}},
    }  # fmt: skip
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one"}}
    placed = await spot.previewer.placed([plain, role, definition, widget])
    assert [str(item.resource) for item in placed] == [
        f"real/deployment/{spot.namespace}/web", "real/clusterrole/x", "real/customresourcedefinition/w.example.com",
        "real/widget.example.com/one",
    ]  # fmt: skip
    assert placed[0].spec["metadata"] == {"name": "web", "namespace": spot.namespace}
    assert placed[1].spec["metadata"] == {"name": "x"}


@pytest.mark.parametrize(
    ("manifest", "field", "says"),
    [
        ({"kind": "Pod", "metadata": {"name": "x"}}, "apiVersion", "Manifest 1"),
        ({"apiVersion": "v1", "metadata": {"name": "x"}}, "kind", "Manifest 1"),
        ({"apiVersion": "v1", "kind": "Pod"}, "metadata.name", "Manifest 1 (Pod"),
        ({"apiVersion": "example.com/v1", "kind": "No", "metadata": {"name": "x"}}, "apiVersion", "does not serve"),
        ({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "x"}}, "apiVersion",
         "autoscaling/v2"),
    ],
)  # fmt: skip
async def test_a_manifest_that_cannot_be_placed_is_named(
    spot: Spot, manifest: dict[str, object], field: str, says: str
) -> None:
    with pytest.raises(InvalidInput) as wrong:
        await spot.previewer.placed([manifest])  # type: ignore[list-item]
    assert wrong.value.field == field
    assert says in wrong.value.message
    assert wrong.value.next_step
