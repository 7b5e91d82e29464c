"""metrics.k8s.io: what pods and nodes use, as the test says."""

from opstwin.targets.sim.kube.asking import Ask, Reply, Route, json_reply
from opstwin.targets.sim.kube.cluster import Cluster
from opstwin.targets.sim.kube.failures import not_found
from opstwin.targets.sim.kube.life.engine import Life
from opstwin.targets.sim.kube.listing import test_of
from opstwin.targets.sim.kube.schema import Doc

_GROUP = "metrics.k8s.io"


def usage_answer(cluster: Cluster, life: Life, found: Route, ask: Ask) -> Reply | None:
    """The answer to a request for usage, or None when it is none. Raises 404."""
    if found.kind.group != _GROUP:
        return None
    home = found.kind.plural
    test = test_of(found, ask)
    docs = [doc for _, doc in cluster.store.all(home, found.namespace) if test(doc)]
    rows = [_row(cluster, life, found, doc) for doc in docs if home == "nodes" or _runs(doc)]
    if not found.name:
        kind = {"kind": f"{found.kind.name}List", "apiVersion": found.kind.api_version, "metadata": {}}
        return json_reply({**kind, "items": rows})
    if not rows:
        raise not_found(_GROUP, home, found.name)
    return json_reply(rows[0])


def _runs(doc: Doc) -> bool:
    return (doc.get("status") or {}).get("phase") == "Running"


def _row(cluster: Cluster, life: Life, found: Route, doc: Doc) -> Doc:
    meta = {key: doc["metadata"][key] for key in ("name", "namespace", "labels") if key in doc["metadata"]}
    row: Doc = {
        "kind": found.kind.name, "apiVersion": found.kind.api_version,
        "metadata": {**meta, "creationTimestamp": cluster.stamp()}, "timestamp": cluster.stamp(), "window": "15s",
    }  # fmt: skip
    if found.kind.plural == "nodes":
        return {**row, "usage": _text(*life.usage_of_node(doc["metadata"]["name"]))}
    containers = [
        {"name": item["name"], "usage": _text(*life.usage_of(doc, item["name"]))} for item in doc["spec"]["containers"]
    ]
    return {**row, "containers": containers}


def _text(cpu_millicores: float, memory_bytes: int) -> Doc:
    return {"cpu": f"{int(cpu_millicores * 1_000_000)}n", "memory": f"{memory_bytes // 1024}Ki"}
