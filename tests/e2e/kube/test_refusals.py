"""What a real cluster (Kubernetes 1.20.2) refuses, told by name; and what is then left alone."""

import json
from pathlib import Path

import pytest

from opstwin.domain.plan import Op
from opstwin.errors import Forbidden, InvalidInput, Rejected, Unreachable
from tests.e2e.kube.spot import Object, Spot, spot_at

READER = [
    {"apiGroups": ["", "apps"], "resources": ["configmaps", "deployments"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch"]},
]


async def limited(spot: Spot, folder: Path) -> Spot:
    """The same namespace as an account that may read, and change ConfigMaps that are there."""
    meta = {"name": "limited", "namespace": spot.namespace}
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    subject = {"kind": "ServiceAccount", **meta}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "limited"}
    for item in (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {**rbac, "kind": "Role", "metadata": meta, "rules": READER},
        {**rbac, "kind": "RoleBinding", "metadata": meta, "subjects": [subject], "roleRef": role},
    ):
        spot.kubectl("create", "-f", "-", input=item)
    path = f"/api/v1/namespaces/{spot.namespace}/serviceaccounts/limited/token"
    asked: Object = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
    made = json.loads(spot.kubectl("create", "--raw", path, "-f", "-", input=asked))
    return as_token(spot, folder, made["status"]["token"])


def as_token(spot: Spot, folder: Path, token: str) -> Spot:
    config = json.loads(spot.kubectl("config", "view", "--raw", "--flatten", "-o", "json"))
    config["users"][0]["user"] = {"token": token}
    path = folder / "token.kubeconfig"
    path.write_text(json.dumps(config))
    made = spot_at(path, spot.namespace)
    spot.beside.append(made)
    return made


@pytest.mark.req("S5.77")
async def test_a_plan_that_the_account_may_not_carry_out_is_not_offered(spot: Spot, tmp_path: Path) -> None:
    little = await limited(spot, tmp_path)
    changes = [
        spot.order(Op.CREATE, spot.deployment(), "run.0").change,
        spot.order(Op.UPDATE, spot.configmap(mode="slow"), "run.0").change,
        spot.order(Op.DELETE, None, "run.0", kind="configmap", name="other").change,
    ]
    with pytest.raises(Forbidden) as refused:
        await little.previewer.preview(changes)
    lacking = refused.value.details["lacking"]
    there = f"in namespace {spot.namespace}"
    assert lacking == [
        f"create deployments.apps {there}", f"delete configmaps {there}", f"patch deployments.apps {there}",
    ]  # fmt: skip
    assert refused.value.details["lacking_to_undo"] == [f"delete deployments.apps {there}"]
    assert "create deployments.apps" in refused.value.message
    assert little.losing.count("PATCH") == 0
    await little.writer.close()


@pytest.mark.req("S5.77")
async def test_what_the_account_may_not_do_is_refused_with_the_words_of_the_cluster(spot: Spot, tmp_path: Path) -> None:
    little = await limited(spot, tmp_path)
    with pytest.raises(Rejected, match='cannot patch resource "deployments"') as refused:
        await little.writer.apply(spot.order(Op.CREATE, spot.deployment(), "run.0"))
    assert "Grant it" in refused.value.next_step
    await little.writer.close()


async def test_a_token_that_is_not_accepted_does_nothing_and_says_so(spot: Spot, tmp_path: Path) -> None:
    nobody = as_token(spot, tmp_path, "not-a-token")
    with pytest.raises(Unreachable, match="credentials"):
        await nobody.writer.apply(spot.order(Op.CREATE, spot.configmap(), "run.0"))
    await nobody.writer.close()


async def test_a_quota_that_is_used_up_is_told_in_the_words_of_the_cluster(spot: Spot) -> None:
    quota = {
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "tight"},
        "spec": {"hard": {"count/configmaps": "1"}},
    }  # fmt: skip
    spot.kubectl("create", "-f", "-", input=quota)
    await spot.until("resourcequota", "tight", lambda found: "used" in found["status"])
    order = spot.order(Op.CREATE, spot.configmap(mode="fast"), "run.0")
    [preview] = await spot.previewer.preview([order.change])
    assert "exceeded quota: tight" in preview.refused
    with pytest.raises(Rejected, match="exceeded quota: tight") as refused:
        await spot.writer.apply(order)
    assert "quota" in refused.value.next_step


