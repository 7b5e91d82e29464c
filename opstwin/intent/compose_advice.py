"""What to do about keys of the Compose specification that Opstwin does not carry out."""

from collections.abc import Mapping
from typing import Final

SERVICE_KEYS: Final = (
    "image", "command", "environment", "ports", "expose", "volumes", "networks", "deploy", "scale", "mem_limit", "cpus",
    "healthcheck", "labels", "restart", "depends_on", "entrypoint", "env_file", "user", "working_dir",
)  # fmt: skip

_NO_WAY: Final = "Opstwin has no such setting: remove it, or run this service without Opstwin."


def _by_hand(what: str) -> str:
    """What has its like in a cluster, where the generated manifests can be added to."""
    return f"Remove it; for a cluster, generate the manifests, add {what}, then: opstwin plan -f …"


SERVICE: Final[Mapping[str, str]] = {
    "build": "Build and push the image first, then name it with image:.",
    "container_name": "Remove it: containers are named after the service, web-1, web-2 and so on.",
    "secrets": "Remove it, and use secret_env with env:NAME or file:NAME in a workload file instead.",
    "configs": "Mount a file of the host instead: volumes: [/srv/app.conf:/etc/app.conf:ro].",
    "network_mode": "Remove it: services join networks by networks:.",
    "links": "Remove it: services on one network reach each other.",
    "external_links": "Remove it, and join the network of the other container by name.",
    "volumes_from": "Name the same volume in both services.",
    "tmpfs": _by_hand("an emptyDir with medium: Memory"),
    "profiles": "Remove it: every service of the file is planned. Use one file per profile.",
    "extends": "Write the settings out in this service.",
    "mem_reservation": "Remove it: only limits are set. Use mem_limit.",
    "memswap_limit": "Remove it: swap is not limited. Use mem_limit.",
    "mem_swappiness": _NO_WAY,
    "cpu_count": "Use cpus: instead.",
    "cpu_percent": "Use cpus: instead.",
    "cpu_shares": "Use cpus: instead.",
    "cpu_quota": "Use cpus: instead.",
    "cpu_period": "Use cpus: instead.",
    "cpuset": _NO_WAY,
    "pull_policy": "Remove it: an image is pulled when the target does not have it.",
    "platform": _NO_WAY,
    "privileged": "Remove it: privileged containers are not run.",
    "cap_add": "Remove it: capabilities are not added.",
    "cap_drop": "Remove it: manifests for a cluster drop what the image does not need.",
    "security_opt": _NO_WAY,
    "devices": "Remove it: devices of the host are not handed to containers.",
    "pid": "Remove it: containers keep their own processes.",
    "ipc": "Remove it: containers keep their own IPC.",
    "userns_mode": _NO_WAY,
    "hostname": "Remove it: a service is reached by its own name.",
    "domainname": _NO_WAY,
    "extra_hosts": _by_hand("hostAliases"),
    "dns": _by_hand("dnsConfig.nameservers"),
    "dns_search": _by_hand("dnsConfig.searches"),
    "dns_opt": _by_hand("dnsConfig.options"),
    "sysctls": _by_hand("securityContext.sysctls"),
    "ulimits": _NO_WAY,
    "logging": "Remove it: the target's own log driver is used.",
    "init": _NO_WAY,
    "tty": "Remove it: services run without a terminal.",
    "stdin_open": "Remove it: services run without input.",
    "stop_signal": _NO_WAY,
    "stop_grace_period": _by_hand("terminationGracePeriodSeconds"),
    "read_only": "Remove it: manifests for a cluster have a read-only root where the image is known to allow it.",
    "shm_size": _by_hand("an emptyDir with medium: Memory at /dev/shm"),
    "annotations": "Use labels: instead.",
    "label_file": "Copy the labels into labels:.",
    "develop": "Remove it: it is for development only.",
    "post_start": _by_hand("lifecycle.postStart"),
    "pre_stop": _by_hand("lifecycle.preStop"),
    "gpus": _NO_WAY,
    "runtime": _NO_WAY,
    "attach": "Remove it: it has no meaning here.",
    "mac_address": _NO_WAY,
    "models": _NO_WAY,
    "provider": _NO_WAY,
}

TOP_KEYS: Final = ("name", "version", "services", "networks", "volumes")
TOP: Final[Mapping[str, str]] = {
    "secrets": "Remove it, and use secret_env with env:NAME or file:NAME in a workload file instead.",
    "configs": "Remove it, and mount a file of the host instead.",
    "include": "Copy the other file's services into this one.",
    "models": _NO_WAY,
}

DEPLOY_KEYS: Final = ("replicas", "mode", "resources")
DEPLOY: Final[Mapping[str, str]] = {
    "restart_policy": "Use restart: of the service instead.",
    "labels": "Use labels: of the service instead.",
    "update_config": "Remove it: updates go one replica at a time, each checked.",
    "rollback_config": "Remove it: a failed change is rolled back by itself.",
    "placement": "Remove it: a plan is for one target.",
    "endpoint_mode": _NO_WAY,
}

LIMITS: Final[Mapping[str, str]] = {"pids": _NO_WAY}
RESOURCES: Final[Mapping[str, str]] = {"reservations": "Remove it: only limits are set."}

HEALTH: Final[Mapping[str, str]] = {"start_interval": "Remove it: interval is used from the start."}

NETWORK: Final[Mapping[str, str]] = {
    "external": "Remove it and give the network its real name with name:; one that is there already is used as it is.",
    "internal": _NO_WAY,
    "ipam": "Remove it: the target chooses addresses.",
    "driver_opts": _NO_WAY,
    "attachable": _NO_WAY,
    "enable_ipv6": _NO_WAY,
    "enable_ipv4": _NO_WAY,
    "labels": _NO_WAY,
}

VOLUME: Final[Mapping[str, str]] = {
    "external": "Remove it and give the volume its real name with name:; one that is there already is used as it is.",
    "driver_opts": _NO_WAY,
    "labels": _NO_WAY,
}

ATTACHMENT: Final[Mapping[str, str]] = {
    "aliases": "Remove it: a service is reached by its own name.",
    "ipv4_address": "Remove it: the target chooses addresses.",
    "ipv6_address": "Remove it: the target chooses addresses.",
}

ENV_FILE: Final[Mapping[str, str]] = {"format": "Remove it: NAME=value lines are read as they are."}

PORT: Final[Mapping[str, str]] = {
    "name": "Remove it: it is a note only; write it as a comment.",
    "app_protocol": "Remove it: it is a note only; write it as a comment.",
}

MOUNT: Final[Mapping[str, str]] = {
    "bind": "Remove it: a path of the host is mounted as it is.",
    "volume": "Remove it: a volume is mounted as it is.",
    "tmpfs": _NO_WAY,
    "image": _NO_WAY,
    "consistency": "Remove it: it has no meaning here.",
}
