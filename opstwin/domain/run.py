"""A run: one request to deploy, from what was asked to what came of it, in nine stages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final, NewType

from opstwin.domain.access import Actor
from opstwin.domain.values import Json, PlanId, TargetId

RunId = NewType("RunId", str)

LONGEST_DRAFT: Final = timedelta(minutes=10)
"""A run that is drafted longer than this was left by a hub that stopped: one call drafts it, and none takes so long."""


class StageName(StrEnum):
    """The stages, in their order."""

    REQUEST = "request"
    INSPECT = "inspect"
    HISTORY = "history"
    ANALYSIS = "analysis"
    GENERATE = "generate"
    REVIEW = "review"
    DEPLOY = "deploy"
    MONITOR = "monitor"
    RECORD = "record"


DRAFTED: Final = (
    StageName.REQUEST, StageName.INSPECT, StageName.HISTORY, StageName.ANALYSIS, StageName.GENERATE,
)  # fmt: skip
"""The stages that are over when the plan is made. They are stored; the later ones are read from what they made."""


class StageState(StrEnum):
    """How far a stage, or a whole run, is. `waiting` waits for a human, `pending` for the stages before it.

    A stage never goes back. `undoing`: it failed, and what was done is being rolled back; then it is `failed`.
    """

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    UNDOING = "undoing"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage and what is known of it."""

    name: StageName
    status: StageState
    details: Mapping[str, Json] = field(default_factory=dict)
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """A manifest that a run made: `sha256` is that of `text` in UTF-8, as 64 hex digits."""

    name: str
    kind: str
    sha256: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What was asked, and what was made of it up to the plan; `stages` are those that are over, or failed."""

    INDEXED: ClassVar[tuple[str, ...]] = ("target", "plan_id")
    ORDER: ClassVar[str] = "position"

    id: RunId
    target: TargetId
    source: str
    request: str
    requested_by: Actor
    options: Mapping[str, Json]
    stages: tuple[Stage, ...]
    artefacts: tuple[Artefact, ...] = ()
    plan_id: PlanId | None = None
    created_at: datetime
    version: int = 0

    @property
    def is_drafting(self) -> bool:
        """Whether the stages up to the plan are not over yet."""
        return self.plan_id is None and all(stage.status is StageState.DONE for stage in self.stages)


def status_of(stages: Iterable[Stage]) -> StageState:
    """How far the whole is: failed where a stage failed, else what its first unfinished stage says."""
    states = [stage.status for stage in stages]
    if StageState.FAILED in states:
        return StageState.FAILED
    return next((state for state in states if state is not StageState.DONE), StageState.DONE)


def all_stages(known: Sequence[Stage]) -> tuple[Stage, ...]:
    """All nine in their order: those known, and the others as pending."""
    found = {stage.name: stage for stage in known}
    return tuple(found.get(name) or Stage(name=name, status=StageState.PENDING) for name in StageName)
