"""Verbs about a target over a real cluster: what the hub's account may do there and lacks, and what is there."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from opstwin.domain.plan import Op
from opstwin.errors import Forbidden
from tests.e2e.cli.conftest import Shell
from tests.e2e.kube.spot import IMAGE, Object, Spot, fresh_namespace, spot_at

RBAC = {"apiVersion": "rbac.authorization.k8s.io/v1"}
READS = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    made = Shell(tmp_path)
    await asyncio.to_thread(made.up)
    try:
        yield made
    finally:
        await asyncio.to_thread(made.down)


@pytest.fixture
def reader(spot: Spot, tmp_path: Path) -> Iterator[Path]:
    """A kubeconfig of an account that may read everything and change nothing."""
    meta: Object = {"name": "reader", "namespace": spot.namespace}
    whole: Object = {"name": f"{spot.namespace}-reader"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", **whole}
    for item in (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {**RBAC, "kind": "ClusterRole", "metadata": whole, "rules": READS},
        {**RBAC, "kind": "ClusterRoleBinding", "metadata": whole, "roleRef": role,
         "subjects": [{"kind": "ServiceAccount", **meta}]},
    ):  # fmt: skip
        spot.kubectl("create", "-f", "-", input=item)
    try:
        path = f"/api/v1/namespaces/{spot.namespace}/serviceaccounts/reader/token"
        asked: Object = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
        made = json.loads(spot.kubectl("create", "--raw", path, "-f", "-", input=asked))
        config = json.loads(spot.kubectl("config", "view", "--raw", "--flatten", "-o", "json"))
        config["users"][0]["user"] = {"token": made["status"]["token"]}
        file = tmp_path / "reader.kubeconfig"
        file.write_text(json.dumps(config))
        yield file
    finally:
        for kind in ("clusterrolebinding", "clusterrole"):
            spot.kubectl("delete", kind, whole["name"], "--ignore-not-found", check=False)


@pytest.mark.req("S5.77")
async def test_a_test_of_a_cluster_lists_what_the_account_may_do_and_what_it_lacks(
    spot: Spot, shell: Shell, reader: Path
) -> None:
    for name, file in (("admin", spot.kubeconfig), ("reader", reader)):
        words = ("targets", "add", name, "--kubeconfig", str(file), "--namespace", spot.namespace)
        await asyncio.to_thread(shell.ok, *words)
    whole = await asyncio.to_thread(shell.run, "targets", "test", "admin")
    assert "version v1.20.2" in whole.stdout
    assert "The credentials may do all that Opstwin does on a cluster." in whole.stderr
    little = await asyncio.to_thread(shell.run, "targets", "test", "reader")
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in little.stdout.splitlines() if line.strip()}
    here = spot.namespace
    assert rows["deployments.apps"] == f"list watch, get in {here} create patch delete in {here}"
    assert rows["pods"] == "list watch -"
    assert rows["pods/log"] == f"get in {here} -"
    assert rows["pods/exec"] == f"- create in {here}"
    assert "Without patch: nothing of that kind can be made or changed." in little.stderr
    assert "Without pods/exec: no command can be run in a pod." in little.stderr
    told = await asyncio.to_thread(shell.json, "targets", "test", "reader")
    assert {"what": "secrets", "namespace": here, "may": ["get"], "lacks": ["create", "patch", "delete"]} in told[
        "permissions"
    ]


@pytest.mark.req("S5.77")
async def test_rights_are_asked_for_where_the_cluster_has_nothing_yet(spot: Spot, reader: Path) -> None:
    """In a namespace, and to a kind, that the plan itself would make."""
    ahead, far = fresh_namespace(), spot_at(reader, spot.namespace)
    spot.beside.append(far)
    inside = spot.configmap()
    inside["metadata"]["namespace"] = ahead
    widget: Object = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one"}}
    definition: Object = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Cluster", "names": {"kind": "Widget", "plural": "widgets"}},
    }  # fmt: skip
    space: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ahead}}
    changes = [
        spot.order(Op.CREATE, space, "run.0", full=ahead).change,
        spot.order(Op.CREATE, inside, "run.1", full=f"{ahead}/settings").change,
        spot.order(Op.CREATE, definition, "run.2", full="widgets.example.com").change,
        spot.order(Op.CREATE, widget, "run.3", full="one", kind="widget.example.com").change,
    ]
    with pytest.raises(Forbidden) as refused:
        await far.previewer.preview(changes)
    lacking: Any = refused.value.details["lacking"]
    assert {f"create configmaps in namespace {ahead}", "create widgets.example.com"} <= {*lacking}
    assert len(await spot.previewer.preview(changes)) == len(changes)


async def test_what_makes_pods_is_shown_with_its_images(spot: Spot, shell: Shell) -> None:
    spot.kubectl("create", "-f", "-", input=spot.deployment(name="well"))
    words = ("targets", "add", "c1", "--kubeconfig", str(spot.kubeconfig), "--namespace", spot.namespace)
    await asyncio.to_thread(shell.ok, *words)
    await asyncio.to_thread(shell.ok, "discover", "c1")
    for kind in ("deployments", "pods"):
        table = await asyncio.to_thread(shell.ok, "get", kind, "--target", "c1")
        [row] = [line for line in table.splitlines() if f"/{spot.namespace}/well" in line]
        assert IMAGE in row
