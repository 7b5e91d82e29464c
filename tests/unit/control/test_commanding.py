"""Commands: what only reads runs at once and is written down; everything else waits, runs once, and is never undone."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from opstwin.control.adopting import adopt
from opstwin.control.commanding import AT_ONCE, Commander
from opstwin.control.running import Ran
from opstwin.domain.access import Actor
from opstwin.domain.audit import AuditRow
from opstwin.domain.command import Command
from opstwin.domain.execution import Execution, ExecutionState, StepState
from opstwin.domain.plan import Op, Plan, PlanState, Risk
from opstwin.domain.resource import Desired
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId
from opstwin.errors import (
    Forbidden,
    InvalidInput,
    LimitExceeded,
    NotApproved,
    NotFound,
    StalePlan,
    StoreError,
    Unclear,
    Unreachable,
)
from opstwin.targets.ports import ExecResult, Order, Sighting, Writer
from opstwin.targets.sim.faults import Crash, Fault, FaultKind
from opstwin.targets.sim.world import World
from tests.rig import ANNA, BEN, LOCAL, ROBOT, Rig, SimPlaces

WEB = ResourceId("local/container/legacy-1")


@dataclass
class CountingWriter:
    """A writer that notes each command, and can hold them until it is told."""

    inner: Writer
    places: "CountingPlaces"

    async def apply(self, order: Order) -> Sighting:
        return await self.inner.apply(order)

    async def exec(
        self, resource: ResourceId, argv: Sequence[str], *, timeout_s: float, limit_bytes: int
    ) -> ExecResult:
        self.places.begun.append(tuple(argv))
        self.places.running.set()
        try:
            if self.places.held is not None:
                await self.places.held.wait()
            result = await self.inner.exec(resource, argv, timeout_s=timeout_s, limit_bytes=limit_bytes)
        except BaseException:
            self.places.ended.append("broken off")
            raise
        self.places.ended.append("done")
        return replace(result, **self.places.said)

    async def close(self) -> None:
        await self.inner.close()


@dataclass(frozen=True)
class CountingPlaces(SimPlaces):
    begun: list[tuple[str, ...]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    said: dict[str, object] = field(default_factory=dict)
    running: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event | None = None

    def writer(self, target: Target) -> Writer:
        return CountingWriter(super().writer(target), self)


@dataclass
class Bench:
    rig: Rig
    places: CountingPlaces
    commander: Commander

    async def run(self, *argv: str, actor: Actor = ANNA, **more: object) -> Ran | Plan:
        return await self.commander.run(WEB, Command(argv=argv, **more), actor)  # type: ignore[arg-type]

    async def planned(self, *argv: str, actor: Actor = ANNA) -> Plan:
        made = await self.run(*argv, actor=actor)
        assert isinstance(made, Plan)
        return made

    async def approved(self, *argv: str) -> Plan:
        plan = await self.planned(*argv)
        await self.rig.approver.decide(plan.id, BEN, "approve", "fine", plan.digest)
        return plan

    async def carried_out(self, *argv: str) -> Execution:
        plan = await self.approved(*argv)
        execution = await self.rig.applier.start(plan.id, ANNA)
        return await self.rig.applier.run(execution.id)

    async def rows(self, action: str) -> list[AuditRow]:
        return [row for row in await self.rig.audit() if row.action == action]

    async def state(self, plan: Plan) -> PlanState:
        return (await self.rig.ledger.need(Plan, plan.id)).state


async def bench(*, held: asyncio.Event | None = None) -> Bench:
    rig = Rig()
    places = CountingPlaces({"local": rig.world}, rig.clock, held=held)
    rig = Rig(store=rig.store, clock=rig.clock, world=rig.world, places=places)
    await rig.ready()
    rig.world.run("legacy-1", "app:1", env={"DB_PASSWORD": "correct-horse", "COLOUR": "blue"})
    await rig.observer.discover(LOCAL, ANNA)
    await adopt(rig.ledger, WEB, ANNA)
    return Bench(rig, places, Commander(rig.ledger, rig.planner, rig.applier))


async def test_in_what_opstwin_did_not_make_only_reading_commands_run_until_it_is_adopted() -> None:
    on = await bench()
    theirs = ResourceId("local/container/theirs")
    on.rig.world.run("theirs", "app:1")
    await on.rig.observer.discover(LOCAL, ANNA)
    for actor in (ANNA, ROBOT):
        with pytest.raises(Forbidden, match="did not make") as refused:
            await on.commander.run(theirs, Command(argv=("touch", "/x")), actor)
        assert refused.value.next_step == "Take it over first: opstwin adopt local/container/theirs"
    assert [(row.subject, row.actor, row.outcome) for row in await on.rows("exec.refused")] == [
        (theirs, ANNA, "refused"), (theirs, ROBOT, "refused"),
    ]  # fmt: skip
    assert await on.rig.ledger.all(Plan) == []
    assert isinstance(await on.commander.run(theirs, Command(argv=("hostname",)), ROBOT), Ran)
    await adopt(on.rig.ledger, theirs, ANNA)
    assert isinstance(await on.commander.run(theirs, Command(argv=("touch", "/x")), ANNA), Plan)


async def test_a_stranger_under_the_name_of_one_that_was_adopted_is_a_stranger() -> None:
    on = await bench()
    on.rig.world.remove("legacy-1")
    on.rig.world.run("legacy-1", "app:1")
    await on.rig.observer.discover(LOCAL, ANNA)
    with pytest.raises(Forbidden, match="did not make"):
        await on.planned("touch", "/x")


@pytest.mark.req("S3.G3")
async def test_a_command_that_only_reads_runs_at_once_with_its_intent_before_and_its_transcript_after() -> None:
    on = await bench()
    ran = await on.run("hostname", actor=ROBOT)
    assert isinstance(ran, Ran)
    assert (ran.result.exit_code, ran.result.stdout) == (0, "legacy-1\n")
    rows = [row for row in await on.rig.audit() if row.action.startswith("exec.")]
    assert [(row.action, row.outcome, row.subject, row.actor) for row in rows] == [
        ("exec.intended", "ok", WEB, ROBOT),
        ("exec.finished", "ok", WEB, ROBOT),
    ]
    assert rows[0].details["argv"] == ["hostname"]
    assert {key: rows[1].details[key] for key in ("argv", "exit_code", "stdout", "stderr", "truncated", "stopped")} == {
        "argv": ["hostname"], "exit_code": 0, "stdout": "legacy-1\n", "stderr": "", "truncated": False, "stopped": "",
    }  # fmt: skip
    assert not await on.rig.ledger.all(Plan)


@pytest.mark.proves("G7")
@pytest.mark.req("S3.G3")
@pytest.mark.parametrize("argv", [("env",), ("sh", "-c", "ps"), ("ps", "auxe"), ("rm", "-rf", "/tmp/x"), ("/bin/ps",)])
async def test_any_other_command_becomes_a_plan_and_nothing_runs(argv: tuple[str, ...]) -> None:
    on = await bench()
    plan = await on.planned(*argv, actor=ROBOT)
    [change] = plan.changes
    assert (change.op, change.resource, change.command) == (Op.EXEC, WEB, Command(argv=argv))
    assert plan.state is PlanState.PENDING
    assert plan.risk.rank >= Risk.HIGH.rank
    assert any("no way back" in note for note in plan.notes)
    assert on.places.begun == []
    with pytest.raises(NotApproved):
        await on.rig.applier.start(plan.id, ANNA)
    assert on.places.begun == []


async def test_the_applier_itself_refuses_to_run_at_once_what_is_not_on_the_list() -> None:
    on = await bench()
    with pytest.raises(NotApproved):
        await on.rig.applier.look(WEB, Command(argv=("env",)), ANNA)
    assert on.places.begun == []


async def test_whoever_asked_cannot_approve_a_command_alone() -> None:
    on = await bench()
    plan = await on.planned("env", actor=ROBOT)
    with pytest.raises(Forbidden):
        await on.rig.approver.decide(plan.id, ANNA, "approve", "", plan.digest)
    await on.rig.approver.decide(plan.id, BEN, "reject", "no", plan.digest)
    with pytest.raises(NotApproved):
        await on.rig.applier.start(plan.id, ANNA)
    assert on.places.begun == []


async def test_an_approved_command_runs_once_and_its_transcript_is_in_the_audit_of_the_execution() -> None:
    on = await bench()
    ended = await on.carried_out("echo", "hello")
    assert ended.state is ExecutionState.SUCCEEDED
    assert on.places.begun == [("echo", "hello")]
    [row] = await on.rows("exec.finished")
    assert (row.execution_id, row.plan_id, row.digest) == (ended.id, ended.plan_id, ended.digest)
    assert row.approval_id
    assert row.details["stdout"] == "hello\n"
    actions = [item.action for item in await on.rig.audit() if item.execution_id == ended.id]
    assert actions.index("step.intended") < actions.index("exec.finished") < actions.index("step.done")
    again = await on.rig.applier.run(ended.id)
    assert (again, on.places.begun) == (ended, [("echo", "hello")])


async def test_a_command_wants_nothing_of_the_resource_and_leaves_no_deployment_behind() -> None:
    on = await bench()
    before = await on.rig.ledger.all(Desired)
    await on.carried_out("echo")
    assert await on.rig.ledger.all(Desired) == before
    with pytest.raises(NotFound):
        await on.rig.planner.rollback((await on.rig.ledger.all(Execution))[0].id, ANNA)


@pytest.mark.parametrize("argv", [("false",), ("no-such-program",)])
async def test_a_command_that_fails_is_handed_to_a_human_and_never_undone_or_repeated(argv: tuple[str, ...]) -> None:
    on = await bench()
    ended = await on.carried_out(*argv)
    assert ended.state is ExecutionState.NEEDS_HUMAN
    assert ended.error is not None
    assert "exit code" in str(ended.error["message"])
    assert on.places.begun == [argv]
    [step] = await on.rig.steps(ended)
    assert (step.state, step.inverse) == (StepState.FAILED, None)


async def test_a_command_that_was_stopped_by_its_time_is_handed_to_a_human() -> None:
    on = await bench()
    ended = await on.carried_out("sleep", "100")
    assert ended.state is ExecutionState.NEEDS_HUMAN
    [row] = await on.rows("exec.finished")
    assert (row.outcome, row.details["stopped"], row.details["exit_code"]) == ("failed", "time", 137)


@pytest.mark.parametrize("kind", [FaultKind.CRASH, FaultKind.CRASH_AFTER])
async def test_after_a_crash_a_command_is_not_run_again_and_its_outcome_is_called_unknown(kind: FaultKind) -> None:
    on = await bench()
    plan = await on.approved("echo", "once")
    execution = await on.rig.applier.start(plan.id, ANNA)
    on.rig.world.faults.add(Fault(kind=kind, call="exec"))
    with pytest.raises(Crash):
        await on.rig.applier.run(execution.id)
    reborn = Rig(store=on.rig.store, clock=on.rig.clock, world=on.rig.world, places=on.places, owner="worker-b", seed=9)
    on.rig.clock.advance(1000)
    ended = await reborn.applier.run(execution.id)
    assert on.places.begun == [("echo", "once")]
    assert ended.state is ExecutionState.NEEDS_HUMAN
    assert "not known" in str((ended.error or {})["message"])
    assert await on.state(plan) is PlanState.FAILED


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_AFTER, FaultKind.UNREACHABLE])
async def test_a_command_whose_target_fails_is_not_tried_again(kind: FaultKind) -> None:
    on = await bench()
    plan = await on.approved("echo", "once")
    execution = await on.rig.applier.start(plan.id, ANNA)
    on.rig.world.faults.add(Fault(kind=kind, call="exec"))
    ended = await on.rig.applier.run(execution.id)
    assert len(on.places.begun) == 1
    assert ended.state is ExecutionState.NEEDS_HUMAN
    [row] = await on.rows("exec.failed")
    assert row.reason.startswith("outcome unknown") is (kind is FaultKind.TIMEOUT_AFTER)


async def test_cancelling_an_execution_ends_its_command_and_says_that_the_outcome_is_unknown() -> None:
    held = asyncio.Event()
    on = await bench(held=held)
    plan = await on.approved("echo", "slow")
    execution = await on.rig.applier.start(plan.id, ANNA)
    driving = asyncio.create_task(on.rig.applier.run(execution.id))
    await asyncio.wait_for(on.places.running.wait(), 10)
    await on.rig.applier.cancel(execution.id, ANNA)
    ended = await asyncio.wait_for(driving, 10)
    assert on.places.ended == ["broken off"]
    assert ended.state is ExecutionState.NEEDS_HUMAN
    [row] = await on.rows("exec.failed")
    assert "cancelled, outcome unknown" in row.reason


async def test_an_execution_cancelled_before_its_command_began_runs_nothing() -> None:
    on = await bench()
    plan = await on.approved("echo", "never")
    execution = await on.rig.applier.start(plan.id, ANNA)
    await on.rig.applier.cancel(execution.id, ANNA)
    ended = await on.rig.applier.run(execution.id)
    assert (ended.state, on.places.begun) == (ExecutionState.ROLLED_BACK, [])


@pytest.mark.proves("I7")
async def test_a_caller_who_goes_away_ends_the_command_and_it_is_recorded_as_cancelled() -> None:
    on = await bench(held=asyncio.Event())
    asked = asyncio.create_task(on.run("ps"))
    await asyncio.wait_for(on.places.running.wait(), 10)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert on.places.ended == ["broken off"]
    [row] = await on.rows("exec.failed")
    assert (row.outcome, row.reason, row.subject) == ("failed", "cancelled, outcome unknown", WEB)


async def test_without_a_row_in_the_audit_nothing_runs() -> None:
    class Full(type(Rig().store)):  # type: ignore[misc]
        async def commit(self, commit: object) -> object:
            if any(entry.action == "exec.intended" for entry in commit.audit):  # type: ignore[attr-defined]
                raise StoreError("The disk is full.", next_step="Make room.")
            return await super().commit(commit)

    rig = Rig(store=Full())
    places = CountingPlaces({"local": rig.world}, rig.clock)
    rig = await Rig(store=rig.store, clock=rig.clock, world=rig.world, places=places).ready()
    rig.world.run("legacy-1", "app:1")
    await rig.observer.discover(LOCAL, ANNA)
    with pytest.raises(StoreError):
        await Commander(rig.ledger, rig.planner, rig.applier).run(WEB, Command(argv=("ps",)), ANNA)
    assert places.begun == []


async def test_the_transcript_holds_no_secret_and_nothing_that_drives_a_terminal() -> None:
    on = await bench()
    on.places.said.update({"stderr": "\x1b[2Jtoken=abcdef123456\x07"})
    ended = await on.carried_out("env")
    assert ended.state is ExecutionState.SUCCEEDED
    [row] = await on.rows("exec.finished")
    assert row.details["stdout"] == "COLOUR=blue\nDB_PASSWORD=***\n"
    assert "abcdef123456" not in str(row.details)
    assert "\x1b" not in str(row.details["stderr"])
    assert "\x07" not in str(row.details["stderr"])
    plan = await on.planned("mysql", "--password", "correct-horse", "-e", "select 1")
    [created] = [item for item in await on.rows("plan.create") if item.subject == plan.id]
    assert "correct-horse" not in str(created)


async def test_a_plan_of_the_very_same_command_that_waits_is_given_again_to_its_requester_alone() -> None:
    on = await bench()
    first = await on.planned("env", actor=ROBOT)
    assert (await on.planned("env", actor=ROBOT)).id == first.id
    assert (await on.planned("env", actor=BEN)).id != first.id
    assert (await on.planned("env", "A=1", actor=ROBOT)).id != first.id
    await on.rig.approver.decide(first.id, BEN, "approve", "fine", first.digest)
    assert (await on.planned("env", actor=ROBOT)).state is PlanState.APPROVED
    execution = await on.rig.applier.start(first.id, ANNA)
    await on.rig.applier.run(execution.id)
    assert (await on.planned("env", actor=ROBOT)).id != first.id, "an approval is used once"


async def test_a_command_for_a_container_that_was_replaced_meanwhile_is_stale() -> None:
    on = await bench()
    plan = await on.approved("echo")
    on.rig.world.remove("legacy-1")
    on.rig.world.run("legacy-1", "app:2")
    await on.rig.observer.discover(LOCAL, ANNA)
    with pytest.raises(StalePlan):
        await on.rig.applier.start(plan.id, ANNA)
    assert on.places.begun == []


async def test_a_container_that_went_away_after_the_approval_runs_nothing() -> None:
    on = await bench()
    plan = await on.approved("echo")
    execution = await on.rig.applier.start(plan.id, ANNA)
    on.rig.world.remove("legacy-1")
    ended = await on.rig.applier.run(execution.id)
    assert on.places.begun == []
    assert ended.state is ExecutionState.ROLLED_BACK


async def test_at_most_a_few_commands_run_at_the_same_time_on_one_target() -> None:
    on = await bench(held=asyncio.Event())
    running = [asyncio.create_task(on.run("ps")) for _ in range(AT_ONCE)]
    while len(on.places.begun) < AT_ONCE:
        await asyncio.sleep(0)
    with pytest.raises(LimitExceeded):
        await on.run("ps")
    assert on.places.held is not None
    on.places.held.set()
    await asyncio.gather(*running)
    await on.run("ps")


async def test_a_time_beyond_the_setting_is_refused_and_names_it() -> None:
    on = await bench()
    with pytest.raises(InvalidInput, match="300") as refused:
        await on.run("ps", timeout_s=301.0)
    assert (refused.value.field, on.places.begun) == ("timeout_s", [])


async def test_a_target_that_is_switched_off_runs_nothing() -> None:
    on = await bench()
    target = await on.rig.ledger.need(Target, LOCAL)
    await on.rig.put(replace(target, is_active=False))
    for argv in (("ps",), ("env",)):
        with pytest.raises((Forbidden, InvalidInput)):
            await on.run(*argv)
    assert on.places.begun == []


async def test_a_bare_name_finds_the_container_and_what_fits_twice_is_asked_back() -> None:
    on = await bench()
    assert await on.commander.find("legacy-1") == WEB
    assert await on.commander.find(WEB) == WEB
    with pytest.raises(NotFound) as missing:
        await on.commander.find("host")
    assert "targets add" in missing.value.next_step
    with pytest.raises(NotFound):
        await on.commander.find("nobody")
    with pytest.raises(InvalidInput, match="volume"):
        await on.commander.find("local/volume/data")
    other = Target(
        id="other", display_name="Other", backend_type="sim", agent_endpoint="sim://other",  # type: ignore[arg-type]
        created_at=on.rig.clock.now(),
    )  # fmt: skip
    on.places.worlds["other"] = World(seed=5)
    on.places.worlds["other"].image("app:1")
    on.places.worlds["other"].run("legacy-1", "app:1")
    await on.rig.put(other)
    await on.rig.observer.discover("other", ANNA)
    with pytest.raises(Unclear) as several:
        await on.commander.find("legacy-1")
    assert several.value.details["choices"] == ["local/container/legacy-1", "other/container/legacy-1"]


async def test_what_cannot_be_reached_is_told_and_written_down() -> None:
    on = await bench()
    on.rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="exec"))
    with pytest.raises(Unreachable):
        await on.run("ps")
    [row] = await on.rows("exec.failed")
    assert row.outcome == "failed"
