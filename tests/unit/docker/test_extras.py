"""What a container was told beyond its spec, and what of it every pod is told anyway."""

from typing import Any

import pytest

from opstwin.targets.docker.defaults import UNKNOWN_IMAGE
from opstwin.targets.docker.describing import Seen
from opstwin.targets.docker.extras import in_every_pod, not_in_spec, written_folders
from opstwin.targets.docker.marks import marks_of

ID = "0123456789ab" + "c" * 52
PLAIN: dict[str, Any] = {
    "NetworkMode": "default", "IpcMode": "private", "ShmSize": 67108864, "OomScoreAdj": 0, "GroupAdd": None,
    "CgroupParent": "", "PublishAllPorts": False, "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
}  # fmt: skip


def seen(config: dict[str, Any] | None = None, **host: Any) -> Seen:
    found = {"Id": ID, "Config": {"Hostname": ID[:12], **(config or {})}, "HostConfig": {**PLAIN, **host}}
    return Seen(found, UNKNOWN_IMAGE, marks_of({}))


def test_a_container_as_an_engine_makes_it_has_nothing_more() -> None:
    assert [*not_in_spec(seen())] == []


@pytest.mark.parametrize(
    ("config", "host", "word"),
    [
        ({}, {"GroupAdd": ["3000"]}, "group_add"),
        ({}, {"ShmSize": 134217728}, "shm_size"),
        ({}, {"IpcMode": "host"}, "ipc_mode"),
        ({}, {"IpcMode": f"container:{ID}"}, "ipc_mode"),
        ({}, {"OomScoreAdj": -500}, "oom_score_adj"),
        ({}, {"PublishAllPorts": True}, "publish_all"),
        ({}, {"DnsSearch": ["lan"]}, "dns_search"),
        ({"Hostname": "box"}, {}, "hostname"),
        ({"Domainname": "lan"}, {}, "domainname"),
        ({"StopTimeout": 33}, {}, "stop_timeout"),
        ({"OpenStdin": True}, {}, "stdin"),
    ],
)
def test_what_no_spec_says_is_named(config: dict[str, Any], host: dict[str, Any], word: str) -> None:
    assert [*not_in_spec(seen(config, **host))] == [word]


@pytest.mark.parametrize("mode", ["host", f"container:{ID}"])
def test_the_name_of_the_host_is_no_name_of_the_container(mode: str) -> None:
    assert [*not_in_spec(seen({"Hostname": "the-host"}, NetworkMode=mode))] == ["network_mode"]


def test_rights_that_were_taken_away_are_taken_from_every_pod() -> None:
    options = ["no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"]
    for option in options:
        assert [*in_every_pod(seen(CapDrop=["ALL"], SecurityOpt=[option]))] == ["cap_drop", "security_opt"]
    assert [*in_every_pod(seen(SecurityOpt=[options[0], "seccomp=unconfined"]))] == []
    assert [*in_every_pod(seen())] == []


def test_a_read_only_file_system_tells_where_it_writes() -> None:
    assert written_folders(seen(ReadonlyRootfs=True, Tmpfs={"/tmp": "", "/run": "size=16m"})) == ["/run", "/tmp"]
    assert written_folders(seen(ReadonlyRootfs=True)) == []
    assert written_folders(seen(Tmpfs={"/tmp": ""})) is None
