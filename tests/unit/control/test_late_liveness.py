"""A liveness probe that never passes is caught on nodes that tell of it late; those that tell at once cost no wait."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from opstwin.domain.execution import Execution, ExecutionState
from opstwin.domain.resource import Health
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId
from opstwin.targets.sim.kube.life.images import Image
from opstwin.targets.sim.kube.store import Change
from tests.cluster_rig import PROD, ClusterRig, cluster_rig
from tests.unit.control.test_clusters import config, workload

PROBE: dict[str, Any] = {"livenessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 2, "failureThreshold": 6}}
"""It has spoken after 2 s, and ends what is never alive after 12 s."""

SPOKEN_S = 2 + 5

WEB = ResourceId("prod/deployment/default/web")


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[ClusterRig]:
    async with cluster_rig(tmp_path) as here:
        await here.discover()
        yield here


async def rolled_out(shop: ClusterRig, *, alive: bool) -> tuple[Execution, float]:
    """How a rollout of `shop:2` ended, and after how many seconds."""
    shop.cluster.image("shop:2", Image(alive=alive, start_s=0))
    wanted = workload("shop:2", **PROBE)
    wanted["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 0
    began_s = shop.rig.clock.monotonic_s()
    ended = await shop.apply(config(), wanted)
    return ended, shop.rig.clock.monotonic_s() - began_s


@pytest.mark.parametrize("late_s", [20, 1000])
async def test_what_is_never_alive_is_taken_back_however_late_its_node_tells(shop: ClusterRig, late_s: float) -> None:
    shop.cluster.kubelets_tell_late(late_s)
    ended, _ = await rolled_out(shop, alive=False)
    assert ended.state is ExecutionState.ROLLED_BACK
    assert "iveness probe" in str((ended.error or {}).get("message"))


async def test_a_node_that_tells_at_once_is_waited_for_until_the_first_probe_and_no_longer(shop: ClusterRig) -> None:
    ended, took_s = await rolled_out(shop, alive=True)
    assert ended.state is ExecutionState.SUCCEEDED
    assert SPOKEN_S <= took_s < SPOKEN_S + 3


@pytest.mark.parametrize(("late_s", "waits_s"), [(10, 2 + 2 * 10), (1000, 12 + 30)])
async def test_a_node_that_tells_late_is_waited_for_as_it_is_late_and_never_for_ever(
    shop: ClusterRig, late_s: float, waits_s: float
) -> None:
    shop.cluster.kubelets_tell_late(late_s)
    ended, took_s = await rolled_out(shop, alive=True)
    assert ended.state is ExecutionState.SUCCEEDED
    assert waits_s + SPOKEN_S <= took_s < waits_s + SPOKEN_S + 3


async def test_while_its_node_has_not_told_that_it_began_a_rollout_is_not_well_yet_and_says_why(
    shop: ClusterRig,
) -> None:
    shop.cluster.kubelets_tell_late(10)
    shop.cluster.image("shop:2", Image(start_s=0))
    shop.cluster.create(workload("shop:2", **PROBE))
    shop.cluster.advance(5)
    assert shop.rig.places is not None
    seen = await shop.rig.places.reader(await shop.rig.ledger.need(Target, PROD)).observe(WEB)
    assert (seen.health, seen.facts["state"]) == (Health.STARTING, "not told yet")
    assert "node node-1 tells late" in str(seen.facts["why"])


async def test_a_probe_that_fails_once_and_then_passes_costs_no_rollback(shop: ClusterRig) -> None:
    failures = []

    def passes_from_now_on(change: Change) -> None:
        if change.doc.get("reason") == "Unhealthy":
            failures.append(change)
            shop.cluster.image("shop:2", Image(start_s=0))

    shop.cluster.cluster.store.listeners.append(passes_from_now_on)
    ended, _ = await rolled_out(shop, alive=False)
    assert (ended.state, bool(failures)) == (ExecutionState.SUCCEEDED, True)


async def test_an_account_that_may_not_see_events_waits_for_no_tales(tmp_path: Path) -> None:
    async with cluster_rig(tmp_path, token="robot") as shop:
        rules = [{"apiGroups": ["apps"], "resources": ["*"], "verbs": ["*"]}, {
            "apiGroups": [""], "resources": ["configmaps", "pods", "namespaces"], "verbs": ["*"],
        }]  # fmt: skip
        shop.cluster.user("robot", "robot", rules=rules)
        await shop.discover()
        shop.cluster.kubelets_tell_late(1000)
        ended, took_s = await rolled_out(shop, alive=True)
        assert ended.state is ExecutionState.SUCCEEDED
        assert took_s < SPOKEN_S + 3
