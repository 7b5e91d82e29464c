"""Which kind of file a text is: workloads, a Compose file, or a request for components."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from opstwin.domain.values import Json
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput
from opstwin.intent.compose import compose_of
from opstwin.intent.nodes import MapNode, Node, Scalar, fault, plain
from opstwin.intent.workload_file import AS_TEXT, workloads_of
from opstwin.intent.yaml_text import load_documents

_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_HINT: Final = "Write a workload (name:, image:), a Compose file (services:) or components (components:)."


@dataclass(frozen=True, slots=True)
class Workloads:
    """The workloads of a file; `source` is `workload` or `compose`."""

    items: tuple[Workload, ...]
    source: str


@dataclass(frozen=True, slots=True)
class ComponentRequest:
    """A file with `components:`, as it was written; the catalog reads it."""

    form: Mapping[str, Json]


Document: TypeAlias = Workloads | ComponentRequest


def read_document(text: str, *, project: str = "", variables: Mapping[str, str] = _NONE) -> Document:
    """What the file asks for; `project` and `variables` are for Compose files (see `read_compose`).

    Raises `InvalidInput` with path and line, or `LimitExceeded`.
    """
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
        return Workloads(compose_of(documents[0], project=project, variables=variables), "compose")
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
