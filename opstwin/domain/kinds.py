"""What kinds of resources have in common, whatever the target: what runs, what holds data, what many share. Pure."""

from typing import Final

CONTAINER: Final = "container"

POD_MAKERS: Final = frozenset({"deployment", "statefulset", "daemonset", "replicaset", "job", "cronjob", "pod"})
"""Kinds of a Kubernetes cluster that run containers."""

RUNS: Final = frozenset({CONTAINER}) | POD_MAKERS
"""Kinds that run something."""

ROLLED_OUT: Final = frozenset({"daemonset", "deployment", "statefulset"})
"""Kinds whose pods are made anew when their template changes, which is how they are restarted."""

RESTARTS: Final = frozenset({CONTAINER}) | ROLLED_OUT
"""Kinds that can be restarted; what ends by itself, or stands for itself, cannot."""

HOLDS_DATA: Final = frozenset(
    {"volume", "persistentvolumeclaim", "persistentvolume", "namespace", "customresourcedefinition"}
)
"""Kinds with which data goes that no inverse brings back: a namespace and a definition take all that is in them."""

SHARED: Final = frozenset({"network", "volume", "image", "namespace"})
"""Kinds that are used as they are when somebody else has made them."""

STAYS: Final = HOLDS_DATA | {"image"}
"""Kinds that stay when the workload that brought them leaves, unless a person names them."""


def runs(kind: str) -> bool:
    """Whether resources of this kind run something."""
    return kind in RUNS


def is_named(full: str, name: str) -> bool:
    """Whether `name` means the resource of that full name: itself, or what stands behind its namespace."""
    return name in (full, full.rpartition("/")[2])


def has_output(kind: str) -> bool:
    """Whether one can read what it writes, and run a command in it."""
    return kind in RUNS - {"cronjob"}
