"""Creating and changing objects, as the server does it: defaults, validation, admission, owners, generation."""

import copy
from typing import Any, Final

from opstwin.targets.sim.kube.addresses import give_addresses
from opstwin.targets.sim.kube.admission import admitted, checked
from opstwin.targets.sim.kube.applying import applied
from opstwin.targets.sim.kube.catalogue import Kind
from opstwin.targets.sim.kube.cluster import Cluster, How
from opstwin.targets.sim.kube.defaults import defaulted
from opstwin.targets.sim.kube.failures import (
    Cause,
    bad_request,
    conflict,
    exists,
    invalid,
    not_found,
    required,
    stale,
    unprocessable,
)
from opstwin.targets.sim.kube.owners import Owner, after_update, owners_of
from opstwin.targets.sim.kube.quantities import canonical
from opstwin.targets.sim.kube.schema import Doc, Shape
from opstwin.targets.sim.kube.store import Key
from opstwin.targets.sim.kube.unchangeable import causes_of_change
from opstwin.targets.sim.kube.validating import causes_against
from opstwin.targets.sim.kube.versions import in_version

_WITHOUT_GENERATION: Final = {
    "ConfigMap", "Secret", "Service", "ServiceAccount", "Event", "Namespace", "Node", "Endpoints", "LimitRange",
    "ResourceQuota", "PersistentVolume", "PersistentVolumeClaim", "Role", "ClusterRole", "RoleBinding", "Lease",
    "ClusterRoleBinding", "ControllerRevision", "StorageClass", "HorizontalPodAutoscaler", "PodTemplate",
}  # fmt: skip
_UPDATED_BY_VERSION: Final = ("CustomResourceDefinition", "PodDisruptionBudget")
"""Built-in kinds that are not replaced without saying which version of them."""
_SERVER_SET: Final = (
    "uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion",
    "selfLink", "name", "namespace",
)  # fmt: skip


def create(cluster: Cluster, kind: Kind, namespace: str, doc: Doc, how: How) -> Doc:
    """Create an object. Raises `ApiFailure`. Returns what is stored, or with a dry run would be."""
    made = _fresh(cluster, kind, namespace, doc, how)
    by = _owner(cluster, kind, how, "Update")
    made["metadata"]["managedFields"] = after_update(None, _unallocated(kind, made, doc), kind.shape, by)
    return _created(cluster, kind, made, how)


