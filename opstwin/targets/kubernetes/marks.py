"""Opstwin's marks on the objects it makes, as annotations; and the label that tells people who manages them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from opstwin.domain.values import Json, Spec
from opstwin.manifests.ownership import MANAGED_BY, MANAGER, OWN_ANNOTATIONS
from opstwin.targets.ports import Order

KEY: Final = OWN_ANNOTATIONS + "key"
FENCE: Final = OWN_ANNOTATIONS + "fence"
WORKLOAD: Final = OWN_ANNOTATIONS + "workload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What the annotations say. `key` is that of the last step that was done on the object."""

    key: str | None = None
    fence: int = 0
    workload: str | None = None

    @property
    def managed(self) -> bool:
        """Whether a step of Opstwin made or changed what carries these."""
        return self.key is not None

    @property
    def execution(self) -> str:
        """The execution that changed it last."""
        return execution_of(self.key or "")

    def facts(self) -> dict[str, Json]:
        """The marks as facts of a sighting."""
        return {"workload": self.workload, "step": self.key, "fence": self.fence} if self.managed else {}


def execution_of(key: str) -> str:
    """The execution that a step's key belongs to."""
    return key.rpartition(".")[0] or key


def marks_of(manifest: Spec) -> Marks:
    """The marks on an object. What cannot be read counts as not there: annotations are text from the world."""
    notes = texts_of(manifest, "annotations")
    fence = notes.get(FENCE, "")
    return Marks(
        key=notes.get(KEY),
        fence=int(fence) if fence.isascii() and fence.isdigit() and len(fence) < 19 else 0,
        workload=notes.get(WORKLOAD),
    )


def marked(body: Spec, order: Order, live: Spec | None) -> dict[str, Json]:
    """`body` with the marks of `order`. Who else says to manage the object is not contradicted."""
    metadata = body.get("metadata")
    notes: dict[str, Json] = {KEY: order.key, FENCE: str(order.fence)}
    workload = order.change.workload or marks_of(live or {}).workload
    if workload:
        notes[WORKLOAD] = workload
    labels = texts_of(body, "labels")
    if texts_of(live or {}, "labels").get(MANAGED_BY, MANAGER) == MANAGER:
        labels.setdefault(MANAGED_BY, MANAGER)
    said = metadata if isinstance(metadata, dict) else {}
    own: dict[str, Json] = {**texts_of(body, "annotations"), **notes}
    return {**body, "metadata": {**said, "labels": {**labels}, "annotations": own}}


def texts_of(manifest: Spec, field: str) -> dict[str, str]:
    """The labels or annotations of an object."""
    metadata = manifest.get("metadata")
    found = metadata.get(field) if isinstance(metadata, Mapping) else None
    return {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}
