"""A manifest as plain data, with the reasons for what stands in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from opstwin.domain.values import Json

_FIRST: Final = (
    "apiVersion", "kind", "metadata", "name", "generateName", "namespace", "labels", "annotations", "type", "image",
    "replicas", "selector", "strategy", "serviceName", "schedule", "scaleTargetRef", "minReplicas", "maxReplicas",
    "command", "args", "port", "containerPort", "targetPort", "protocol", "ports", "envFrom", "env", "requests",
    "limits", "resources", "httpGet", "tcpSocket", "exec", "periodSeconds", "timeoutSeconds", "failureThreshold",
    "startupProbe", "readinessProbe", "livenessProbe", "securityContext", "volumeMounts", "mountPath",
    "initContainers", "containers", "volumes", "host", "rules", "template", "volumeClaimTemplates",
    "immutable", "data", "stringData", "spec",
)  # fmt: skip
_RANK: Final = {key: rank for rank, key in enumerate(_FIRST)}
_LAST: Final = len(_FIRST)
_BY_NAME: Final = frozenset(
    {"labels", "annotations", "matchLabels", "data", "stringData", "binaryData", "nodeSelector"}
)
"""Below these keys stand names that people chose: they are sorted as text, whatever they are called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One value of a manifest, and why it is that one.

    `path` is dotted (`spec.template.spec.containers[0].resources.requests.cpu`); `why` and `why_ko` are one short
    sentence each; `source` says what it was taken from (`ports`, `health check`, `usage p95 7 days`, `history #12`,
    `profile S`, `image user`, `request`, …).
    """

    path: str
    value: Json
    why: str
    why_ko: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One manifest in its fixed order of keys, and the decisions in it."""

    document: dict[str, Json]
    decisions: tuple[Decision, ...] = ()

    @property
    def api_version(self) -> str:
        """`apps/v1`; empty when the document has none."""
        return text_at(self.document, "apiVersion")

    @property
    def kind(self) -> str:
        """`Deployment`; empty when the document has none."""
        return text_at(self.document, "kind")

    @property
    def name(self) -> str:
        """Its `metadata.name`; empty when the document has none."""
        return text_at(self.document, "metadata", "name")

    @property
    def namespace(self) -> str:
        """Its `metadata.namespace`; empty for what stands outside namespaces or does not say."""
        return text_at(self.document, "metadata", "namespace")


def text_at(document: Mapping[str, Json], *path: str) -> str:
    """The text at `path`, or an empty one where there is none."""
    value: Json = dict(document)
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def ordered(document: Mapping[str, Json]) -> dict[str, Json]:
    """The document with its keys in one fixed order at every level; lists keep theirs."""
    return {key: _ordered(key, document[key]) for key in sorted(document, key=_place)}


def _ordered(key: str, value: Json) -> Json:
    if isinstance(value, dict):
        if key in _BY_NAME:
            return {name: value[name] for name in sorted(value)}
        return ordered(value)
    if isinstance(value, list):
        return [_ordered("", item) for item in value]
    return value


def _place(key: str) -> tuple[int, str]:
    return _RANK.get(key, _LAST), key
