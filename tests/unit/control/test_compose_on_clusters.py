"""A Compose file for a cluster: what only pods have arrives there, is verified, and is no drift afterwards."""

from pathlib import Path
from typing import Any

import pytest

from opstwin.domain.execution import ExecutionState
from opstwin.domain.plan import Origin, Plan
from opstwin.errors import InvalidInput
from opstwin.intent.document import Workloads, read_document
from tests.cluster_rig import PROD, ClusterRig, cluster_rig
from tests.rig import ANNA

COMPOSE = """
name: shop
services:
  web:
    image: registry.example.com/shop/web:2
    restart: always
    read_only: true
    tmpfs: ["/run:size=8m", /tmp]
    shm_size: 64m
    stop_grace_period: 45s
    extra_hosts: ["a.corp:10.0.0.1", "b.corp:10.0.0.1", "c.corp:10.0.0.2"]
    dns: [10.9.9.9]
    dns_search: [corp.example.com]
    dns_opt: ["ndots:2"]
    sysctls: {net.ipv4.tcp_syncookies: 1}
    cap_drop: [ALL]
    cap_add: [KILL]
    hostname: shopweb
    group_add: [2000]
    init: true
    tty: true
    stdin_open: true
    pull_policy: missing
    platform: linux/amd64
    annotations: {example.com/note: hi}
    mem_limit: 128m
    mem_reservation: 32m
"""


async def planned(here: ClusterRig, text: str) -> Plan:
    document = read_document(text, for_cluster=True)
    assert isinstance(document, Workloads)
    return await here.rig.planner.from_workloads(
        PROD, document.items, request="compose", origin=Origin.FILE, actor=ANNA
    )


async def test_what_only_pods_have_arrives_in_the_cluster_and_is_no_drift_afterwards(tmp_path: Path) -> None:
    async with cluster_rig(tmp_path) as here:
        await here.discover()
        plan = await planned(here, COMPOSE)
        assert (await here.rig.carry_out(plan)).state is ExecutionState.SUCCEEDED
        spec: dict[str, Any] = here.owned("Deployment", "web")["spec"]["template"]["spec"]
        [box] = spec["containers"]
        assert box["securityContext"]["readOnlyRootFilesystem"] is True
        assert box["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["KILL"]}
        assert {item["mountPath"] for item in box["volumeMounts"]} == {"/run", "/tmp", "/dev/shm"}
        assert {item["emptyDir"].get("sizeLimit") for item in spec["volumes"]} == {"8Mi", None, "64Mi"}
        assert (spec["terminationGracePeriodSeconds"], spec["hostname"]) == (45, "shopweb")
        assert {item["ip"]: item["hostnames"] for item in spec["hostAliases"]} == {
            "10.0.0.1": ["a.corp", "b.corp"], "10.0.0.2": ["c.corp"],
        }  # fmt: skip
        assert (spec["dnsPolicy"], spec["dnsConfig"]["nameservers"]) == ("None", ["10.9.9.9"])
        assert spec["securityContext"]["sysctls"] == [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]
        assert (await planned(here, COMPOSE)).changes == ()
        await here.discover()
        assert (await here.rig.planner.from_drift(PROD, None, ANNA)).changes == ()


async def test_an_unsafe_kernel_setting_stops_the_plan_and_is_named(tmp_path: Path) -> None:
    async with cluster_rig(tmp_path) as here:
        await here.discover()
        with pytest.raises(InvalidInput, match=r"net\.core\.somaxconn") as refused:
            await planned(here, COMPOSE.replace("net.ipv4.tcp_syncookies", "net.core.somaxconn"))
    assert refused.value.field == "sysctls"
