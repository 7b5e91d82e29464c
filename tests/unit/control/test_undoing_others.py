"""A roll-back undoes what the execution did, and nothing else; and no surprise keeps an execution for ever."""

from dataclasses import replace

import pytest

from opstwin.control.applying import Applier
from opstwin.control.working import MAX_CRASHES, Worker
from opstwin.domain.execution import Execution, ExecutionState, Phase, StepState
from opstwin.domain.resource import Desired
from opstwin.domain.target import Mode, Target
from opstwin.domain.workload import Mount, RestartPolicy
from opstwin.errors import StalePlan
from opstwin.targets.ports import Order, Sighting
from opstwin.targets.sim.faults import Fault, FaultKind
from tests.rig import ANNA, BEN, Rig, SimPlaces, app


@pytest.fixture
async def rig() -> Rig:
    return await Rig().ready()


def ids(rig: Rig) -> dict[str, str]:
    """The containers' own ids: a new one means that a container was made anew."""
    return {name: item.id for name, item in rig.world.containers().items()}


async def test_a_replace_that_was_refused_is_not_undone_by_making_the_container_anew(rig: Rig) -> None:
    await rig.change_to(app(replicas=1))
    before = ids(rig)
    rig.world.faults.add(Fault(kind=FaultKind.REJECT, call="apply", op="replace"))
    ended = await rig.carry_out(await rig.plan_workloads(app(image="app:2", replicas=1)))
    assert ended.state is ExecutionState.ROLLED_BACK
    assert ids(rig) == before


async def test_a_refused_delete_is_rolled_back_without_touching_what_still_runs(rig: Rig) -> None:
    await rig.change_to(app(replicas=3))
    before = ids(rig)
    rig.world.faults.add(Fault(kind=FaultKind.REJECT, call="apply", op="delete"))
    ended = await rig.carry_out(await rig.plan_workloads(app(replicas=2)), BEN)
    assert ended.state is ExecutionState.ROLLED_BACK
    assert ids(rig) == before
    wanted = await rig.ledger.need(Desired, "local/container/web-3")
    assert wanted.spec is not None


async def test_a_volume_that_somebody_made_meanwhile_survives_the_roll_back(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app(volumes=(Mount(path="/data", volume="data"),))))
    execution = await rig.applier.start(plan.id, ANNA)

    class Meanwhile:
        def __init__(self, inner: object) -> None:
            self.inner = inner

        async def apply(self, order: Order) -> Sighting:
            if order.change.kind == "volume" and "data" not in rig.world.state.volumes:
                rig.world.volume("data")
            return await self.inner.apply(order)  # type: ignore[attr-defined,no-any-return]

    class Places(SimPlaces):
        def writer(self, target: Target) -> object:  # type: ignore[override]
            return Meanwhile(super().writer(target))

    places = Places({"local": rig.world}, rig.clock)
    ended = await replace(rig.applier, writers=places).run(execution.id)  # type: ignore[arg-type]
    assert ended.state is not ExecutionState.SUCCEEDED
    assert "data" in rig.world.state.volumes


async def test_an_undo_that_failed_before_a_crash_is_never_called_rolled_back(rig: Rig) -> None:
    await rig.change_to(app(replicas=1))
    plan = await rig.approved(await rig.plan_workloads(app(image="app:bad", replicas=1)))
    execution = await rig.applier.start(plan.id, ANNA)
    rig.world.faults.add(Fault(kind=FaultKind.REJECT, call="apply", op="replace", nth=2, times=None))
    ended = await rig.applier.run(execution.id)
    assert ended.state is ExecutionState.NEEDS_HUMAN
    reopened = replace(ended, state=ExecutionState.ROLLING_BACK, finished_at=None)
    await rig.put(reopened)
    rig.world.faults.clear()
    again = await rig.applier.run(execution.id)
    assert again.state is ExecutionState.NEEDS_HUMAN


async def test_another_machine_at_the_same_address_gets_no_effect(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app()))
    execution = await rig.applier.start(plan.id, ANNA)
    await rig.put(replace(await rig.ledger.need(Target, "local"), identity="another machine"))
    ended = await rig.applier.run(execution.id)
    assert ended.state is ExecutionState.NEEDS_HUMAN
    assert "Another machine" in str((ended.error or {}).get("message"))
    assert rig.world.effects == ()


async def test_what_somebody_wanted_during_the_execution_stays_wanted_after_the_roll_back(rig: Rig) -> None:
    await rig.change_to(app(replicas=1))
    plan = await rig.approved(await rig.plan_workloads(app(image="app:bad", replicas=1)))
    execution = await rig.applier.start(plan.id, ANNA)
    current = await rig.ledger.need(Desired, "local/container/web-1")
    theirs = {**(current.spec or {}), "memory_bytes": 64 * 2**20}
    await rig.put(
        replace(current, spec=theirs, revision=current.revision + 1, plan_id=None, set_by=BEN, mode=Mode.OBSERVE)
    )
    ended = await rig.applier.run(execution.id)
    assert ended.state is ExecutionState.ROLLED_BACK
    kept = await rig.ledger.need(Desired, "local/container/web-1")
    assert (kept.spec, kept.set_by.id, kept.mode) == (theirs, "ben", Mode.OBSERVE)


