"""What to do about keys of the Compose specification that Opstwin does not carry out."""

from collections.abc import Mapping
from typing import Final

SERVICE_KEYS: Final = (
    "image", "command", "environment", "ports", "expose", "volumes", "networks", "deploy", "scale", "mem_limit", "cpus",
    "healthcheck", "labels", "restart", "depends_on", "entrypoint", "env_file", "user", "working_dir",
)  # fmt: skip

POD_KEYS: Final = (
    "read_only", "tmpfs", "shm_size", "stop_grace_period", "extra_hosts", "dns", "dns_search", "dns_opt", "sysctls",
    "cap_add", "cap_drop", "hostname", "group_add", "init", "tty", "stdin_open", "pull_policy", "platform",
    "annotations", "security_opt", "mem_reservation",
)  # fmt: skip
"""What becomes a field of the pod where the target is a cluster, and is refused for a container engine."""

_NO_WAY: Final = "Opstwin has no such setting: remove it, or run this service without Opstwin."


def _on_cluster(what: str) -> str:
    """What a cluster is told."""
    return f"Remove it, or plan it for a Kubernetes cluster, where it becomes {what}."


def _by_hand(what: str) -> str:
    """What has its like in a cluster, where the generated manifests can be added to."""
    return f"Remove it; for a cluster, generate the manifests, add {what}, then: opstwin plan -f …"


def keys_for(*, for_cluster: bool) -> tuple[str, ...]:
    """The keys of a service that are carried out."""
    return (*SERVICE_KEYS, *POD_KEYS) if for_cluster else SERVICE_KEYS


def resource_keys_for(*, for_cluster: bool) -> tuple[str, ...]:
    """The keys below `deploy.resources` that are carried out."""
    return ("limits", "reservations") if for_cluster else ("limits",)


SERVICE: Final[Mapping[str, str]] = {
    "build": "Build and push the image first, then name it with image:.",
    "container_name": "Remove it: containers are named after the service, web-1, web-2 and so on.",
    "secrets": "Remove it, and use secret_env with env:NAME or file:NAME in a workload file instead.",
    "configs": "Mount a file of the host instead: volumes: [/srv/app.conf:/etc/app.conf:ro].",
    "network_mode": "Remove it: services join networks by networks:.",
    "links": "Remove it: services on one network reach each other.",
    "external_links": "Remove it, and join the network of the other container by name.",
    "volumes_from": "Name the same volume in both services.",
    "tmpfs": _on_cluster("an emptyDir with medium: Memory"),
    "profiles": "Remove it: every service of the file is planned. Use one file per profile.",
    "extends": "Write the settings out in this service.",
    "mem_reservation": _on_cluster("resources.requests.memory"),
    "memswap_limit": "Remove it: swap is not limited. Use mem_limit.",
    "mem_swappiness": _NO_WAY,
    "cpu_count": "Use cpus: instead.",
    "cpu_percent": "Use cpus: instead.",
    "cpu_shares": "Use cpus: instead.",
    "cpu_quota": "Use cpus: instead.",
    "cpu_period": "Use cpus: instead.",
    "cpuset": _NO_WAY,
    "pull_policy": _on_cluster("imagePullPolicy"),
    "platform": _on_cluster("a nodeSelector"),
    "privileged": "Remove it: privileged containers are not run; name what it needs in cap_add.",
    "cap_add": _on_cluster("capabilities.add"),
    "cap_drop": _on_cluster("capabilities.drop"),
    "security_opt": _on_cluster("the same, for no-new-privileges"),
    "devices": "Remove it: devices of the host are not handed to containers; on a cluster a device plugin offers them.",
    "pid": "Remove it: containers keep their own processes.",
    "ipc": "Remove it: containers keep their own IPC.",
    "userns_mode": _NO_WAY,
    "hostname": _on_cluster("hostname"),
    "group_add": _on_cluster("supplementalGroups"),
    "domainname": _NO_WAY,
    "extra_hosts": _on_cluster("hostAliases"),
    "dns": _on_cluster("dnsConfig.nameservers"),
    "dns_search": _on_cluster("dnsConfig.searches"),
    "dns_opt": _on_cluster("dnsConfig.options"),
    "sysctls": _on_cluster("securityContext.sysctls"),
    "ulimits": _NO_WAY,
    "logging": "Remove it: the target's own log driver is used.",
    "init": _on_cluster("shareProcessNamespace"),
    "tty": _on_cluster("tty"),
    "stdin_open": _on_cluster("stdin"),
    "stop_signal": _by_hand("lifecycle.stopSignal (Kubernetes 1.33)"),
    "stop_grace_period": _on_cluster("terminationGracePeriodSeconds"),
    "read_only": _on_cluster("readOnlyRootFilesystem"),
    "shm_size": _on_cluster("an emptyDir with medium: Memory at /dev/shm"),
    "annotations": _on_cluster("annotations"),
    "label_file": "Copy the labels into labels:.",
    "develop": "Remove it: it is for development only.",
    "post_start": _by_hand("lifecycle.postStart"),
    "pre_stop": _by_hand("lifecycle.preStop"),
    "gpus": _by_hand("resources.limits of the GPU's device plugin"),
    "runtime": _by_hand("runtimeClassName"),
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
RESOURCES: Final[Mapping[str, str]] = {"reservations": _on_cluster("resources.requests")}
RESERVATIONS: Final[Mapping[str, str]] = {
    "devices": _by_hand("resources.limits of the device's plugin"), "pids": _NO_WAY, "generic_resources": _NO_WAY,
}  # fmt: skip

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
    "tmpfs": _on_cluster("an emptyDir with medium: Memory"),
    "image": _NO_WAY,
    "consistency": "Remove it: it has no meaning here.",
}
