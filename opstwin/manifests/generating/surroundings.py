"""Everything of a workload but what runs it: what must be there before, and what comes after."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TypeAlias

from opstwin.domain.values import Json
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.naming import MANAGED_BY, RECOMMENDED, beside
from opstwin.manifests.generating.options import Exposure
from opstwin.manifests.generating.parts import Parts
from opstwin.manifests.generating.pods import ENDING
from opstwin.manifests.generating.ports import headless_spec, service_spec
from opstwin.manifests.generating.results import Level, Notes
from opstwin.manifests.generating.scaling import autoscaler_spec, budget_spec
from opstwin.manifests.generating.traffic import ingress_spec, policy_spec

_MIXED_SINCE: Final = (1, 24)
"""From this release on a Service of type LoadBalancer may mix protocols without being asked for it."""

Made: TypeAlias = tuple[dict[str, Json], Notes]


def before(parts: Parts, notes: Notes) -> Iterator[Made]:
    """What the pods need: namespace, service account, settings, secrets, claims and services."""
    if parts.options.namespace_manifest:
        yield _namespace(parts), notes.apart()
    if parts.options.service_account is not None:
        body: dict[str, Json] = {"automountServiceAccountToken": False}
        yield parts.document("ServiceAccount", parts.options.service_account, body), notes.apart()
    yield from _settings(parts, notes)
    if parts.kind != "StatefulSet":
        yield from _claims(parts, notes)
    yield from _services(parts, notes)


def after(parts: Parts, notes: Notes) -> Iterator[Made]:
    """What watches over the pods: autoscaler, disruption budget, network policy and ingress."""
    if parts.autoscale is not None:
        own = notes.apart()
        spec = autoscaler_spec(parts.name, parts.kind, parts.autoscale, parts.options.asker("autoscale"), own)
        yield parts.document("HorizontalPodAutoscaler", parts.name, {"spec": spec}), own
    if _several(parts):
        yield from _budget(parts, notes)
    if parts.options.network_policy:
        own = notes.apart()
        spec = policy_spec(parts.info, parts.selector, parts.options, own)
        yield parts.document("NetworkPolicy", parts.name, {"spec": spec}), own
    if parts.options.route is not None:
        own = notes.apart()
        spec = ingress_spec(parts.info, parts.options.route, parts.name, own)
        yield parts.document("Ingress", parts.name, {"spec": spec}), own


def _namespace(parts: Parts) -> dict[str, Json]:
    labels: dict[str, Json] = {f"{RECOMMENDED}managed-by": MANAGED_BY}
    version = parts.served.needed("Namespace")
    return {"apiVersion": version, "kind": "Namespace", "metadata": {"name": parts.namespace, "labels": labels}}


def _settings(parts: Parts, notes: Notes) -> Iterator[Made]:
    settings = parts.environment
    if settings.plain:
        yield parts.document("ConfigMap", settings.config, {"data": {**settings.plain}}), notes.apart()
    if settings.secrets and parts.options.with_secret:
        values: dict[str, Json] = {key: {"secretRef": settings.secrets[key]} for key in settings.secrets}
        yield parts.document("Secret", settings.secret, {"type": "Opaque", "stringData": values}), notes.apart()


def _claims(parts: Parts, notes: Notes) -> Iterator[Made]:
    for volume, claim in parts.storage.claims.items():
        own = notes.apart()
        own.why("spec.resources", claim["resources"], "claim", "volumes", volume=volume)
        yield parts.document("PersistentVolumeClaim", volume, {"spec": {**claim}}), own


def _services(parts: Parts, notes: Notes) -> Iterator[Made]:
    listens = bool(parts.info.ports or parts.info.udp_ports)
    if parts.kind in ENDING:
        if listens:
            notes.find("task_ports", Level.LOST, "ports", kind=parts.kind)
        return
    if parts.kind == "StatefulSet":
        spec = headless_spec(parts.info, parts.selector)
        yield parts.document("Service", beside(parts.name, "headless"), {"spec": spec}), notes.apart()
    for name, info in _doors(parts) if listens else ():
        own = notes.apart()
        spec = service_spec(info, parts.selector, parts.options, own)
        yield parts.document("Service", name, {"spec": spec}), own


def _doors(parts: Parts) -> Iterator[tuple[str, ContainerInfo]]:
    """One Service; two where a load balancer takes only one protocol."""
    info = parts.info
    both = bool(info.ports and info.udp_ports)
    if not both or parts.options.exposure is not Exposure.LOAD_BALANCER or parts.served.release >= _MIXED_SINCE:
        yield parts.name, info
        return
    tcp, udp = (tuple(port for port in info.published if port.protocol == word) for word in ("tcp", "udp"))
    yield parts.name, replace(info, udp_ports=(), published=tcp)
    yield beside(parts.name, "udp"), replace(info, ports=(), published=udp)


def _several(parts: Parts) -> bool:
    if parts.kind in ENDING or not parts.info.running:
        return False
    least = parts.autoscale.minimum if parts.autoscale is not None else parts.info.replicas
    return (least or 1) > 1


def _budget(parts: Parts, notes: Notes) -> Iterator[Made]:
    if parts.served.best("PodDisruptionBudget") is None:
        notes.find("budget_served", Level.ADVICE, "replicas")
        return
    own = notes.apart()
    yield parts.document("PodDisruptionBudget", parts.name, {"spec": budget_spec(parts.selector, own)}), own
