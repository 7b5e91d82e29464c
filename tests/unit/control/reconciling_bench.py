"""What tests of the reconciler share: a target as desired, modes, mandates, and one tick."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from opstwin.control.reconciling import Reconciler, TargetTick
from opstwin.domain.access import Actor
from opstwin.domain.healing import Mandate
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.resource import Desired
from opstwin.domain.target import Mode, Target
from opstwin.domain.values import ResourceId, resource_id
from tests.rig import ANNA, BEN, LOCAL, Rig, app

WEB1, WEB2 = (resource_id(LOCAL, "container", f"web-{number}") for number in (1, 2))


def reconciler(rig: Rig) -> Reconciler:
    return Reconciler(rig.ledger, rig.observer, rig.planner, rig.approver, rig.applier, rig.breakers)


async def as_desired() -> Rig:
    """One target with the workload web of two replicas, as desired."""
    rig = await Rig().ready()
    await rig.change_to(app())
    return rig


async def set_mode(rig: Rig, mode: Mode) -> None:
    await rig.put(replace(await rig.ledger.need(Target, LOCAL), mode=mode))


async def mandate(rig: Rig, resource: ResourceId | None = None, *, days: float = 30) -> Mandate:
    now = rig.clock.now()
    given = Mandate(
        id=rig.ledger.ids.new("mand"), target=LOCAL, resource=resource, given_by=BEN, reason="keep it up",
        given_at=now, expires_at=now + timedelta(days=days),
    )  # fmt: skip
    await rig.put(given)
    return given


async def healing(rig: Rig) -> Reconciler:
    await set_mode(rig, Mode.HEAL)
    await mandate(rig)
    return reconciler(rig)


async def once(loop: Reconciler, target: str = LOCAL) -> TargetTick:
    [ticked] = (await loop.tick(target)).targets
    assert ticked.error == ""
    return ticked


async def plans(rig: Rig, state: PlanState) -> list[Plan]:
    return await rig.ledger.all(Plan, {"state": state.value})


async def edit_desired(rig: Rig, resource: ResourceId, actor: Actor = ANNA, **fields: object) -> Desired:
    """What the desired state becomes when somebody writes the row itself."""
    old = await rig.ledger.need(Desired, resource)
    spec = {**(old.spec or {}), **fields}
    new = replace(old, spec=spec, revision=old.revision + 1, set_by=actor, plan_id=None, set_at=rig.clock.now())  # type: ignore[arg-type]
    await rig.put(new)
    return new


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return as soon as `holds`; fail after ten seconds."""
    async with asyncio.timeout(10):
        while not await holds():
            await asyncio.sleep(0)
