"""Plans from what somebody asked for in words."""

from dataclasses import replace

import pytest

from opstwin.domain.ask import Action, Ask
from opstwin.domain.execution import ExecutionState
from opstwin.domain.plan import Origin, Plan, Risk
from opstwin.domain.target import Target
from opstwin.domain.workload import HealthCheck, Mount, Resources, Workload
from opstwin.errors import InvalidInput, NotFound, Unclear
from opstwin.tools.next_calls import as_calls
from tests.unit.control.planning_bench import ROBOT, Bench, change, container, needs, ops, published, web


@pytest.fixture
async def bench() -> Bench:
    return await Bench().ready()


@pytest.fixture
async def running(bench: Bench) -> Bench:
    """With two replicas of `web` that have something set in every field."""
    await bench.deployed(
        web(
            2,
            ports=published(8080),
            env={"A": "1", "B": "2"},
            secret_env={"TOKEN": "env:TOKEN"},
            volumes=(Mount(path="/data", volume="data"),),
            resources=Resources(cpu_millicores=500, memory_bytes=64 << 20),
            labels={"team": "shop"},
        )
    )
    return bench


def left(plan: Plan) -> Workload:
    """The Workload that a plan leaves behind."""
    [item] = plan.workloads
    assert item.workload is not None
    return item.workload


async def test_deploy_creates_what_is_asked(bench: Bench) -> None:
    plan = await bench.ask(Action.DEPLOY, workload=web(2))
    assert ops(plan) == {"web-1": "create", "web-2": "create"}
    assert (plan.origin, plan.request) == (Origin.WORDS, "deploy")


async def test_deploy_of_a_name_that_runs_already_is_an_update_and_says_so(running: Bench) -> None:
    plan = await running.ask(Action.DEPLOY, workload=web(2, image="app:2"))
    assert ops(plan) == {"web-1": "replace", "web-2": "replace"}
    assert any("web is on local already" in note for note in plan.notes)
    korean = await running.ask(Action.DEPLOY, workload=web(2, image="app:2"), language="ko")
    assert any("이미 local에 있습니다" in note for note in korean.notes)


@pytest.mark.parametrize(
    ("action", "fields", "expected"),
    [
        (Action.SCALE, {"replicas": 3}, {"replicas": 3}),
        (Action.UPGRADE, {"image": "app:2"}, {"image": "app:2"}),
        (Action.STOP, {}, {"running": False}),
        (Action.SET_ENV, {"env": {"B": "3"}, "unset_env": ("A",)}, {"env": {"B": "3"}}),
        (Action.SET_ENV, {"unset_env": ("TOKEN",)}, {"secret_env": {}}),
        (
            Action.SET_RESOURCES,
            {"resources": Resources(memory_bytes=128 << 20)},
            {"resources": Resources(cpu_millicores=500, memory_bytes=128 << 20)},
        ),
        (Action.EXPOSE, {"ports": published(9000)}, {"ports": published(9000)}),
        (Action.EXPOSE, {"ports": published(9000, 81)}, {"ports": (*published(8080), *published(9000, 81))}),
        (
            Action.UPGRADE,
            {"image": "app:2", "health": HealthCheck(command=("/ok",))},
            {"image": "app:2", "health": HealthCheck(command=("/ok",))},
        ),
    ],
)
@pytest.mark.req("S1.21")
async def test_an_ask_changes_what_it_names_and_nothing_else(
    running: Bench, action: Action, fields: dict[str, object], expected: dict[str, object]
) -> None:
    plan = await running.ask(action, **fields)
    current = web(
        2,
        ports=published(8080),
        env={"A": "1", "B": "2"},
        secret_env={"TOKEN": "env:TOKEN"},
        volumes=(Mount(path="/data", volume="data"),),
        resources=Resources(cpu_millicores=500, memory_bytes=64 << 20),
        labels={"team": "shop"},
    )
    for name in Workload.__dataclass_fields__:
        assert getattr(left(plan), name) == expected.get(name, getattr(current, name)), name


async def test_stop_and_start_change_running_replicas_in_place(running: Bench) -> None:
    stop = await running.ask(Action.STOP)
    assert ops(stop) == {"web-1": "update", "web-2": "update"}
    assert [field.path for field in change(stop, "web-1").fields] == [("running",)]
    await running.carry_out(stop)
    start = await running.ask(Action.START)
    assert ops(start) == {"web-1": "update", "web-2": "update"}
    with pytest.raises(InvalidInput, match="web is stopped"):
        await running.ask(Action.RESTART)


