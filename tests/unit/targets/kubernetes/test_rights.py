"""A plan is offered only where the hub's account may make its changes and may take them back."""

from pathlib import Path
from typing import Any

import pytest

from opstwin.domain.execution import ExecutionState
from opstwin.domain.plan import Change, Op
from opstwin.domain.values import resource_id
from opstwin.errors import Forbidden
from opstwin.targets.kubernetes.rights import needs_of_undoing
from opstwin.targets.kubernetes.sending import Place
from tests.cluster_rig import PROD, ClusterRig, cluster_rig

READS = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}


def configmap(name: str = "settings", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def may(*verbs: str, what: str = "configmaps") -> dict[str, Any]:
    return {"apiGroups": [""], "resources": [what], "verbs": [*verbs]}


async def refused(here: ClusterRig, *documents: dict[str, Any], **about: Any) -> Forbidden:
    with pytest.raises(Forbidden) as told:
        await here.from_manifests(*documents, **about)
    return told.value


@pytest.mark.req("S5.77")
async def test_a_plan_whose_way_back_the_account_may_not_go_is_not_offered(tmp_path: Path) -> None:
    async with cluster_rig(tmp_path, token="half") as here:
        here.cluster.user("half", "half", rules=[READS, may("create", "patch")])
        await here.discover()
        told = await refused(here, configmap(mode="fast"))
    assert told.message == (
        "The hub's account may do this on the cluster but could not undo it, for it may not: "
        "delete configmaps in namespace default."
    )
    assert told.details == {"lacking": [], "lacking_to_undo": ["delete configmaps in namespace default"]}


@pytest.mark.req("S5.77")
async def test_what_could_not_be_made_again_is_not_taken_away(tmp_path: Path) -> None:
    async with cluster_rig(tmp_path, token="half") as here:
        here.cluster.user("half", "half", rules=[READS, may("create", "patch", "delete")])
        await here.discover()
        await here.apply(configmap("one"), configmap("two"), name="app")
        here.cluster.edit("ClusterRole", "", "half", {"rules": [READS, may("patch", "delete")]})
        told = await refused(here, configmap("one"), name="app", prune=True)
    assert told.details["lacking_to_undo"] == ["create configmaps in namespace default"]


async def test_what_is_changed_in_place_needs_no_more_than_the_change_itself(tmp_path: Path) -> None:
    async with cluster_rig(tmp_path, token="half") as here:
        here.cluster.user("half", "half", rules=[READS, may("create", "patch", "delete")])
        await here.discover()
        await here.apply(configmap(mode="slow"))
        here.cluster.edit("ClusterRole", "", "half", {"rules": [READS, may("patch")]})
        done = await here.apply(configmap(mode="fast"))
        assert done.state is ExecutionState.SUCCEEDED
        assert here.owned("ConfigMap", "settings")["data"] == {"mode": "fast"}


async def test_what_lacks_of_the_change_and_of_the_way_back_is_told_apart(tmp_path: Path) -> None:
    async with cluster_rig(tmp_path, token="half") as here:
        here.cluster.user("half", "half", rules=[READS, may("create")])
        await here.discover()
        told = await refused(here, configmap())
    assert told.message == (
        "The hub's account may not do this on the cluster: patch configmaps in namespace default. "
        "To undo it the account would also have to: delete configmaps in namespace default."
    )


SPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fresh"}}
WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
        "versions": [{
            "name": "v1", "served": True, "storage": True,
            "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
        }],
    },
}  # fmt: skip
WIDGET = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one"}, "spec": {"size": 1}}
ALL = ("create", "patch", "delete")


def definitions() -> dict[str, Any]:
    return {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": [*ALL]}


def widgets(*verbs: str) -> dict[str, Any]:
    return {"apiGroups": ["example.com"], "resources": ["widgets"], "verbs": [*verbs]}


@pytest.mark.req("S5.77")
async def test_a_plan_that_would_stop_in_the_namespace_that_it_makes_is_not_offered(tmp_path: Path) -> None:
    inside = configmap(mode="fast")
    inside["metadata"]["namespace"] = "fresh"
    async with cluster_rig(tmp_path, token="half") as here:
        here.cluster.user("half", "half", rules=[READS, may(*ALL, what="namespaces")])
        await here.discover()
        told = await refused(here, SPACE, inside)
        assert told.details["lacking"] == [
            "create configmaps in namespace fresh", "patch configmaps in namespace fresh",
        ]  # fmt: skip
        here.cluster.edit("ClusterRole", "", "half", {"rules": [READS, may(*ALL, what="*")]})
        assert len((await here.from_manifests(SPACE, inside)).changes) == 2


@pytest.mark.req("S5.77")
async def test_a_plan_that_would_stop_at_the_kind_that_it_defines_is_not_offered(tmp_path: Path) -> None:
    async with cluster_rig(tmp_path, token="half") as here:
        here.cluster.user("half", "half", rules=[READS, definitions(), widgets("create")])
        await here.discover()
        told = await refused(here, WIDGETS, WIDGET)
        assert told.details == {
            "lacking": ["patch widgets.example.com in namespace default"],
            "lacking_to_undo": ["delete widgets.example.com in namespace default"],
        }
        here.cluster.edit("ClusterRole", "", "half", {"rules": [READS, definitions(), widgets(*ALL)]})
        done = await here.apply(WIDGETS, WIDGET)
        assert done.state is ExecutionState.SUCCEEDED


async def test_rights_to_a_kind_of_the_whole_cluster_are_asked_for_the_whole_cluster(tmp_path: Path) -> None:
    definition = {**WIDGETS, "spec": {**WIDGETS["spec"], "scope": "Cluster"}}  # type: ignore[dict-item]
    async with cluster_rig(tmp_path, token="half") as here:
        here.cluster.user("half", "half", rules=[READS, definitions()])
        here.cluster.user("half", "half", rules=[widgets(*ALL)], namespace="default")
        await here.discover()
        told = await refused(here, definition, WIDGET)
    assert told.details["lacking"] == ["create widgets.example.com", "patch widgets.example.com"]


def test_what_no_inverse_brings_back_needs_no_rights_for_one() -> None:
    name = "default/data"
    change = Change(
        resource=resource_id(PROD, "persistentvolumeclaim", name), target=PROD, kind="persistentvolumeclaim", name=name,
        op=Op.DELETE, workload="web", before={"spec": {}}, after=None,
    )  # fmt: skip
    place = Place(
        kind=change.kind, group="", version="v1", plural="persistentvolumeclaims", namespace="default", name="data"
    )
    assert needs_of_undoing(change, place) == set()
