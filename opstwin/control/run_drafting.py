"""The stages of a run while it is drafted."""

from collections.abc import Mapping
from dataclasses import replace

from opstwin.control.ledger import Ledger
from opstwin.domain.run import Stage, StageName, StageState
from opstwin.domain.values import Json
from opstwin.errors import OpstwinError


class Draft:
    """The stages as they are gone through."""

    def __init__(self, ledger: Ledger, stages: list[Stage]) -> None:
        self._clock = ledger.clock
        self._now: Stage | None = None
        self.stages = stages

    def begin(self, name: StageName) -> None:
        """Go into a stage."""
        self._now = Stage(name=name, status=StageState.RUNNING, started_at=self._clock.now())

    def done(self, name: StageName, details: Mapping[str, Json]) -> None:
        """Leave a stage with what came of it."""
        now = self._clock.now()
        begun = self._now.started_at if self._now is not None and self._now.name is name else now
        self._now = None
        self.stages.append(
            Stage(name=name, status=StageState.DONE, details=details, started_at=begun, finished_at=now)
        )  # fmt: skip

    def over(self) -> None:
        """Leave the last stage that is drafted: what comes of it is read elsewhere."""
        self._now = None

    def fail(self, error: OpstwinError) -> None:
        """Leave a stage without what it was for."""
        assert self._now is not None
        failed = replace(self._now, status=StageState.FAILED, details=_told(error), finished_at=self._clock.now())
        self.stages.append(failed)


def _told(error: OpstwinError) -> dict[str, Json]:
    """An error as a stage keeps it."""
    return {"error": {"code": error.code, "message": error.message, "next_step": error.next_step}}
