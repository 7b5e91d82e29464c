"""Opstwin's marks on what it makes, as labels. They hold references to secrets, never values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from opstwin.domain.values import Json, Spec, canonical
from opstwin.targets.ports import Order
from opstwin.targets.specs import OWN_LABELS

WORKLOAD: Final = OWN_LABELS + "workload"
STEP: Final = OWN_LABELS + "step"
FENCE: Final = OWN_LABELS + "fence"
SPEC: Final = OWN_LABELS + "spec"
STARTED_AT: Final = OWN_LABELS + "started-at"
"""On a note, a volume without data: the start of the container that the noted restart is to end."""

NEXT: Final = ".opstwin-next"
"""Ends the name of a container that is about to take another's place. No name of a workload holds a dot."""

PREVIOUS: Final = ".opstwin-previous"
"""Ends the name of a container whose place was taken, until its successor runs."""

NOTE: Final = ".opstwin-restart"
"""Ends the name of a note: containers cannot be marked again, so a restart's key is kept beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What the labels say. `spec` is the desired spec that the thing was made from."""

    workload: str | None = None
    step: str | None = None
    fence: int = 0
    spec: Spec | None = None

    @property
    def managed(self) -> bool:
        """Whether Opstwin made the thing that carries these."""
        return self.workload is not None or self.spec is not None

    @property
    def execution(self) -> str:
        """The execution that made it."""
        return execution_of(self.step or "")

    def facts(self) -> dict[str, Json]:
        """The marks as facts of a sighting."""
        return {"workload": self.workload, "step": self.step, "fence": self.fence} if self.managed else {}


def execution_of(key: str) -> str:
    """The execution that a step's key belongs to."""
    return key.rpartition(".")[0] or key


def marks_of(labels: Mapping[str, str] | None) -> Marks:
    """The marks among `labels`. What cannot be read counts as not there: labels are text from the world."""
    given = labels or {}
    fence = given.get(FENCE, "")
    return Marks(
        workload=given.get(WORKLOAD),
        step=given.get(STEP),
        fence=int(fence) if fence.isascii() and fence.isdigit() and len(fence) < 19 else 0,
        spec=_spec(given.get(SPEC)),
    )


def labels_for(order: Order, spec: Spec) -> dict[str, str]:
    """The marks of what `order` makes."""
    labels = {STEP: order.key, FENCE: str(order.fence), SPEC: canonical(spec)}
    return labels | ({WORKLOAD: order.change.workload} if order.change.workload else {})


def is_internal(name: str) -> bool:
    """Whether this is half of a replacement under way, or a note of ours, and so no resource of its own."""
    return name.endswith((NEXT, PREVIOUS, NOTE))


def _spec(text: str | None) -> Spec | None:
    try:
        spec = json.loads(text) if text else None
    except ValueError:
        return None
    return spec if isinstance(spec, dict) else None
