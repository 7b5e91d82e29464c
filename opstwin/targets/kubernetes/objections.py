"""What an API server objects to when others own the fields of an apply."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opstwin.manifests.ownership import MANAGER, RESTORER

_OWNER: Final = re.compile(r'conflict with "((?:[^"\\]|\\.)*)"')
_OURS: Final = (MANAGER, RESTORER)


@dataclass(frozen=True, slots=True)
class Objection:
    """One field that `owner` holds; `field` is dotted, with the keys of list elements as the server writes them."""

    owner: str
    field: str

    @property
    def text(self) -> str:
        """As a change names what it takes over."""
        return f"{self.owner} {self.field}"

    @property
    def is_our_own(self) -> bool:
        """Whether Opstwin itself holds the field, in another role."""
        return self.owner in _OURS


def objections_in(status: int, answer: object) -> tuple[Objection, ...]:
    """The fields that others own, when that is what a 409 is about; else empty."""
    details = answer.get("details") if isinstance(answer, Mapping) else None
    causes = details.get("causes") if isinstance(details, Mapping) else None
    if status != 409 or not isinstance(causes, Sequence):
        return ()
    found = [_objection(cause) for cause in causes if isinstance(cause, Mapping)]
    return tuple(item for item in found if item is not None)


def _objection(cause: Mapping[str, Any]) -> Objection | None:
    if cause.get("reason") != "FieldManagerConflict":
        return None
    match = _OWNER.search(str(cause.get("message", "")))
    return Objection(match.group(1) if match else "somebody", str(cause.get("field", "")).lstrip("."))
