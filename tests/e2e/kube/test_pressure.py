"""Pods of a real cluster that run into their limits: kills are counted into what was deployed, and so is waiting."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from opstwin.clock import SystemClock, VirtualClock
from opstwin.control.manifest_goals import Manifests
from opstwin.domain.deployment import Deployment
from opstwin.domain.plan import Origin
from opstwin.domain.values import ResourceId
from opstwin.targets.kubernetes.connecting import Address, Connection
from opstwin.targets.kubernetes.streaming import Streams
from opstwin.targets.kubernetes.throttling import FRESH_S, HeldBack
from tests.e2e.kube.spot import Spot
from tests.e2e.kube.ward import REAL, Ward
from tests.rig import ANNA

DEADLINE_S = 60.0
BREAKS_LATER = "sleep 8; head -c 200000000 /dev/zero | tail"


@pytest.mark.req("S5.71")
async def test_a_pod_that_is_killed_for_want_of_memory_counts_in_the_record_of_its_deployment(ward: Ward) -> None:
    wanted: dict[str, Any] = ward.spot.deployment("sh", "-c", BREAKS_LATER, name="hungry")
    wanted["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"memory": "16Mi"}}
    plan = await ward.rig.planner.from_manifests(
        REAL, Manifests(documents=(wanted,)), request="hungry", origin=Origin.FILE, actor=ANNA
    )
    done = await ward.rig.carry_out(plan)
    assert done.state.value == "succeeded", done.error
    async with asyncio.timeout(DEADLINE_S):
        while True:
            [row] = await ward.rig.ledger.all(Deployment)
            if row.oom_events >= 1:
                break
            await asyncio.sleep(0.2)
    assert (row.service_name, row.success) == ("hungry", True)


async def test_how_often_a_cpu_limit_holds_a_pod_back_is_counted(spot: Spot, kubeconfig: Path) -> None:
    wanted: dict[str, Any] = spot.deployment("sh", "-c", "while :; do :; done", name="busy")
    wanted["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "20m"}}
    spot.kubectl("apply", "-f", "-", input=wanted)
    await spot.until("deployment", "busy", lambda found: found["status"].get("availableReplicas") == 1)
    pods = json.loads(spot.kubectl("get", "pods", "-o", "json"))["items"]
    busy, clock = ResourceId(f"real/deployment/{spot.namespace}/busy"), VirtualClock()
    connection = Connection(Address(file=kubeconfig), SystemClock())
    counts = HeldBack(Streams(connection.client, lambda _call: None), clock)
    members = {busy: [f"{spot.namespace}/{pods[0]['metadata']['name']}"]}
    try:
        async with asyncio.timeout(DEADLINE_S):
            while (await counts.of(pods, members)).get(busy, 0) < 2:
                clock.advance(FRESH_S * 6)
                await asyncio.sleep(0.5)
    finally:
        await connection.close()
