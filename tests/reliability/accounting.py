"""What must hold after every test, whatever was done: each effect of a world is accounted for in the audit."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from opstwin.clock import SystemClock
from opstwin.control.ids import RandomIds
from opstwin.control.ledger import Ledger
from opstwin.domain.access import ActorKind, Principal
from opstwin.domain.approval import Approval, Decision
from opstwin.domain.audit import AuditRow, verify_chain
from opstwin.domain.execution import FINISHED, Execution, Step
from opstwin.domain.healing import Mandate
from opstwin.domain.plan import Plan, plan_digest
from opstwin.targets.sim.state import Effect
from opstwin.twin.opening import open_store
from tests.reliability.hubs import Hub

RESULTS = ("step.done", "step.failed")
ROUNDING = timedelta(milliseconds=1)
"""A world adds up seconds as fractions."""


async def account_for(effects: Sequence[Effect], ledger: Ledger) -> None:
    """Every effect happened once, after an intent row that says who, on whose behalf, by which approval of a person
    and for which content; and has a result row after it. The chain of the audit is whole."""
    rows = await ledger.all(AuditRow)
    verify_chain(rows)
    repeated = [key for key, count in Counter(effect.key for effect in effects).items() if count > 1]
    assert repeated == []
    for effect in effects:
        intent = intent_of(effect, rows)
        execution = await ledger.need(Execution, str(intent.execution_id))
        plan = await ledger.need(Plan, execution.plan_id)
        assert (intent.plan_id, intent.digest) == (plan.id, plan.digest)
        assert plan_digest(plan) == plan.digest == execution.digest
        assert intent.actor == execution.started_by
        await check_who(intent, ledger)
        await check_approvals(intent, plan, ledger)
        await check_result(effect, intent, execution, rows, ledger)


def account_for_hub(hub: Hub, url: str = "") -> None:
    """The same for the world and the twin of a hub process."""

    async def check() -> None:
        store = await open_store(url or f"sqlite:///{hub.folder / 'data' / 'twin.db'}")
        try:
            await account_for(hub.world.effects, Ledger(store, SystemClock(), RandomIds()))
        finally:
            await store.close()

    asyncio.run(check())


def check_finished(hub: Hub, id: str, url: str = "") -> None:
    """The execution goes on by itself and ends, with one effect for each step."""
    assert hub.ended(id)["state"] == "succeeded"
    assert [key for key in hub.effect_keys() if key.startswith(id)] == [f"{id}.{step}" for step in range(4)]
    account_for_hub(hub, url)


def intent_of(effect: Effect, rows: Sequence[AuditRow]) -> AuditRow:
    """The last intent before the effect: written first, for this resource, op and fence."""
    intents = [row for row in rows if row.action == "step.intended" and row.details["key"] == effect.key]
    assert intents, f"{effect} was never intended"
    mine = [row for row in intents if row.details["fence"] == effect.fence] or intents
    assert mine[0].at <= effect.at + ROUNDING, f"{effect} came before its intent"
    assert (mine[0].subject, mine[0].details["op"]) == (effect.resource, effect.op)
    return mine[0]


async def check_who(intent: AuditRow, ledger: Ledger) -> None:
    """Somebody known started it; an agent says for which person."""
    if intent.actor.kind is ActorKind.SCHEDULE:
        return
    principal = await ledger.need(Principal, intent.actor.id)
    assert principal.kind is intent.actor.kind
    if intent.actor.kind is ActorKind.AGENT:
        owner = await ledger.need(Principal, str(intent.actor.on_behalf_of))
        assert owner.kind is ActorKind.PERSON


async def check_approvals(intent: AuditRow, plan: Plan, ledger: Ledger) -> None:
    """Each approval named is one person's, of this very content, used for this execution alone, and audited."""
    named = str(intent.approval_id).split(",")
    assert named != [""]
    for id in named:
        approval = await ledger.need(Approval, id)
        assert (approval.plan_id, approval.digest, approval.decision) == (plan.id, plan.digest, Decision.APPROVE)
        assert approval.used_by == intent.execution_id
        assert approval.decided_by.kind is ActorKind.PERSON
        assert (await ledger.need(Principal, approval.decided_by_id)).kind is ActorKind.PERSON
        if approval.mandate_id is not None:
            mandate = await ledger.need(Mandate, approval.mandate_id)
            assert mandate.given_by == approval.decided_by
        decided = [row for row in await ledger.all(AuditRow, {"plan_id": plan.id}) if row.approval_id == id]
        assert decided[0].action == "plan.approve"
        assert decided[0].seq < intent.seq


async def check_result(
    effect: Effect, intent: AuditRow, execution: Execution, rows: Sequence[AuditRow], ledger: Ledger
) -> None:
    """Once the execution has ended, the step says how it went, after the intent."""
    if execution.state not in FINISHED:
        return
    [step] = [item for item in await ledger.all(Step, {"execution_id": execution.id}) if item.key == effect.key]
    results = [row for row in rows if row.action in RESULTS and row.details["key"] == effect.key]
    assert step.state in ("done", "failed")
    assert [row.action for row in results] == [f"step.{step.state.value}"]
    assert results[0].seq > intent.seq
