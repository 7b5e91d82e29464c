"""What a test of a cluster says about the hub's account."""

from pathlib import Path

import pytest

from opstwin.control.places import Places
from opstwin.targets.ports import Permission, Permitting
from tests.cluster_rig import PROD, ClusterRig, cluster_rig
from tests.unit.targets.kubernetes.clusters import cluster

EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
READS = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}


async def asked(here: ClusterRig) -> dict[tuple[str, str], Permission]:
    assert here.rig.places is not None
    report = await Places(here.rig.ledger, here.rig.places).test(PROD)
    return {(item.what, item.namespace): item for item in report.permissions}


@pytest.mark.req("S5.77")
async def test_an_account_that_may_everything_lacks_nothing(tmp_path: Path) -> None:
    async with cluster_rig(tmp_path) as here:
        found = await asked(here)
    assert not [item for item in found.values() if item.lacks]
    assert found["deployments.apps", ""].may == ("list", "watch")
    assert found["deployments.apps", "default"].may == ("get", "create", "patch", "delete")
    assert found["pods/exec", "default"].may == ("create",)
    assert ("pods", "default") not in found


@pytest.mark.req("S5.77")
async def test_an_account_that_reads_only_is_told_what_it_lacks(tmp_path: Path) -> None:
    async with cluster_rig(tmp_path, token="reader") as here:
        here.cluster.user("reader", "reader", rules=[READS])
        found = await asked(here)
    assert found["configmaps", ""].lacks == ()
    assert found["configmaps", "default"] == Permission(
        what="configmaps", namespace="default", may=("get",), lacks=("create", "patch", "delete")
    )
    assert (found["pods/log", "default"].may, found["pods/exec", "default"].lacks) == (("get",), ("create",))
    assert found["namespaces", ""].lacks == ("create", "patch", "delete")


async def test_an_account_that_may_see_nothing_is_told_what_it_lacks_and_not_refused(tmp_path: Path) -> None:
    async with cluster_rig(tmp_path, token="none") as here:
        rule = {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]}
        here.cluster.user("nobody", "none", rules=[rule])
        found = await asked(here)
    assert found["pods", ""] == Permission(what="pods", namespace="", may=(), lacks=("list", "watch"))


async def test_rights_are_asked_for_in_the_namespaces_that_are_looked_into(tmp_path: Path) -> None:
    async with cluster(tmp_path, token="some", settings={"namespaces": "shop, bank"}) as here:
        here.world.user("robot", "some", rules=[READS])
        assert isinstance(here.driver.reader, Permitting)
        found = {(item.what, item.namespace): item for item in await here.driver.reader.permitted()}
    assert found["secrets", "shop"].may == ("list", "watch", "get")
    assert found["secrets", "bank"].lacks == ("create", "patch", "delete")
    assert ("secrets", "") not in found
