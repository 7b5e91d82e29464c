"""A custom kind that is not served: nothing of it is there only where nobody can have defined it."""

from pathlib import Path
from typing import Any

import pytest

from opstwin.domain.resource import Presence
from opstwin.targets.sim.kube.faults import Fault, FaultKind
from tests.unit.targets.kubernetes.clusters import cluster

WIDGET = "widget.example.com/default/one"
SERVICE: dict[str, Any] = {
    "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1.example.com"},
    "spec": {
        "group": "example.com", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100,
        "service": {"name": "widgets", "namespace": "default"},
    },
}  # fmt: skip


async def test_what_nobody_has_defined_is_not_there(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        assert (await here.look(WIDGET)).presence is Presence.ABSENT


async def test_what_a_server_of_its_own_offers_is_unknown_while_that_is_away(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        here.world.create(SERVICE)
        found = await here.look(WIDGET)
    assert (found.presence, found.error) == (Presence.UNKNOWN, "The cluster does not serve widget.example.com.")


async def test_what_is_defined_and_not_served_yet_is_unknown(tmp_path: Path) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [{"name": "v1", "served": False, "storage": True}],
        },
    }  # fmt: skip
    async with cluster(tmp_path) as here:
        here.world.create(definition)
        assert (await here.look(WIDGET)).presence is Presence.UNKNOWN


@pytest.mark.parametrize("hidden", ["customresourcedefinitions", "apiservices"])
async def test_whoever_may_not_see_the_definitions_does_not_know(tmp_path: Path, hidden: str) -> None:
    rules = [
        {"apiGroups": ["*"], "resources": [name], "verbs": ["*"]}
        for name in ("customresourcedefinitions", "apiservices")
        if name != hidden
    ]
    async with cluster(tmp_path, token="some") as here:
        here.world.user("robot", "some", rules=rules)
        assert (await here.look(WIDGET)).presence is Presence.UNKNOWN


async def test_a_built_in_kind_that_this_cluster_does_not_serve_is_unknown(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        assert (await here.look("podpreset/default/one")).presence is Presence.UNKNOWN


async def test_a_cluster_that_fails_to_say_leaves_it_unknown(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        here.world.faults.add(Fault(kind=FaultKind.INTERNAL, method="GET", path="apiservices", times=None))
        assert (await here.look(WIDGET)).presence is Presence.UNKNOWN
