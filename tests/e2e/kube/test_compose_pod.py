"""Keys of a Compose service that only a cluster is told, seen from inside the pod that runs."""

from pathlib import Path

from opstwin.domain.execution import ExecutionState
from opstwin.domain.plan import Origin
from opstwin.intent.document import Workloads, read_document
from tests.e2e.kube.spot import IMAGE
from tests.e2e.kube.ward import REAL, Ward
from tests.rig import ANNA

COMPOSE = f"""
name: shop
services:
  web:
    image: {IMAGE}
    restart: always
    command: [sleep, "3600"]
    user: "1000:1000"
    read_only: true
    tmpfs: ["/run:size=8m"]
    shm_size: 16m
    stop_grace_period: 1s
    extra_hosts: ["db.corp:10.1.2.3"]
    dns: [10.9.9.9]
    dns_search: [corp.example.com]
    dns_opt: ["ndots:2"]
    sysctls: {{net.ipv4.ip_local_port_range: 20000 30000}}
    cap_drop: [ALL]
    hostname: shopweb
    group_add: [2000]
    init: true
    pull_policy: never
    platform: linux
"""
SCRIPT = """
hostname; id -G; touch /x 2>&1; touch /run/x && echo written; df -m /dev/shm | tail -1 | awk '{print $6}'
grep -c . /etc/resolv.conf; cat /etc/resolv.conf /etc/hosts; cat /proc/sys/net/ipv4/ip_local_port_range
grep CapEff /proc/self/status; cat /proc/1/comm
"""


async def test_a_pod_of_a_compose_service_has_what_the_file_says(ward: Ward, tmp_path: Path) -> None:
    document = read_document(COMPOSE, for_cluster=True)
    assert isinstance(document, Workloads)
    plan = await ward.rig.planner.from_workloads(
        REAL, document.items, request="compose", origin=Origin.FILE, actor=ANNA
    )
    execution = await ward.rig.carry_out(plan)
    assert execution.state is ExecutionState.SUCCEEDED, execution.error
    inside = ward.spot.kubectl("exec", "deployment/web", "--", "sh", "-c", SCRIPT)
    words = inside.split()
    assert words[0] == "shopweb"
    assert {"1000", "2000", "written", "/dev/shm"} <= {*words}
    assert "/x: Read-only file system" in inside
    assert "nameserver 10.9.9.9\nsearch corp.example.com\noptions ndots:2" in inside
    assert "10.1.2.3\tdb.corp" in inside
    assert "20000\t30000" in inside
    assert "CapEff:\t0000000000000000" in inside
    assert words[-1] == "pause"
    pod = ward.spot.kubectl("get", "pod", "-o", "jsonpath={.items[0].spec.terminationGracePeriodSeconds}")
    assert pod == "1"
