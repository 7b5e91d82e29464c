"""A live object as the spec that is kept of it: without status, without what is noise, without secrets. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from opstwin.domain.values import Json, Spec
from opstwin.logs import looks_secret, redacted
from opstwin.manifests.difference import MASK
from opstwin.manifests.ownership import MANAGER, OWN_ANNOTATIONS, RESTORER
from opstwin.targets.kubernetes.marks import KEY
from opstwin.targets.own_secrets import OwnSecrets, own_secrets

_KEPT: Final = ("name", "namespace", "labels", "annotations")
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_OWN: Final = frozenset({MANAGER, RESTORER})
_OWNERSHIP: Final = ("manager", "operation", "apiVersion", "fieldsType", "fieldsV1", "subresource")
_THIN: Final = ("name", "image", "ports", "resources")
"""What is kept of each container of a pod that something else made: the rest stands in its maker's template."""


def cleaned(kind: str, item: Mapping[str, Any]) -> Spec:
    """The spec of one live object; see the module.

    Values of Secrets are never kept, nor are those of variables with a secret-looking name in objects that Opstwin did
    not make. A pod that a controller made is kept in short.
    """
    body: dict[str, Json] = {key: value for key, value in item.items() if key not in ("metadata", "status")}
    metadata = _object(item.get("metadata"))
    body["metadata"] = _metadata(metadata)
    if kind == "secret":
        _hide(body)
    if KEY not in _object(metadata.get("annotations")):
        body = _without_secrets(body)
    if kind == "pod" and controller_of(item) is not None:
        body["spec"] = _thin(_object(body.get("spec")))
    return body


def secrets_of(item: Mapping[str, Any]) -> OwnSecrets:
    """What the containers of an object were given as secrets in plain variables, to be masked in what they write."""
    return own_secrets(_variables(item.get("spec")), (str(_object(item.get("metadata")).get("name")),))


def controller_of(item: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The owner that made the object and keeps it, None for one that stands for itself."""
    owners = _object(item.get("metadata")).get("ownerReferences")
    found = [owner for owner in owners if isinstance(owner, dict)] if isinstance(owners, list) else []
    return next((owner for owner in found if owner.get("controller") is True), None)


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Json]:
    kept: dict[str, Json] = {key: metadata[key] for key in _KEPT if metadata.get(key)}
    notes = _object(kept.get("annotations"))
    kept["annotations"] = {
        key: value for key, value in notes.items() if key != _LAST_APPLIED and not key.startswith(OWN_ANNOTATIONS)
    }
    if not kept["annotations"]:
        del kept["annotations"]
    managers = metadata.get("managedFields")
    ours: list[Json] = [
        {key: entry[key] for key in _OWNERSHIP if key in entry}
        for entry in (managers if isinstance(managers, list) else [])
        if isinstance(entry, dict) and entry.get("manager") in _OWN
    ]
    return {**kept, "managedFields": ours} if ours else kept


def _hide(body: dict[str, Json]) -> None:
    for field in ("data", "stringData"):
        if isinstance(body.get(field), dict):
            body[field] = dict.fromkeys(sorted(_object(body[field])), MASK)


def _without_secrets(body: dict[str, Json]) -> dict[str, Json]:
    """With a mask for values of variables that are named like secrets, wherever they stand."""
    return {key: _masked(value) if key != "metadata" else value for key, value in body.items()}


def _masked(value: Json) -> Json:
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if not isinstance(value, dict):
        return redacted(value) if isinstance(value, str) and "://" in value else value
    name, said = value.get("name"), value.get("value")
    if isinstance(name, str) and isinstance(said, str) and said and looks_secret(name):
        return {**value, "value": MASK}
    return {key: _masked(item) for key, item in value.items()}


def _variables(value: Json) -> Iterator[tuple[str, str]]:
    """All that stands as `name` and `value`, wherever it stands."""
    if isinstance(value, list):
        for item in value:
            yield from _variables(item)
    elif isinstance(value, dict):
        name, said = value.get("name"), value.get("value")
        if isinstance(name, str) and isinstance(said, str):
            yield name, said
        else:
            for item in value.values():
                yield from _variables(item)


def _thin(spec: Mapping[str, Any]) -> dict[str, Json]:
    containers = spec.get("containers")
    kept: list[Json] = [
        {key: item[key] for key in _THIN if item.get(key)}
        for item in (containers if isinstance(containers, list) else [])
        if isinstance(item, dict)
    ]
    node = spec.get("nodeName")
    return {"containers": kept, **({"nodeName": node} if node else {})}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
