"""Which elements of two lists are the same thing, as Kubernetes itself matches them. Pure.

The keys are those of the API's own schema (`x-kubernetes-list-map-keys`, and `patchMergeKey` where that is older).
Lists that are not named here are one value: their order, and every element of them, has one owner.
"""

import json
from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from opstwin.domain.values import Json

Keys = tuple[str, ...]
Signature = Hashable

_BY_NAME: Final[Keys] = ("name",)
_KEYS: Final[Mapping[str, Keys]] = {
    "containers": _BY_NAME, "initContainers": _BY_NAME, "ephemeralContainers": _BY_NAME, "env": _BY_NAME,
    "volumes": _BY_NAME, "volumeMounts": ("mountPath",), "volumeDevices": ("devicePath",),
    "imagePullSecrets": _BY_NAME, "secrets": _BY_NAME, "resourceClaims": _BY_NAME, "schedulingGates": _BY_NAME,
    "hostAliases": ("ip",), "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "webhooks": _BY_NAME, "matchConditions": _BY_NAME, "ownerReferences": ("uid",),
}  # fmt: skip
_CONTAINER_PORTS: Final[Keys] = ("containerPort", "protocol")
_SERVICE_PORTS: Final[Keys] = ("port", "protocol")
_WHEN_LEFT_OUT: Final[Mapping[str, Json]] = {"protocol": "TCP"}
"""What the API fills into a key that was left out."""


def keys_of(kind: str, field: str, elements: Sequence[Json]) -> Keys | None:
    """The keys by which the elements of the list in `field` are matched; None where the list is one value.

    `kind` is that of the whole manifest. A list in which two elements have one signature is one value too.
    """
    keys = _ports_of(kind, elements) if field == "ports" else _KEYS.get(field)
    if keys is None or not elements:
        return None
    signatures = [signature_of(item, keys) for item in elements]
    return keys if None not in signatures and len(set(signatures)) == len(signatures) else None


def signature_of(element: Json, keys: Keys) -> Signature | None:
    """What `element` is matched by, None when it lacks a key."""
    if not isinstance(element, dict):
        return None
    found = [element.get(key) or _WHEN_LEFT_OUT.get(key) for key in keys]
    if any(item is None or isinstance(item, dict | list) for item in found):
        return None
    return tuple(found)


@lru_cache(maxsize=8192)
def owned_key(text: str) -> tuple[tuple[str, Json], ...]:
    """The keys and values that an entry `k:{…}` of a manager's fields names; empty when it cannot be read."""
    try:
        found = json.loads(text.removeprefix("k:"))
    except ValueError:
        return ()
    if not isinstance(found, dict) or any(isinstance(value, dict | list) for value in found.values()):
        return ()
    return tuple(found.items())


def is_named_by(element: Json, named: Sequence[tuple[str, Json]]) -> bool:
    """Whether `element` is the one that an entry `k:{…}` means."""
    if not isinstance(element, dict) or not named:
        return False
    return all(element.get(key, _WHEN_LEFT_OUT.get(key)) == value for key, value in named)


def _ports_of(kind: str, elements: Sequence[Json]) -> Keys | None:
    if all(isinstance(item, dict) and "containerPort" in item for item in elements):
        return _CONTAINER_PORTS
    return _SERVICE_PORTS if kind == "service" else None
