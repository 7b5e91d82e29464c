"""Subresources: scale, eviction, binding, finalize. Status goes the way of the objects themselves."""

import copy
from typing import Final

from opstwin.targets.sim.kube.answering import answer, how_of, key_of
from opstwin.targets.sim.kube.asking import Ask, Reply, Route, json_reply
from opstwin.targets.sim.kube.cluster import Cluster
from opstwin.targets.sim.kube.deleting import delete, deletion
from opstwin.targets.sim.kube.failures import ApiFailure, invalid, stale, unprocessable
from opstwin.targets.sim.kube.patches import json_patched, merge_patched
from opstwin.targets.sim.kube.reading_bodies import document, parsed
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.selectors import matches
from opstwin.targets.sim.kube.writing import read, rewrite

_PLAIN: Final = ("", "status", "resize", "ephemeralcontainers")


def subresource(cluster: Cluster, found: Route, ask: Ask) -> Reply:
    """Do what is asked of a subresource. Raises `ApiFailure`."""
    if found.subresource == "scale":
        return _scale(cluster, found, ask)
    if found.subresource == "eviction":
        return _evict(cluster, found, ask)
    if found.subresource == "binding":
        return _bind(cluster, found, ask)
    if found.subresource == "finalize":
        return _finalize(cluster, found, ask)
    if found.subresource in _PLAIN:
        return answer(cluster, found, ask)
    raise ApiFailure(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def _scale_of(doc: Doc) -> Doc:
    spec, status = doc.get("spec") or {}, doc.get("status") or {}
    labels = (spec.get("selector") or {}).get("matchLabels") or {}
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {name: doc["metadata"][name] for name in names if name in doc["metadata"]},
        "spec": {"replicas": spec["replicas"]} if spec.get("replicas") else {},
        "status": {
            "replicas": status.get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        },
    }  # fmt: skip


def _scale(cluster: Cluster, found: Route, ask: Ask) -> Reply:
    live = read(cluster, found.kind, key_of(found))
    now = _scale_of(live)
    if ask.method == "GET":
        return json_reply(now)
    how = how_of(cluster, ask, found)
    body = parsed(ask.body, ask.content_type).value
    if ask.method == "PUT":
        wanted = document(parsed(ask.body, ask.content_type))
    elif ask.content_type.startswith("application/json-patch"):
        wanted = json_patched(now, body)
    else:
        wanted = merge_patched(now, body)
    revision = (wanted.get("metadata") or {}).get("resourceVersion")
    if revision and revision != live["metadata"]["resourceVersion"]:
        raise stale(found.kind.group, found.kind.plural, found.name)
    replicas = int((wanted.get("spec") or {}).get("replicas") or 0)
    if replicas < 0:
        cause = invalid("spec.replicas", str(replicas), "must be greater than or equal to 0")
        raise unprocessable("autoscaling", "Scale", found.name, [cause])
    made = copy.deepcopy(live)
    made["spec"]["replicas"] = replicas
    return json_reply(_scale_of(rewrite(cluster, found.kind, key_of(found), live, made, how)))


def _evict(cluster: Cluster, found: Route, ask: Ask) -> Reply:
    doc = document(parsed(ask.body, ask.content_type))
    live = read(cluster, found.kind, key_of(found))
    budget = _stopping_budget(cluster, live)
    if budget is not None:
        status = budget.get("status") or {}
        text = (
            f"The disruption budget {budget['metadata']['name']} needs {status.get('desiredHealthy', 0)} healthy pods "
            f"and has {status.get('currentHealthy', 0)} currently"
        )
        causes = [{"reason": "DisruptionBudget", "message": text}]
        raise ApiFailure(
            429,
            "TooManyRequests",
            "Cannot evict pod as it would violate the pod's disruption budget.",
            details={"causes": causes},
        )
    how = how_of(cluster, ask, found)
    options = doc.get("deleteOptions") or {}
    how.dry_run = how.dry_run or bool(options.get("dryRun"))
    delete(cluster, found.kind, key_of(found), deletion(options, {}), how)
    return json_reply({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)


def _stopping_budget(cluster: Cluster, pod: Doc) -> Doc | None:
    for _, budget in cluster.store.all("poddisruptionbudgets.policy", pod["metadata"]["namespace"]):
        selected = matches((budget.get("spec") or {}).get("selector"), pod["metadata"].get("labels") or {})
        if selected and (budget.get("status") or {}).get("disruptionsAllowed", 0) < 1:
            return budget
    return None


def _bind(cluster: Cluster, found: Route, ask: Ask) -> Reply:
    doc = document(parsed(ask.body, ask.content_type))
    live = read(cluster, found.kind, key_of(found))
    made = copy.deepcopy(live)
    made["spec"]["nodeName"] = (doc.get("target") or {}).get("name", "")
    rewrite(cluster, found.kind, key_of(found), live, made, how_of(cluster, ask, found))
    return json_reply({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)


def _finalize(cluster: Cluster, found: Route, ask: Ask) -> Reply:
    doc = document(parsed(ask.body, ask.content_type))
    live = read(cluster, found.kind, key_of(found))
    made = {**live, "spec": doc.get("spec") or {}}
    return json_reply(rewrite(cluster, found.kind, key_of(found), live, made, how_of(cluster, ask, found)))
