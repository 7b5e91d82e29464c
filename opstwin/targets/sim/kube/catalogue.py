"""Which kinds are served, by which minor version of Kubernetes."""

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from opstwin.targets.sim.kube.schema import Shape, shape_of

ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
VERSIONS: Final = (20, 25, 33, 37)
"""The minors of Kubernetes 1 that the fake can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One served resource in one version. Versions of one resource share their `home` in the store."""

    group: str
    version: str
    plural: str
    name: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    singular: str = ""
    custom_shape: Shape | None = field(default=None, compare=False)
    home: str = ""

    @property
    def api_version(self) -> str:
        """`apps/v1` or `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def shape(self) -> Shape:
        """The fields of this kind."""
        return self.custom_shape or shape_of(self.group, self.version, self.name)

    @property
    def single(self) -> str:
        """The resource in the singular."""
        return self.singular or self.name.lower()


_Row: TypeAlias = tuple[
    str, str, str, bool, str, tuple[str, ...], tuple[str, ...], tuple[tuple[str, int, int], ...]
]  # fmt: skip
_S: Final = ("status",)
_SS: Final = ("status", "scale")
_ALL: Final = ("all",)
_NO_COLLECTION: Final = tuple(verb for verb in ALL_VERBS if verb != "deletecollection")

# (group, plural, kind, namespaced, short names, categories, subresources, ((version, first minor, last minor), ...))
_V1: Final = (("v1", 0, 99),)
_ROWS: Final[tuple[_Row, ...]] = (
    ("", "configmaps", "ConfigMap", True, "cm", (), (), _V1),
    ("", "endpoints", "Endpoints", True, "ep", (), (), _V1),
    ("", "events", "Event", True, "ev", (), (), _V1),
    ("", "limitranges", "LimitRange", True, "limits", (), (), _V1),
    ("", "namespaces", "Namespace", False, "ns", (), ("status", "finalize"), _V1),
    ("", "nodes", "Node", False, "no", (), _S, _V1),
    ("", "persistentvolumeclaims", "PersistentVolumeClaim", True, "pvc", (), _S, _V1),
    ("", "persistentvolumes", "PersistentVolume", False, "pv", (), _S, _V1),
    ("", "pods", "Pod", True, "po", _ALL,
     ("status", "log", "exec", "attach", "portforward", "eviction", "binding", "ephemeralcontainers", "resize"), _V1),
    ("", "podtemplates", "PodTemplate", True, "", (), (), _V1),
    ("", "replicationcontrollers", "ReplicationController", True, "rc", _ALL, _SS, _V1),
    ("", "resourcequotas", "ResourceQuota", True, "quota", (), _S, _V1),
    ("", "secrets", "Secret", True, "", (), (), _V1),
    ("", "serviceaccounts", "ServiceAccount", True, "sa", (), ("token",), _V1),
    ("", "services", "Service", True, "svc", _ALL, _S, _V1),
    ("apps", "controllerrevisions", "ControllerRevision", True, "", (), (), _V1),
    ("apps", "daemonsets", "DaemonSet", True, "ds", _ALL, _S, _V1),
    ("apps", "deployments", "Deployment", True, "deploy", _ALL, _SS, _V1),
    ("apps", "replicasets", "ReplicaSet", True, "rs", _ALL, _SS, _V1),
    ("apps", "statefulsets", "StatefulSet", True, "sts", _ALL, _SS, _V1),
    ("autoscaling", "horizontalpodautoscalers", "HorizontalPodAutoscaler", True, "hpa", _ALL, _S,
     (("v2", 23, 99), ("v1", 0, 99), ("v2beta2", 0, 25))),
    ("batch", "jobs", "Job", True, "", _ALL, _S, _V1),
    ("batch", "cronjobs", "CronJob", True, "cj", _ALL, _S, (("v1", 21, 99), ("v1beta1", 0, 24))),
    ("coordination.k8s.io", "leases", "Lease", True, "", (), (), _V1),
    ("discovery.k8s.io", "endpointslices", "EndpointSlice", True, "", (), (), (("v1", 21, 99), ("v1beta1", 0, 24))),
    ("events.k8s.io", "events", "Event", True, "ev", (), (), _V1),
    ("networking.k8s.io", "ingresses", "Ingress", True, "ing", (), _S, (("v1", 0, 99), ("v1beta1", 0, 21))),
    ("networking.k8s.io", "ingressclasses", "IngressClass", False, "", (), (), _V1),
    ("networking.k8s.io", "networkpolicies", "NetworkPolicy", True, "netpol", (), (), _V1),
    ("policy", "poddisruptionbudgets", "PodDisruptionBudget", True, "pdb", (), _S,
     (("v1", 21, 99), ("v1beta1", 0, 24))),
    ("rbac.authorization.k8s.io", "clusterroles", "ClusterRole", False, "", (), (), _V1),
    ("rbac.authorization.k8s.io", "clusterrolebindings", "ClusterRoleBinding", False, "", (), (), _V1),
    ("rbac.authorization.k8s.io", "roles", "Role", True, "", (), (), _V1),
    ("rbac.authorization.k8s.io", "rolebindings", "RoleBinding", True, "", (), (), _V1),
    ("scheduling.k8s.io", "priorityclasses", "PriorityClass", False, "pc", (), (), _V1),
    ("storage.k8s.io", "storageclasses", "StorageClass", False, "sc", (), (), _V1),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", False, "",
     ("api-extensions",), (), _V1),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", False, "",
     ("api-extensions",), (), _V1),
    ("apiregistration.k8s.io", "apiservices", "APIService", False, "", ("api-extensions",), _S, _V1),
    ("apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", False, "crd,crds",
     ("api-extensions",), _S, _V1),
)  # fmt: skip

_CREATE: Final = ("create",)
_REVIEWS: Final = (
    ("authentication.k8s.io", "tokenreviews", "TokenReview", False, 0),
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", False, 28),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False, 0),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview", False, 0),
    ("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview", False, 0),
    ("authorization.k8s.io", "localsubjectaccessreviews", "LocalSubjectAccessReview", True, 0),
)

_METRICS: Final = (("nodes", "NodeMetrics", False), ("pods", "PodMetrics", True))

_SHARED_HOMES: Final = {"events.events.k8s.io": "events"}
_NO_COLLECTION_OF: Final = ("namespaces",)


def _home(group: str, plural: str) -> str:
    text = f"{plural}.{group}" if group else plural
    return _SHARED_HOMES.get(text, text)


def builtin_kinds(minor: int, *, metrics: bool) -> list[Kind]:
    """What Kubernetes 1.`minor` serves; `metrics` says whether metrics.k8s.io is there too."""
    found = [
        _kind(row, version)
        for row in _ROWS
        for version, first, last in row[7]
        if first <= minor <= last
    ]  # fmt: skip
    found += [
        Kind(group=group, version="v1", plural=plural, name=name, namespaced=spaced, verbs=_CREATE)
        for group, plural, name, spaced, first in _REVIEWS
        if first <= minor
    ]
    if metrics:
        found += [
            Kind(group="metrics.k8s.io", version="v1beta1", plural=plural, name=name, namespaced=spaced,
                 verbs=("get", "list"), home=f"{plural}.metrics.k8s.io")
            for plural, name, spaced in _METRICS
        ]  # fmt: skip
    return found


def _kind(row: _Row, version: str) -> Kind:
    group, plural, name, namespaced, short, categories, subresources, _ = row
    if version == "v1" and plural == "pods":
        subresources = tuple(item for item in subresources if item != "resize")
    return Kind(
        group=group, version=version, plural=plural, name=name, namespaced=namespaced,
        short_names=tuple(short.split(",")) if short else (), categories=categories, subresources=subresources,
        verbs=_NO_COLLECTION if plural in _NO_COLLECTION_OF else ALL_VERBS, home=_home(group, plural),
    )  # fmt: skip
