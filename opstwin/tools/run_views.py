"""How a run is shown: in a list, and with its nine stages."""

from dataclasses import dataclass, replace
from datetime import datetime

from opstwin.control.run_stages import stages_of
from opstwin.domain.access import Actor
from opstwin.domain.plan import Plan
from opstwin.domain.run import Run, RunId, Stage, StageName, StageState, status_of
from opstwin.domain.values import Json, PlanId, TargetId, to_json
from opstwin.tools.plan_views import approve_url
from opstwin.tools.registry import Caller
from opstwin.tools.services import Services
from opstwin.tools.views import row


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run in a list. `stage` is the one that it is in, `status` how far that is."""

    id: RunId
    target: TargetId
    source: str
    request: str
    requested_by: Actor
    created_at: datetime
    status: StageState
    stage: StageName
    plan_id: PlanId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView(RunRow):
    """A run with its nine stages; a person decides at `approve_url`, empty while there is no plan."""

    options: dict[str, Json]
    stages: tuple[Stage, ...]
    approve_url: str


def run_row(run: Run, stages: tuple[Stage, ...]) -> RunRow:
    """A run in a list."""
    return row(RunRow, run, status=status_of(stages), stage=_stage(stages))


async def run_view(services: Services, caller: Caller, run: Run) -> RunView:
    """A run as it is now."""
    stages = tuple(_with_texts(stage, run) for stage in await stages_of(services.ledger, run))
    plan = await services.ledger.get(Plan, run.plan_id) if run.plan_id is not None else None
    return row(
        RunView, run, status=status_of(stages), stage=_stage(stages), options=dict(run.options), stages=stages,
        approve_url=approve_url(plan, caller) if plan is not None else "",
    )  # fmt: skip


def _stage(stages: tuple[Stage, ...]) -> StageName:
    """The stage that failed, else the first that is not done, else the last."""
    failed = (stage.name for stage in stages if stage.status is StageState.FAILED)
    open_ = (stage.name for stage in stages if stage.status is not StageState.DONE)
    return next(failed, next(open_, StageName.RECORD))


def _with_texts(stage: Stage, run: Run) -> Stage:
    """The stage that made the artefacts, with them."""
    if stage.name is not StageName.GENERATE or stage.status is not StageState.DONE:
        return stage
    return replace(stage, details={**stage.details, "artefacts": to_json(run.artefacts)})
