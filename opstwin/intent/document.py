"""Which kind of file a text is: workloads, a Compose file, a request for components, or Kubernetes manifests."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from opstwin.domain.values import Json
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput
from opstwin.intent.compose import compose_of
from opstwin.intent.manifest_file import manifests_in
from opstwin.intent.workload_file import AS_TEXT, workloads_of
from opstwin.manifests.nodes import MapNode, Node, Scalar, fault, plain
from opstwin.manifests.yaml_loading import load_documents

_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_HINT: Final = (
    "Write a workload (name:, image:), a Compose file (services:), components (components:) or manifests (apiVersion:)."
)


@dataclass(frozen=True, slots=True)
class Workloads:
    """The workloads of a file; `source` is `workload` or `compose`."""

    items: tuple[Workload, ...]
    source: str


@dataclass(frozen=True, slots=True)
class ComponentRequest:
    """A file with `components:`, as it was written; the catalog reads it."""

    form: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class ManifestRequest:
    """Kubernetes manifests, one for each document that is not empty; lists of manifests are taken apart."""

    documents: tuple[Mapping[str, Json], ...]


Document: TypeAlias = Workloads | ComponentRequest | ManifestRequest

_MANIFEST: Final = re.compile(r"^apiVersion[ \t]*:", re.MULTILINE)
"""What manifests have at the left edge and no other file has."""

_AS_JSON: Final = re.compile(r"\s*\{\s*\"(?:apiVersion\"|kind\"\s*:\s*\"(?!Workload\"))")
"""The same where a manifest is written as JSON; its first key is one of these two."""


def read_document(
    text: str, *, project: str = "", variables: Mapping[str, str] = _NONE, for_cluster: bool = False
) -> Document:
    """What the file asks for; all but the text is for Compose files (see `read_compose` and `compose_of`).

    Raises `InvalidInput` with path and line, or `LimitExceeded`.
    """
    if _MANIFEST.search(text) or _AS_JSON.match(text):
        return ManifestRequest(manifests_in(text))
    documents = load_documents(text)
    if not documents:
        raise InvalidInput("The file is empty.", next_step=_HINT)
    kinds = {_kind(node) for node in documents}
    if kinds == {"workload"}:
        return Workloads(workloads_of(documents), "workload")
    if len(documents) > 1:
        raise fault(
            "The file mixes kinds, or holds several Compose files.",
            place=documents[1].place,
            next_step="Put each into a file of its own.",
        )
    if kinds == {"compose"}:
        found = compose_of(documents[0], project=project, variables=variables, for_cluster=for_cluster)
        return Workloads(found, "compose")
    form = plain(documents[0], AS_TEXT)
    assert isinstance(form, dict)
    return ComponentRequest(form)


def _kind(node: Node) -> str:
    if not isinstance(node, MapNode):
        raise fault("The file is not a mapping.", place=node.place, next_step=_HINT)
    if "services" in node.items:
        return "compose"
    if "components" in node.items:
        return "components"
    kind = node.items.get("kind")
    if kind is not None and (not isinstance(kind, Scalar) or kind.text != "Workload"):
        raise fault("kind is not Workload.", place=node.keys["kind"], field="kind", next_step=_HINT)
    if kind is not None or "name" in node.items or "image" in node.items:
        return "workload"
    raise fault("The file is of no kind that is known here.", place=node.place, next_step=_HINT)
