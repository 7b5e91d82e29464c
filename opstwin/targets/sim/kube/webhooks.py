"""Admission webhooks: the configurations are real objects, what a call to one ends in is set on the cluster."""

from collections.abc import Iterator

from opstwin.targets.sim.kube.catalogue import Kind
from opstwin.targets.sim.kube.cluster import Cluster, How, Webhook
from opstwin.targets.sim.kube.failures import ApiFailure
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.selectors import matches

_GROUP = "admissionregistration.k8s.io"


def webhooks_asked(cluster: Cluster, kind: Kind, doc: Doc, live: Doc | None, how: How, *, mutating: bool) -> None:
    """Ask every webhook whose rules match. Raises what its answer comes to."""
    if kind.group == _GROUP:
        return
    verb = "CREATE" if live is None else "UPDATE"
    for hook in _hooks(cluster, mutating=mutating):
        if _concerns(cluster, hook, kind, doc, verb):
            _ask(cluster, hook)


def deletion_asked(cluster: Cluster, kind: Kind, doc: Doc) -> None:
    """Ask the webhooks about a deletion. Raises what an answer comes to."""
    for hook in _hooks(cluster, mutating=False):
        if kind.group != _GROUP and _concerns(cluster, hook, kind, doc, "DELETE"):
            _ask(cluster, hook)


def _hooks(cluster: Cluster, *, mutating: bool) -> Iterator[Doc]:
    home = f"{'mutating' if mutating else 'validating'}webhookconfigurations.{_GROUP}"
    for _, doc in cluster.store.all(home):
        yield from doc.get("webhooks") or []


def _concerns(cluster: Cluster, hook: Doc, kind: Kind, doc: Doc, verb: str) -> bool:
    space = cluster.get("Namespace", "", doc["metadata"].get("namespace", "")) or {"metadata": {}}
    if not matches(hook.get("namespaceSelector") or {}, space["metadata"].get("labels") or {}):
        return False
    if not matches(hook.get("objectSelector") or {}, doc["metadata"].get("labels") or {}):
        return False
    return any(_rule(rule, kind, verb) for rule in hook.get("rules") or [])


def _rule(rule: Doc, kind: Kind, verb: str) -> bool:
    wanted = (
        ("operations", verb),
        ("apiGroups", kind.group),
        ("apiVersions", kind.version),
        ("resources", kind.plural),
    )
    return all("*" in (rule.get(name) or []) or value in (rule.get(name) or []) for name, value in wanted)


def _ask(cluster: Cluster, hook: Doc) -> None:
    name = hook["name"]
    set_up = cluster.webhooks.get(name, Webhook())
    if set_up.answer == "deny":
        raise ApiFailure(400, "", f'admission webhook "{name}" denied the request: {set_up.text}')
    if set_up.answer == "down" and hook.get("failurePolicy", "Fail") == "Fail":
        raise _down(cluster, hook)


def _down(cluster: Cluster, hook: Doc) -> ApiFailure:
    client = hook.get("clientConfig") or {}
    service = client.get("service") or {}
    where = client.get("url") or (
        f"https://{service.get('name')}.{service.get('namespace')}.svc:{service.get('port', 443)}"
        f"{service.get('path', '/')}"
    )
    failed = (
        "failed calling webhook"
        if cluster.minor <= 20
        else f'failed calling webhook "{hook["name"]}": failed to call webhook'
    )
    text = (
        f'Internal error occurred: {failed}: Post "{where}?timeout={hook.get("timeoutSeconds", 10)}s": '
        "dial tcp 10.96.0.99:443: connect: connection refused"
    )
    if cluster.minor <= 20:
        text = text.replace("failed calling webhook:", f'failed calling webhook "{hook["name"]}":')
    return ApiFailure(500, "InternalError", text, details={"causes": [{"message": text.partition(": ")[2]}]})