async def test_restart_takes_one_replica_after_the_other_and_changes_nothing(running: Bench) -> None:
    plan = await running.ask(Action.RESTART)
    assert ops(plan) == {"web-1": "restart", "web-2": "restart"}
    assert needs(plan, "web-2") == {"web-1"}
    assert all(item.fields == () for item in plan.changes)
    assert plan.workloads == ()
    assert (await running.carry_out(plan)).state is ExecutionState.SUCCEEDED


async def test_restart_brings_back_a_replica_that_is_gone(running: Bench) -> None:
    running.world.remove("web-2")
    await running.observer.discover("local")
    assert ops(await running.ask(Action.RESTART)) == {"web-1": "restart", "web-2": "create"}


async def test_delete_removes_the_workload_and_keeps_data_unless_asked(running: Bench) -> None:
    kept = await running.ask(Action.DELETE)
    assert ops(kept) == {"web-1": "delete", "web-2": "delete"}
    assert kept.risk is Risk.HIGH
    lost = await running.ask(Action.DELETE, with_volumes=True)
    assert ops(lost)["volume/data"] == "delete"
    assert lost.risk is Risk.DESTRUCTIVE


async def test_a_workload_that_is_not_there_is_refused_with_the_nearest_names(running: Bench) -> None:
    with pytest.raises(NotFound) as refused:
        await running.ask(Action.SCALE, "wbe", replicas=2)
    assert "Did you mean web?" in refused.value.next_step
    assert "opstwin get" in refused.value.next_step
    assert refused.value.details["field"] == "name"


async def test_a_container_that_is_not_managed_is_refused_with_adopt(bench: Bench) -> None:
    bench.world.run("legacy", "app:1")
    await bench.observer.discover("local")
    with pytest.raises(NotFound) as refused:
        await bench.ask(Action.UPGRADE, "legacy", image="app:2")
    assert f"opstwin adopt {container('legacy')}" in refused.value.next_step


@pytest.mark.parametrize(
    ("action", "missing"),
    [
        (Action.SCALE, "replicas"),
        (Action.UPGRADE, "image"),
        (Action.EXPOSE, "ports"),
        (Action.SET_ENV, "env"),
        (Action.SET_RESOURCES, "resources"),
    ],
)
async def test_what_an_ask_leaves_out_is_named(running: Bench, action: Action, missing: str) -> None:
    with pytest.raises(Unclear) as refused:
        await running.ask(action)
    assert refused.value.details["missing"] == [missing]
    assert 'opstwin plan "' in refused.value.next_step


async def test_deploy_without_an_image_is_unclear(bench: Bench) -> None:
    with pytest.raises(Unclear) as refused:
        await bench.ask(Action.DEPLOY)
    assert refused.value.details["missing"] == ["image"]


@pytest.mark.proves("E7")
@pytest.mark.parametrize("replicas", [0, -1, 10**9])
async def test_a_number_of_replicas_out_of_bounds_is_refused(running: Bench, replicas: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        await running.ask(Action.SCALE, replicas=replicas)
    assert refused.value.field == "replicas"


async def test_without_a_target_the_default_is_meant(running: Bench) -> None:
    await running.target("edge")
    assert (await running.ask(Action.SCALE, replicas=3)).target == "local"


async def test_a_target_is_never_guessed(bench: Bench) -> None:
    await bench.target("edge")
    await bench.put(replace(await bench.ledger.need(Target, "local"), is_default=False))
    with pytest.raises(Unclear) as refused:
        await bench.ask(Action.DEPLOY, workload=web())
    assert refused.value.details["choices"] == ["edge", "local"]
    assert refused.value.field == "target"


async def test_a_named_target_is_used_and_an_unknown_one_refused(bench: Bench) -> None:
    edge = await bench.target("edge")
    bench.places.worlds["edge"].image("app:1")
    plan = await bench.ask(Action.DEPLOY, workload=web(1), target="edge")
    assert plan.target == edge.id
    assert {item.resource for item in plan.changes} == {container("web-1", "edge")}
    with pytest.raises(NotFound) as refused:
        await bench.ask(Action.DEPLOY, workload=web(1), target="edeg")
    assert refused.value.details["choices"] == ["edge", "local"]


async def test_a_request_that_saw_outside_text_stays_marked(bench: Bench) -> None:
    asked = Ask(action=Action.DEPLOY, name="web", workload=web(1))
    plan = await bench.planner.from_ask(asked, request="deploy", actor=ROBOT, tainted=True)
    assert plan.tainted
    assert plan.requested_by == ROBOT
    assert not (await bench.planner.from_ask(asked, request="deploy", actor=ROBOT)).tainted


async def test_rolling_back_a_workload_plans_what_ran_before(running: Bench) -> None:
    await running.carry_out(await running.ask(Action.UPGRADE, image="app:2"))
    plan = await running.ask(Action.ROLLBACK)
    assert plan.origin is Origin.ROLLBACK
    assert left(plan).image == "app:1"
    assert any("app:1" in note for note in plan.notes)
    await running.carry_out(plan)
    again = await running.ask(Action.ROLLBACK)
    assert left(again).image == "app:2"


async def test_rolling_back_a_deleted_workload_brings_it_back(running: Bench) -> None:
    await running.carry_out(await running.ask(Action.DELETE))
    plan = await running.ask(Action.ROLLBACK)
    assert ops(plan) == {"web-1": "create", "web-2": "create"}


async def test_rolling_back_the_first_version_has_nowhere_to_go(running: Bench) -> None:
    with pytest.raises(NotFound, match="no earlier version") as refused:
        await running.ask(Action.ROLLBACK)
    assert 'opstwin plan "delete web"' in refused.value.next_step


async def test_rolling_back_what_was_never_applied_says_so(bench: Bench) -> None:
    with pytest.raises(NotFound, match="nothing to go back to"):
        await bench.ask(Action.ROLLBACK)


async def test_an_execution_is_rolled_back_as_a_whole(bench: Bench) -> None:
    await bench.deployed(web(1))
    both = await bench.deployed(web(1, image="app:2"), web(1, name="api"))
    plan = await bench.planner.rollback(both.id, ROBOT)
    assert ops(plan) == {"web-1": "replace", "api-1": "delete"}
    await bench.carry_out(plan)
    assert {item.name for item in bench.world.containers().values()} == {"web-1"}


async def test_an_unknown_execution_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound) as refused:
        await bench.planner.rollback("exec_nothing", ROBOT)
    assert "opstwin history" in refused.value.next_step


