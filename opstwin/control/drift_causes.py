"""What made a resource differ from what should be, as far as the twin can tell."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.domain.diagnosis import Evidence, told
from opstwin.domain.drift import Drift, DriftKind
from opstwin.domain.event import Event
from opstwin.domain.execution import FINISHED, Execution, ExecutionState
from opstwin.domain.healing import HealRecord
from opstwin.domain.resource import Desired, Link, Observed, Presence
from opstwin.domain.values import Json
from opstwin.manifests.ownership import NOTHING, Owned, owned_by, owned_of
from opstwin.twin.store import Query

_LAST_EVENTS: Final = 50
_LAST_EXECUTIONS: Final = 50
_AROUND: Final = timedelta(seconds=60)
"""How far from the change's moment events are looked for: the reconciler looks four times as often."""

_BY_HAND: Final = frozenset({
    "container.stop", "container.destroy", "container.update", "container.rename", "container.pause",
    "container.network_connect", "container.network_disconnect", "volume.destroy", "network.destroy",
})  # fmt: skip
"""Events that somebody causes; `container.die` alone is a process that ended by itself."""


_REPLICAS: Final = ("spec", "replicas")


class Cause(StrEnum):
    """What made the difference."""

    DESIRED_CHANGED = "desired_changed"
    EXECUTION = "execution"
    HEAL_FAILED = "heal_failed"
    ENDED = "ended"
    OUTSIDE = "outside"
    AUTOSCALER = "autoscaler"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Causes:
    """Finds causes in the twin: who set what should be, executions, heals, and events of the target."""

    ledger: Ledger

    async def of(self, drift: Drift, desired: Desired) -> tuple[Cause, str, list[Evidence]]:
        """The cause, in words too, and what shows it."""
        if drift.kind is DriftKind.UNKNOWN:
            return Cause.UNKNOWN, "Nobody can see it now, so nobody can say whether and why it differs.", []
        observed = await self.ledger.get(Observed, drift.resource)
        healed = await self.ledger.get(HealRecord, drift.resource)
        wish = Evidence(
            fact=f"desired revision {desired.revision}", value=desired.set_by.id, source="desired", at=desired.set_at
        )
        undone = self._undone(drift, healed) if healed is not None else None
        if undone is not None:
            return undone
        execution = await self._execution(drift, desired)
        if execution is not None:
            return self._by_execution(execution, wish)
        if drift.since is not None and desired.set_at >= drift.since and not await self._events(drift, _BY_HAND):
            by = f"by plan {desired.plan_id}" if desired.plan_id else "directly, without a plan"
            return Cause.DESIRED_CHANGED, f"{desired.set_by.id} changed what should be, {by}.", [wish]
        return await self._from_outside(drift, observed)

    def _undone(self, drift: Drift, healed: HealRecord) -> tuple[Cause, str, list[Evidence]] | None:
        """What was put back lately, or led to a pause, and differs again; None for drift in something else."""
        fought = healed.paused and not set(drift.over).isdisjoint(healed.contested)
        lately = healed.heals if fought else healed.recent_over(drift.over, self.ledger.clock.now())
        if not lately:
            return None
        heals = [
            Evidence(fact="healed", value=", ".join(item.over[:5]), source="healing", at=item.at) for item in lately
        ]
        return (
            Cause.HEAL_FAILED,
            f"It was healed {len(lately)} time(s) lately and is different again: something outside changes it back.",
            heals,
        )

    def _by_execution(self, execution: Execution, wish: Evidence) -> tuple[Cause, str, list[Evidence]]:
        ended = execution.finished_at or execution.started_at
        evidence = Evidence(fact="execution", value=execution.state.value, source=f"execution {execution.id}", at=ended)
        if execution.state not in FINISHED:
            return Cause.EXECUTION, f"Execution {execution.id} is changing it right now.", [evidence, wish]
        return (
            Cause.EXECUTION,
            f"Execution {execution.id} of plan {execution.plan_id} ended as {execution.state.value} and left it so.",
            [evidence, wish],
        )

    async def _execution(self, drift: Drift, desired: Desired) -> Execution | None:
        """The execution that is at work on the resource, or the last one on it that did not bring what it promised."""
        query = Query(Execution, {"target": drift.target}, limit=_LAST_EXECUTIONS, newest_first=True)
        for execution in (await self.ledger.store.find(query)).items:
            if all(item.resource != drift.resource for item in execution.before):
                continue
            if execution.state not in FINISHED or execution.state is ExecutionState.NEEDS_HUMAN:
                return execution
            began = execution.started_at
            left = execution.state is ExecutionState.ROLLED_BACK and drift.since is not None and began <= drift.since
            return execution if left and (execution.finished_at or began) >= (drift.since or began) else None
        return None

    async def _from_outside(self, drift: Drift, observed: Observed | None) -> tuple[Cause, str, list[Evidence]]:
        autoscaler = await self._autoscaler(drift)
        if autoscaler is not None:
            return autoscaler
        hand = await self._events(drift, _BY_HAND)
        deaths = await self._events(drift, frozenset({"container.die", "container.oom"}))
        facts = observed.facts if observed is not None else {}
        seen_at = observed.observed_at if observed is not None else None
        if drift.kind is DriftKind.UNHEALTHY:
            told_by = "why" if facts.get("why") else "health_output"
            shown = Evidence(fact=told_by, value=facts.get(told_by), source="observation", at=seen_at)
            whose = "The cluster says that it does not work" if told_by == "why" else "Its own health check fails"
            return Cause.ENDED, f"{whose}; nothing about it was changed.", [shown]
        if drift.kind is DriftKind.STOPPED and not hand:
            code = facts.get("exit_code")
            killed = " It was killed because memory ran out." if facts.get("oom_killed") else ""
            state = Evidence(fact="exit_code", value=code, source="observation", at=seen_at)
            text = f"It ended with exit code {code}, and no event tells that somebody stopped it.{killed}"
            return Cause.ENDED, text, [state, *map(told, deaths)]
        events = [*hand, *deaths] or await self._events(drift, None)
        text = f"Somebody or something outside of Opstwin changed it: no plan of ours did.{_taken(drift, observed)}"
        return Cause.OUTSIDE, text, [told(event) for event in events[:5]]

    async def _autoscaler(self, drift: Drift) -> tuple[Cause, str, list[Evidence]] | None:
        """The autoscaler that sets the number of replicas, where nothing else differs."""
        if {item.path for item in drift.fields} != {_REPLICAS}:
            return None
        for link in await self.ledger.all(Link, {"destination": drift.resource, "relation": "part-of"}):
            seen = await self.ledger.get(Observed, link.source)
            if seen is None or seen.kind != "horizontalpodautoscaler" or seen.presence is not Presence.PRESENT:
                continue
            name = seen.name.rpartition("/")[2]
            shown = Evidence(fact=seen.kind, value=seen.id, source="observation", at=seen.observed_at)
            text = f"Autoscaler {name} sets its number of replicas by its use. Leave replicas out of what should be."
            return Cause.AUTOSCALER, text, [shown]
        return None

    async def _events(self, drift: Drift, types: frozenset[str] | None) -> list[Event]:
        """The events on the resource around the moment it began to differ, newest first."""
        if drift.since is None:
            return []
        query = Query(Event, {"resource": drift.resource}, limit=_LAST_EVENTS, newest_first=True)
        found = (await self.ledger.store.find(query)).items
        return [
            event for event in found
            if abs(event.at - drift.since) <= _AROUND and (types is None or event.type in types)
        ]  # fmt: skip


def _taken(drift: Drift, observed: Observed | None) -> str:
    """Which of the fields that differ belong to somebody else by the cluster's own books; who, is not kept."""
    spec = observed.spec if observed is not None else None
    owned = owned_by(spec) if spec is not None else NOTHING
    if spec is None or not owned:
        return ""
    lost = [".".join(item.path) for item in drift.fields if not _is_ours(dict(spec), owned, item.path)]
    return f" By the cluster's books these fields are no longer Opstwin's: {', '.join(lost[:3])}." if lost else ""


def _is_ours(value: Json, owned: Owned, path: tuple[str, ...]) -> bool:
    """Whether a field still belongs to Opstwin's manager; an element of a list is named by its name."""
    for step in path:
        if not owned:
            return True
        if isinstance(value, list):
            element = next((item for item in value if isinstance(item, dict) and item.get("name") == step), None)
            below = owned_of(element, owned) if element is not None else None
            value = element
        else:
            below = owned.get(f"f:{step}")
            value = value.get(step) if isinstance(value, dict) else None
        if below is None:
            return False
        owned = below
    return True
