"""What the server fills into a pod, and into a template of one."""

from typing import Any, Final

from opstwin.targets.sim.kube.quantities import canonical
from opstwin.targets.sim.kube.schema import Doc

_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_MODE: Final = 420
_NO_EXECUTE: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def set_missing(doc: Doc, **values: Any) -> None:
    """Set what is absent or null."""
    for key, value in values.items():
        if doc.get(key) is None:
            doc[key] = value


def pod_template(spec: Doc, minor: int, *, restart: bool = True) -> None:
    """Fill in the pod template of a workload."""
    template = spec.get("template")
    if isinstance(template, dict):
        if minor < 34:
            template.setdefault("metadata", {}).setdefault("creationTimestamp", None)
        pod_spec(template.setdefault("spec", {}), restart=restart)


def pod_spec(spec: Doc, *, restart: bool = True) -> None:
    """Fill in what a template and a pod have in common."""
    if restart:
        set_missing(spec, restartPolicy="Always")
    set_missing(
        spec, dnsPolicy="ClusterFirst", schedulerName="default-scheduler", terminationGracePeriodSeconds=30,
        securityContext={},
    )  # fmt: skip
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        _container(container)
    for volume in spec.get("volumes") or []:
        _volume(volume)


def _container(container: Doc) -> None:
    set_missing(
        container, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File", resources={},
        imagePullPolicy=_pull_policy(str(container.get("image", ""))),
    )  # fmt: skip
    for port in container.get("ports") or []:
        set_missing(port, protocol="TCP")
    for item in container.get("env") or []:
        source = (item.get("valueFrom") or {}).get("fieldRef")
        if source:
            set_missing(source, apiVersion="v1")
    for name in _PROBES:
        _probe(container.get(name))
    for action in (container.get("lifecycle") or {}).values():
        _http(action.get("httpGet"))
    resources = container["resources"]
    for name in ("limits", "requests"):
        if resources.get(name):
            resources[name] = {key: canonical(value) for key, value in resources[name].items()}


def _pull_policy(image: str) -> str:
    name = image.rsplit("/", 1)[-1]
    if "@" in name:
        return "IfNotPresent"
    return "Always" if ":" not in name or name.endswith(":latest") else "IfNotPresent"


def _probe(probe: Doc | None) -> None:
    if probe:
        set_missing(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
        _http(probe.get("httpGet"))


def _http(action: Doc | None) -> None:
    if action is not None:
        set_missing(action, path="/", scheme="HTTP")


def _volume(volume: Doc) -> None:
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}
    for name in ("configMap", "secret", "projected", "downwardAPI"):
        if volume.get(name) is not None:
            set_missing(volume[name], defaultMode=_MODE)
    if volume.get("hostPath"):
        set_missing(volume["hostPath"], type="")
    for source in (volume.get("projected") or {}).get("sources") or []:
        if source.get("serviceAccountToken"):
            set_missing(source["serviceAccountToken"], expirationSeconds=3600)


def pod_object(doc: Doc, minor: int) -> None:
    """Fill in a pod: what a template gets, and what only pods get."""
    spec = doc.setdefault("spec", {})
    pod_spec(spec)
    set_missing(
        spec, serviceAccountName="default", enableServiceLinks=True, priority=0,
        preemptionPolicy="PreemptLowerPriority",
    )  # fmt: skip
    set_missing(spec, serviceAccount=spec["serviceAccountName"])
    _tolerations(spec)
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        limits = container["resources"].get("limits")
        if limits:
            container["resources"]["requests"] = {**limits, **(container["resources"].get("requests") or {})}
    set_missing(doc, status={"phase": "Pending", "qosClass": qos_class(spec)})


def _tolerations(spec: Doc) -> None:
    have = spec.get("tolerations") or []
    missing = [key for key in _NO_EXECUTE if not any(item.get("key") == key for item in have)]
    added = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300} for key in missing
    ]  # fmt: skip
    spec["tolerations"] = [*have, *added]


def qos_class(spec: Doc) -> str:
    """`Guaranteed`, `Burstable` or `BestEffort`."""
    parts = [container.get("resources") or {} for container in spec.get("containers") or []]
    if not any(part.get("limits") or part.get("requests") for part in parts):
        return "BestEffort"
    full = all({"cpu", "memory"} <= set(part.get("limits") or {}) for part in parts)
    same = all((part.get("requests") or part.get("limits")) == part.get("limits") for part in parts)
    return "Guaranteed" if full and same else "Burstable"
