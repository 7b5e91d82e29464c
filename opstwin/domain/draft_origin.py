"""Who filled in what nobody said of a workload: kept with the plan and with the record of its deployment."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_BY_MODEL: Final = frozenset({"model", "cache"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftOrigin:
    """One workload's draft. `source` is `model`, `cache` (a model's answer that was kept) or `template`.

    `confidence`, from 0 to 1, is as it was counted: outcomes are compared with it. `corrected` is the same as outcomes
    had corrected it when it was drafted, None in drafts from before that was kept. `examples` are the ids of the past
    deployments that it rests on.
    """

    workload: str
    source: str
    confidence: float
    examples: tuple[str, ...] = ()
    corrected: float | None = None

    @property
    def told(self) -> float:
        """The one figure that people are told, wherever it is shown."""
        return self.confidence if self.corrected is None else self.corrected


def confidence_in(origins: Iterable[DraftOrigin] | None, workload: str) -> float | None:
    """The counted confidence of the draft with which a model filled in this workload; None where no model did."""
    by_model = (item for item in origins or () if item.source in _BY_MODEL)
    return next((item.confidence for item in by_model if item.workload == workload), None)