async def test_nothing_is_put_into_a_namespace_that_is_being_deleted(spot: Spot) -> None:
    spot.kubectl("patch", "configmap", "kube-root-ca.crt", "-p", '{"metadata": {"finalizers": ["example.com/hold"]}}')
    spot.kubectl("delete", "namespace", spot.namespace, "--wait=false")
    order = spot.order(Op.CREATE, spot.configmap(), "run.0")
    [preview] = await spot.previewer.preview([order.change])
    with pytest.raises(Rejected, match="being terminated") as refused:
        await spot.writer.apply(order)
    assert "being terminated" in preview.refused
    assert "namespace" in refused.value.next_step
    spot.kubectl("patch", "configmap", "kube-root-ca.crt", "-p", '{"metadata": {"finalizers": null}}')


async def test_a_namespace_that_is_not_there_is_named(spot: Spot) -> None:
    wanted = spot.configmap()
    wanted["metadata"]["namespace"] = "nowhere"
    with pytest.raises(Rejected, match='namespaces "nowhere" not found'):
        await spot.writer.apply(spot.order(Op.CREATE, wanted, "run.0", full="nowhere/settings"))


async def test_an_unknown_field_is_refused_before_and_by_the_cluster(spot: Spot) -> None:
    wanted = spot.deployment(replicaz=2)
    with pytest.raises(InvalidInput, match=r"spec\.replicaz") as wrong:
        spot.renderer.checked("deployment", f"{spot.namespace}/web", wanted)
    assert wrong.value.field == "spec.replicaz"
    with pytest.raises(Rejected, match=r"spec\.replicaz"):
        await spot.writer.apply(spot.order(Op.CREATE, wanted, "run.0"))
    assert not spot.is_there("deployment", "web")


async def test_a_field_that_cannot_change_is_named(spot: Spot) -> None:
    before = spot.deployment()
    await spot.writer.apply(spot.order(Op.CREATE, before, "run.0"))
    wanted = spot.deployment(selector={"matchLabels": {"app": "web", "x": "y"}})
    wanted["spec"]["template"]["metadata"]["labels"]["x"] = "y"
    with pytest.raises(Rejected, match="field is immutable"):
        await spot.writer.apply(spot.order(Op.UPDATE, wanted, "run.1", before=before))


async def test_an_admission_webhook_that_does_not_answer_is_named(spot: Spot) -> None:
    hook = {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": spot.namespace},
        "webhooks": [{
            "name": "guard.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "timeoutSeconds": 2,
            "clientConfig": {"url": "https://127.0.0.1:1/guard"},
            "namespaceSelector": {"matchLabels": {"guarded": spot.namespace}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}],
        }],
    }  # fmt: skip
    spot.kubectl("label", "namespace", spot.namespace, f"guarded={spot.namespace}")
    spot.kubectl("create", "-f", "-", input=hook)
    try:
        await spot.until(
            "validatingwebhookconfiguration", spot.namespace,
            lambda _: "guard" in spot.kubectl("create", "configmap", "probe", "--dry-run=server", check=False),
        )  # fmt: skip
        with pytest.raises(Rejected, match=r"guard\.example\.com") as refused:
            await spot.writer.apply(spot.order(Op.CREATE, spot.configmap(), "run.0"))
        assert "webhook" in refused.value.next_step
    finally:
        spot.kubectl("delete", "validatingwebhookconfiguration", spot.namespace)
    assert not spot.is_there("configmap", "settings")


async def test_a_secret_that_the_hub_does_not_have_stops_the_step_before_anything_is_sent(spot: Spot) -> None:
    secret = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": spot.namespace},
        "stringData": {"TOKEN": {"secretRef": "env:NOBODY_SET_THIS"}},
    }  # fmt: skip
    with pytest.raises(Rejected, match="NOBODY_SET_THIS"):
        await spot.writer.apply(spot.order(Op.CREATE, secret, "run.0"))
    assert spot.losing.count("PATCH") == 0


async def test_a_kind_that_is_not_served_is_named(spot: Spot) -> None:
    with pytest.raises(Rejected, match=r"widget\.example\.com"):
        await spot.writer.apply(spot.order(Op.CREATE, spot.configmap(), "run.0", kind="widget.example.com"))