def _fresh(cluster: Cluster, kind: Kind, namespace: str, doc: Doc, how: How) -> Doc:
    """What a new object is before its owners are written down."""
    made = copy.deepcopy(doc)
    meta = made.setdefault("metadata", {})
    if meta.get("resourceVersion"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = meta["generateName"] + cluster.suffix()
    _place(kind, namespace, made)
    for name in ("generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields"):
        meta.pop(name, None)
    if kind.subresources and kind.name not in ("Pod", "PersistentVolumeClaim", "Namespace", "Node"):
        made["status"] = {"loadBalancer": {}} if kind.name == "Service" else {}
        if kind.custom_shape:
            del made["status"]
    meta.update(uid=cluster.new_uid(), creationTimestamp=cluster.stamp())
    if _has_generation(cluster, kind):
        meta["generation"] = 1
    admitted(cluster, kind, made, None, how)
    return _complete(cluster, kind, made, None)


def _unallocated(kind: Kind, made: Doc, doc: Doc) -> Doc:
    """An object without its first status, and without what the server allocates later than it writes down owners."""
    made = {name: item for name, item in made.items() if name != "status" or kind.custom_shape}
    if kind.name != "Service" or kind.custom_shape:
        return made
    said = doc.get("spec") or {}
    spec = {
        name: item for name, item in made["spec"].items() if name not in ("clusterIP", "clusterIPs") or name in said
    }
    return {**made, "spec": spec}


def _created(cluster: Cluster, kind: Kind, made: Doc, how: How) -> Doc:
    meta = made["metadata"]
    key = Key(kind.home, meta.get("namespace", ""), meta.get("name", ""))
    _refuse(kind, made, causes_against(kind.name, made, kind.shape))
    if kind.name != "Event":
        checked(cluster, kind, made, None, how)
    if cluster.store.get(key) is not None:
        raise exists(kind.group, kind.plural, key.name)
    return made if how.dry_run else cluster.store.put(key, made)


def update(cluster: Cluster, kind: Kind, key: Key, doc: Doc, how: How) -> Doc:
    """Replace an object. Raises `ApiFailure`. Returns what is stored, or with a dry run would be."""
    _place(kind, key.namespace, doc)
    _named(key, doc)
    live = read(cluster, kind, key)
    if not doc["metadata"].get("resourceVersion") and (kind.custom_shape or kind.name in _UPDATED_BY_VERSION):
        cause = invalid("metadata.resourceVersion", "0x0", "must be specified for an update")
        raise unprocessable(kind.group, kind.plural, key.name, [cause])
    _preconditions(kind, key, live, doc["metadata"])
    return rewrite(cluster, kind, key, live, doc, how)


def rewrite(cluster: Cluster, kind: Kind, key: Key, live: Doc, doc: Doc, how: How) -> Doc:
    """Make `doc` of `live`, whose version has been checked."""
    made = _next(cluster, kind, live, doc, how)
    given = doc["metadata"].get("managedFields")
    base = {**live, "metadata": {**live["metadata"], "managedFields": [e for e in given if e]}} if given else live
    made["metadata"]["managedFields"] = after_update(base, made, kind.shape, _owner(cluster, kind, how, "Update"))
    return _stored(cluster, kind, key, live, made, how)


def apply(cluster: Cluster, kind: Kind, key: Key, wanted: Doc, how: How) -> tuple[Doc, bool]:
    """Server-side apply. Raises `ApiFailure`. Returns the object, and whether it is new."""
    live = cluster.store.get(key)
    wanted = copy.deepcopy(wanted)
    _place(kind, key.namespace, wanted)
    _named(key, wanted)
    if wanted["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    by = _owner(cluster, kind, how, "Apply")
    if live is None:
        return _apply_new(cluster, kind, key, wanted, how), True
    live = in_version(live, kind)
    _preconditions(kind, key, live, wanted["metadata"])
    done = applied(live, wanted, kind.shape, by, force=how.force)
    made = _next(cluster, kind, live, done.doc, how)
    made["metadata"]["managedFields"] = done.entries
    return _stored(cluster, kind, key, live, made, how), False


def _apply_new(cluster: Cluster, kind: Kind, key: Key, wanted: Doc, how: How) -> Doc:
    if wanted["metadata"].get("uid"):
        raise conflict(
            kind.group,
            kind.plural,
            key.name,
            f"uid mismatch: the provided object specified uid {wanted['metadata']['uid']}, "
            "and no existing object was found",
        )
    if how.subresource:
        raise not_found(kind.group, kind.plural, key.name)
    done = applied(None, wanted, kind.shape, _owner(cluster, kind, how, "Apply"), force=how.force)
    made = _fresh(cluster, kind, key.namespace, done.doc, how)
    made["metadata"]["managedFields"] = done.entries
    return _created(cluster, kind, made, how)


def read(cluster: Cluster, kind: Kind, key: Key) -> Doc:
    """The object in the kind's version. Raises 404."""
    found = cluster.store.get(key)
    if found is None:
        raise not_found(kind.group, kind.plural, key.name)
    return in_version(found, kind)


def _place(kind: Kind, namespace: str, doc: Doc) -> None:
    """Put name of kind and namespace where they belong. Raises 400 when the body says otherwise."""
    meta = doc.setdefault("metadata", {})
    if doc.get("kind", kind.name) != kind.name or doc.get("apiVersion", kind.api_version) != kind.api_version:
        raise bad_request(
            f'{doc.get("kind")} in version "{kind.version}" cannot be handled as a {kind.name}: converting '
            f"({str(doc.get('apiVersion')).rpartition('/')[2]}.{doc.get('kind')}) "
            f"to ({kind.group.split('.')[0] or 'core'}."
            f"{kind.name}): unknown conversion"
        )
    doc["kind"], doc["apiVersion"] = kind.name, kind.api_version
    if not kind.namespaced:
        meta.pop("namespace", None)
    elif meta.setdefault("namespace", namespace) != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def _named(key: Key, doc: Doc) -> None:
    name = doc["metadata"].setdefault("name", key.name)
    if name != key.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({key.name})")


def _preconditions(kind: Kind, key: Key, live: Doc, meta: Doc) -> None:
    revision, uid = meta.get("resourceVersion"), meta.get("uid")
    if revision and revision != live["metadata"]["resourceVersion"]:
        raise stale(kind.group, kind.plural, key.name)
    if uid and uid != live["metadata"]["uid"]:
        raise conflict(
            kind.group, kind.plural, key.name,
            f"StorageError: invalid object, Code: 4, Key: /registry/{kind.plural}/{key.namespace}/{key.name}, "
            "ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: "
            f"UID in precondition: {uid}, UID in object meta: {live['metadata']['uid']}",
        )  # fmt: skip


def _next(cluster: Cluster, kind: Kind, live: Doc, doc: Doc, how: How) -> Doc:
    """The object after a change: only the parts that this way in may change, and what the server sets."""
    made = copy.deepcopy(doc)
    if how.subresource == "status":
        made = {**copy.deepcopy(live), "status": made.get("status", {})}
    elif "status" in kind.subresources and kind.name != "Namespace":
        made.pop("status", None)
        if "status" in live:
            made["status"] = live["status"]
    meta = made.setdefault("metadata", {})
    for name in _SERVER_SET:
        meta.pop(name, None)
        if name in live["metadata"]:
            meta[name] = live["metadata"][name]
    admitted(cluster, kind, made, live, how)
    made = _complete(cluster, kind, made, live)
    meta = made["metadata"]
    if _has_generation(cluster, kind) and how.subresource != "status" and _wish(made) != _wish(live):
        meta["generation"] = int(live["metadata"].get("generation", 0)) + 1
    return made


def _stored(cluster: Cluster, kind: Kind, key: Key, live: Doc, made: Doc, how: How) -> Doc:
    if how.subresource != "status":
        changes = causes_of_change(kind.name, live, made, cluster.minor)
        _refuse(kind, made, causes_against(kind.name, made, kind.shape) + changes)
        _finalizers_only_shrink(kind, live, made)
    checked(cluster, kind, made, live, how)
    if _same(live, made):
        return live
    if how.dry_run:
        return made
    if made["metadata"].get("deletionTimestamp") and _may_go(kind, made):
        cluster.store.remove(key)
        return made
    return cluster.store.put(key, made)


def _same(live: Doc, made: Doc) -> bool:
    if _less(live) != _less(made):
        return False
    return _held(live) == _held(made)


def _held(doc: Doc) -> set[tuple[str, str, str, frozenset[tuple[str, ...]]]]:
    return {(one.manager, one.operation, one.subresource, one.fields) for one in owners_of(doc)}


def _less(doc: Doc) -> Doc:
    return {**doc, "metadata": {key: value for key, value in doc["metadata"].items() if key != "managedFields"}}


def _may_go(kind: Kind, doc: Doc) -> bool:
    if kind.name == "Namespace":
        return not doc["metadata"].get("finalizers") and not (doc.get("spec") or {}).get("finalizers")
    if kind.name == "Pod" and doc["metadata"].get("deletionGracePeriodSeconds"):
        return False
    return not doc["metadata"].get("finalizers")


def _finalizers_only_shrink(kind: Kind, live: Doc, made: Doc) -> None:
    new = set(made["metadata"].get("finalizers") or []) - set(live["metadata"].get("finalizers") or [])
    if live["metadata"].get("deletionTimestamp") and new:
        cause = Cause(
            "FieldValueForbidden", "metadata.finalizers",
            "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
            f"[]string{{{', '.join(f'{chr(34)}{name}{chr(34)}' for name in sorted(new))}}}",
        )  # fmt: skip
        raise unprocessable(kind.group, kind.name, live["metadata"]["name"], [cause])


def _complete(cluster: Cluster, kind: Kind, doc: Doc, live: Doc | None) -> Doc:
    """With defaults, canonical amounts, addresses, and without empty members."""
    made: Doc = doc if kind.custom_shape else tidied(doc, kind.shape)
    made.setdefault("metadata", doc["metadata"])
    defaulted(kind.name if not kind.custom_shape else "", made, cluster.minor)
    if kind.name == "Service" and not kind.custom_shape:
        give_addresses(cluster, made, live)
    if kind.name == "Job" and not kind.custom_shape:
        _job_selector(cluster, made)
    return made


def _job_selector(cluster: Cluster, doc: Doc) -> None:
    spec = doc["spec"]
    uid = doc["metadata"]["uid"]
    prefix = "batch.kubernetes.io/" if cluster.minor >= 27 else ""
    if not spec.get("selector") and "template" in spec:
        name = doc["metadata"].get("name", "")
        labels = {"controller-uid": uid, "job-name": name}
        if prefix:
            labels = {**labels, f"{prefix}controller-uid": uid, f"{prefix}job-name": name}
        meta = spec["template"].setdefault("metadata", {})
        meta["labels"] = {**(meta.get("labels") or {}), **labels}
        spec["selector"] = {"matchLabels": {f"{prefix}controller-uid": uid}}


def tidied(value: Any, shape: Shape) -> Any:
    """A built-in object as it comes back: no empty maps, lists or nulls, amounts in their canonical form."""
    if isinstance(value, dict):
        made = {name: tidied(item, shape.child(name)) for name, item in value.items()}
        return {name: item for name, item in made.items() if not _is_empty(item, shape.child(name))}
    if isinstance(value, list):
        return [tidied(item, shape.items) for item in value]
    return canonical(value) if shape.form == "scalar" and shape.scalar == "quantity" else value


def _is_empty(item: Any, shape: Shape) -> bool:
    return item is None or (not item and shape.form in ("map", "list") and isinstance(item, dict | list))


def _refuse(kind: Kind, doc: Doc, causes: list[Cause]) -> None:
    if causes:
        meta = doc["metadata"]
        raise unprocessable(kind.group, kind.name, meta.get("name") or meta.get("generateName", ""), causes)


def _has_generation(cluster: Cluster, kind: Kind) -> bool:
    if kind.name == "Pod":
        return cluster.minor >= 33
    if kind.name == "Job":
        return cluster.minor >= 22
    return kind.custom_shape is not None or kind.name not in _WITHOUT_GENERATION


def _wish(doc: Doc) -> Doc:
    return {key: value for key, value in doc.items() if key not in ("metadata", "status")}


def _owner(cluster: Cluster, kind: Kind, how: How, operation: str) -> Owner:
    if operation == "Apply" and not how.manager:
        raise unprocessable(
            "meta.k8s.io", "PatchOptions", "", [required("fieldManager", "is required for apply patch")]
        )  # fmt: skip
    return Owner(
        manager=how.manager or "unknown", operation=operation, api_version=kind.api_version,
        subresource=how.subresource if how.subresource in ("status", "scale") else "", at=cluster.stamp(),
    )  # fmt: skip