@pytest.fixture
async def twice(running: Bench) -> Bench:
    """`web` on the default target and on `prod`, `api` on `prod` alone, and `web` on `idle`, which is switched off."""
    for name in ("prod", "idle"):
        await running.target(name)
        running.places.worlds[name].image("app:1", exposed=(80,))
        await running.deployed(web(1), target=name)
    await running.deployed(web(1, name="api"), target="prod")
    await running.put(replace(await running.ledger.need(Target, "idle"), is_active=False))
    return running


async def test_a_request_for_one_of_two_of_the_same_name_says_which_it_is_for(twice: Bench) -> None:
    plan = await twice.ask(Action.SCALE, replicas=3)
    assert plan.target == "local"
    assert "web is on prod too; name the target if another one is meant." in plan.notes
    named = await twice.ask(Action.SCALE, replicas=3, target="local")
    assert not [note for note in named.notes if "too" in note]
    back = await twice.ask(Action.RESTART, language="ko")
    assert any("web은(는) prod에도 있습니다" in note for note in back.notes)
    await twice.deployed(web(2, image="app:2"))
    assert any("web is on prod too" in note for note in (await twice.ask(Action.ROLLBACK)).notes)


async def test_a_name_that_is_only_on_another_target_is_not_found_here_with_the_place(twice: Bench) -> None:
    with pytest.raises(NotFound, match="no workload 'api' on local") as refused:
        await twice.ask(Action.SCALE, "api", replicas=2)
    step = 'See what is there: opstwin get --target local. There is one on prod: opstwin plan "…" --target prod'
    assert refused.value.next_step == step
    assert as_calls(step).endswith('There is one on prod: plan_create(words="…", target=prod)')
    assert refused.value.details["targets"] == ["prod"]
    assert refused.value.details["name"] == "api"
    with pytest.raises(NotFound) as refused:
        await twice.ask(Action.ROLLBACK, "api")
    assert "There is one on prod" in refused.value.next_step


async def test_what_can_be_taken_over_here_is_said_before_what_is_elsewhere(twice: Bench) -> None:
    twice.world.run("api", "app:1")
    await twice.observer.discover("local")
    with pytest.raises(NotFound) as refused:
        await twice.ask(Action.RESTART, "api")
    step = refused.value.next_step
    assert 0 < step.index("opstwin adopt local/container/api") < step.index("There is one on prod")


async def test_another_target_is_no_way_out_where_there_is_nothing_to_go_back_to(twice: Bench) -> None:
    with pytest.raises(NotFound, match="no earlier version") as refused:
        await twice.ask(Action.ROLLBACK, "web")
    assert "prod" not in refused.value.next_step
    with pytest.raises(NotFound, match="no earlier version") as refused:
        await twice.ask(Action.ROLLBACK, "web", target="prod")
    assert as_calls(refused.value.next_step) == 'To take it away: plan_create(words="delete web", target=prod)'


async def test_what_is_made_anew_is_not_compared_with_other_targets(twice: Bench) -> None:
    plan = await twice.ask(Action.DEPLOY, "api", workload=web(1, name="api"))
    assert not [note for note in plan.notes if "prod" in note]
