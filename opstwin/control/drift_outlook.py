"""What happens about drift when nobody does anything, and the call worth making."""

from dataclasses import dataclass, field
from enum import StrEnum

from opstwin.control.diagnosing_calls import NextCall, drift_call, logs_call, look_call
from opstwin.control.ledger import Ledger
from opstwin.control.proposals import HEALING, Proposals
from opstwin.control.retrying import Breakers
from opstwin.domain.drift import Drift, DriftKind
from opstwin.domain.execution import FINISHED, Execution, ExecutionState
from opstwin.domain.healing import HealRecord, Mandate
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.resource import Desired
from opstwin.domain.target import Mode, Target
from opstwin.domain.values import ResourceId, TargetId
from opstwin.twin.store import Query


class Outlook(StrEnum):
    """What happens without anybody doing something."""

    NOTHING = "nothing"
    PROPOSED = "proposed"
    PROPOSES = "proposes"
    HEALS = "heals"
    PAUSED = "paused"
    LEFT_ALONE = "left_alone"
    APPLYING = "applying"
    WAITS_FOR_TARGET = "waits_for_target"


@dataclass(frozen=True, slots=True)
class Outlooks:
    """Reads modes, mandates, heals, plans and executions as the reconciler will at its next look.

    What holds for a whole target is read once: use a new one for each answer.
    """

    ledger: Ledger
    breakers: Breakers
    _busy: dict[TargetId, bool] = field(default_factory=dict)
    _rejected: dict[TargetId, set[ResourceId]] = field(default_factory=dict)

    async def of(self, drift: Drift, desired: Desired, target: Target) -> tuple[Outlook, str, NextCall]:
        """What happens, in words too, and the call worth making next."""
        plan_it = drift_call(target.id, [drift.resource])
        if drift.kind is DriftKind.UNKNOWN or self.breakers.is_open(target.id):
            text = f"Nothing is done while {target.id} cannot be seen."
            return Outlook.WAITS_FOR_TARGET, text, look_call(target.id)
        if drift.kind is DriftKind.UNHEALTHY:
            text = "Nothing by itself: it is as desired, and restarting it is for a person to approve."
            return Outlook.NOTHING, text, logs_call(drift.resource, tail=200)
        if target.id not in self._busy:
            self._busy[target.id] = await self._is_busy(target)
        if self._busy[target.id]:
            text = f"An execution works on {target.id}; the reconciler looks again when it has ended."
            return Outlook.APPLYING, text, look_call(target.id)
        return await self._by_mode(drift, desired, target, plan_it)

    async def _by_mode(
        self, drift: Drift, desired: Desired, target: Target, plan_it: NextCall
    ) -> tuple[Outlook, str, NextCall]:
        mode = desired.mode or target.mode
        if not target.is_active or mode is Mode.OBSERVE:
            return Outlook.NOTHING, f"Nothing by itself: {target.id} is only observed. Plan it yourself.", plan_it
        if target.id not in self._rejected:
            self._rejected[target.id] = await Proposals(self.ledger).rejected(target.id)
        if drift.resource in self._rejected[target.id]:
            return Outlook.LEFT_ALONE, "Left alone: a person rejected the plan that would put it back.", plan_it
        healing = await self._healing(drift, target) if mode is Mode.HEAL else None
        if healing is not None:
            return *healing, plan_it
        proposed = await self._proposed(drift)
        if proposed is not None:
            show = NextCall(tool="plan_show", arguments={"id": proposed.id}, cli=f"opstwin show {proposed.id}")
            return Outlook.PROPOSED, f"Plan {proposed.id} would put it back and waits for a person.", show
        return Outlook.PROPOSES, "The reconciler will propose a plan at its next look; a person decides.", plan_it

    async def _healing(self, drift: Drift, target: Target) -> tuple[Outlook, str] | None:
        record = await self.ledger.get(HealRecord, drift.resource)
        if record is not None and record.paused:
            return Outlook.PAUSED, _paused(record)
        now = self.ledger.clock.now()
        mandates = await self.ledger.all(Mandate, {"target": target.id})
        valid = [
            item for item in mandates
            if item.revoked_at is None and item.given_at <= now < item.expires_at
            and item.resource in (None, drift.resource)
        ]  # fmt: skip
        if not valid:
            return None
        until = max(item.expires_at for item in valid).isoformat(timespec="minutes")
        return Outlook.HEALS, f"It is healed at the next look if the risk is low; the mandate holds until {until}."

    async def _proposed(self, drift: Drift) -> Plan | None:
        for origin in HEALING:
            where: dict[str, str | bool | None] = {
                "target": drift.target, "state": PlanState.PENDING.value, "origin": origin.value,
            }  # fmt: skip
            for plan in (await self.ledger.store.find(Query(Plan, where, newest_first=True))).items:
                waits = plan.expires_at > self.ledger.clock.now()
                if waits and any(change.resource == drift.resource for change in plan.changes):
                    return plan
        return None

    async def _is_busy(self, target: Target) -> bool:
        for state in ExecutionState:
            where = {"target": str(target.id), "state": state.value}
            if state not in FINISHED and (await self.ledger.store.find(Query(Execution, where, limit=1))).items:
                return True
        return False


def _paused(record: HealRecord) -> str:
    if record.paused_until is None:
        return f"Healing is paused until a person runs: opstwin resume {record.id}"
    until = record.paused_until.isoformat(timespec="minutes")
    return f"Something keeps changing it back. It is healed again at {until}; at once with: opstwin resume {record.id}"
