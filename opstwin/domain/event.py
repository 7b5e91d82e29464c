"""What happened, for people to watch: target events and the progress of executions. Not the audit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from opstwin.domain.values import Json, ResourceId, TargetId


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One happening; `seq` is given by the store and only grows. `type` is like `container.die` or `execution.step`."""

    INDEXED: ClassVar[tuple[str, ...]] = ("type", "target", "resource", "execution_id")
    ORDER: ClassVar[str] = "seq"

    seq: int = 0
    at: datetime
    type: str
    target: TargetId | None = None
    resource: ResourceId | None = None
    plan_id: str | None = None
    execution_id: str | None = None
    message: str = ""
    details: Mapping[str, Json] = field(default_factory=dict)