async def test_a_wish_to_stop_counts_during_verification_too(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app()))
    execution = await rig.applier.start(plan.id, ANNA)

    looks: list[int] = []

    class Reader:
        def __init__(self, inner: object) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

        async def observe(self, resource: str) -> Sighting:
            current = await rig.ledger.need(Execution, execution.id)
            if current.state is ExecutionState.VERIFYING and not looks:
                looks.append(1)
                await rig.applier.cancel(execution.id, BEN)
            return await self.inner.observe(resource)  # type: ignore[attr-defined,no-any-return]

    class Places(SimPlaces):
        def reader(self, target: Target) -> object:  # type: ignore[override]
            return Reader(super().reader(target))

    places = Places({"local": rig.world}, rig.clock)
    ended = await replace(rig.applier, readers=places).run(execution.id)  # type: ignore[arg-type]
    assert ended.state is ExecutionState.ROLLED_BACK
    assert rig.running() == {}


async def test_an_error_nobody_foresaw_ends_with_a_person_after_a_few_turns(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app()))
    execution = await rig.applier.start(plan.id, ANNA)

    class Broken:
        async def apply(self, order: Order) -> Sighting:
            raise KeyError("bug")

    class Places(SimPlaces):
        def writer(self, target: Target) -> object:  # type: ignore[override]
            return Broken()

    applier: Applier = replace(rig.applier, writers=Places({"local": rig.world}, rig.clock))  # type: ignore[arg-type]
    worker = Worker(rig.ledger, applier)
    for _ in range(MAX_CRASHES):
        await worker.settle()
        rig.clock.advance(120)
    ended = await rig.ledger.need(Execution, execution.id)
    assert ended.state is ExecutionState.NEEDS_HUMAN
    assert "bug" in str((ended.error or {}).get("message"))


async def test_one_process_drives_an_execution_once_at_a_time(rig: Rig) -> None:
    import asyncio

    from opstwin.control.journal import LeaseLost

    plan = await rig.approved(await rig.plan_workloads(app()))
    execution = await rig.applier.start(plan.id, ANNA)
    results = await asyncio.gather(rig.applier.run(execution.id), rig.applier.run(execution.id), return_exceptions=True)
    assert sum(isinstance(item, LeaseLost) for item in results) == 1
    assert (await rig.ledger.need(Execution, execution.id)).fence == 1


async def test_a_last_look_that_says_stale_is_written_down(rig: Rig) -> None:
    from opstwin.domain.plan import Plan, PlanState

    plan = await rig.approved(await rig.plan_workloads(app()))

    async def stale(_: Plan) -> None:
        raise StalePlan("What is there now asks for something else.")

    with pytest.raises(StalePlan):
        await replace(rig.applier, recheck=stale).start(plan.id, ANNA)
    assert (await rig.ledger.need(Plan, plan.id)).state is PlanState.STALE
    assert [row.outcome for row in await rig.audit() if row.action == "execution.start"] == ["refused"]


async def test_steps_of_the_roll_back_that_had_nothing_to_do_say_so(rig: Rig) -> None:
    rig.world.faults.add(Fault(kind=FaultKind.REJECT, call="apply", op="create"))
    ended = await rig.carry_out(await rig.plan_workloads(app(replicas=1)))
    assert ended.state is ExecutionState.ROLLED_BACK
    back = [step for step in await rig.steps(ended) if step.phase is Phase.BACK]
    assert {step.state for step in back} <= {StepState.SKIPPED}


async def test_a_roll_back_is_verified_itself(rig: Rig) -> None:
    await rig.change_to(app(replicas=1))
    plan = await rig.approved(await rig.plan_workloads(app(image="app:bad", replicas=1)))
    execution = await rig.applier.start(plan.id, ANNA)

    class Undone:
        """A writer after whose undo somebody removes the container."""

        def __init__(self, inner: object) -> None:
            self.inner = inner

        async def apply(self, order: Order) -> Sighting:
            seen: Sighting = await self.inner.apply(order)  # type: ignore[attr-defined]
            if (order.change.after or {}).get("image") == "app:1":
                rig.world.remove("web-1")
            return seen

    class Places(SimPlaces):
        def writer(self, target: Target) -> object:  # type: ignore[override]
            return Undone(super().writer(target))

    places = Places({"local": rig.world}, rig.clock)
    ended = await replace(rig.applier, writers=places).run(execution.id)  # type: ignore[arg-type]
    assert ended.state is ExecutionState.NEEDS_HUMAN


async def test_what_is_put_back_but_not_well_is_said(rig: Rig) -> None:
    await rig.change_to(app(replicas=1))
    rig.world.image("app:1", exposed=(80,), healthy=False)
    ended = await rig.carry_out(await rig.plan_workloads(app(image="app:bad", replicas=1)))
    assert ended.state is ExecutionState.ROLLED_BACK
    assert "but not well" in str((ended.error or {}).get("message"))


async def test_a_replica_without_a_health_check_must_stay_up_before_the_next_is_touched(rig: Rig) -> None:
    plain = app(replicas=3, health=None)
    await rig.change_to(plain)
    rig.world.image("app:2", exposed=(80,), exits=3, start_s=1.0)
    seen = len(rig.world.effects)
    ended = await rig.carry_out(await rig.plan_workloads(replace(plain, image="app:2", restart=RestartPolicy.NEVER)))
    assert ended.state is ExecutionState.ROLLED_BACK
    assert {effect.resource for effect in rig.world.effects[seen:]} == {"local/container/web-1"}


async def test_a_second_target_on_the_same_machine_is_refused(rig: Rig) -> None:
    from opstwin.domain.values import TargetId
    from opstwin.errors import Rejected

    twin = Target(
        id=TargetId("twin"), display_name="Twin", backend_type="sim", agent_endpoint="sim://local",
        created_at=rig.clock.now(),
    )  # fmt: skip
    await rig.put(twin)
    rig.places.worlds["twin"] = rig.world  # type: ignore[union-attr]
    with pytest.raises(Rejected, match="same machine as target local"):
        await rig.observer.discover("twin", ANNA)
