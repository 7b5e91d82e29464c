"""Everything that was worked out about one workload before any manifest is written."""

from collections.abc import Mapping
from dataclasses import dataclass

from opstwin.domain.values import Json
from opstwin.domain.workload import Autoscale
from opstwin.manifests.generating.environment import Environment
from opstwin.manifests.generating.images import Known
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.generating.storage import Storage
from opstwin.manifests.served import Served


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The workload, what is asked, what the cluster serves, and what follows from them."""

    info: ContainerInfo
    namespace: str
    served: Served
    options: GenerateOptions
    known: Known | None
    kind: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    selector: dict[str, str]
    environment: Environment
    storage: Storage
    autoscale: Autoscale | None = None

    @property
    def name(self) -> str:
        """The name of the workload, and of what runs it."""
        return self.info.name

    def document(self, kind: str, name: str, body: Mapping[str, Json]) -> dict[str, Json]:
        """A manifest of `kind` in the workload's namespace, with its labels. Raises `InvalidInput` if not served."""
        metadata: dict[str, Json] = {"name": name, "namespace": self.namespace, "labels": {**self.labels}}
        if self.annotations:
            metadata["annotations"] = {**self.annotations}
        return {"apiVersion": self.served.needed(kind), "kind": kind, "metadata": metadata, **body}
