"""Secrets that a plan needs and the hub does not have are told before anybody approves it."""

from pathlib import Path

import pytest

from opstwin.control.planning import Planner
from opstwin.control.unset_secrets import unset_secrets
from opstwin.domain.ask import Action
from opstwin.domain.plan import Change, Op, Plan
from opstwin.domain.values import ResourceId
from opstwin.targets.secrets import HubSecrets
from tests.unit.control.planning_bench import LOCAL, Bench, web

NOTE = (
    "web: the hub had no usable value for env:AWAY, file:gone when this was planned; set it before you apply "
    "(of a variable: start the hub again)."
)


async def planned(bench: Bench, folder: Path, environ: dict[str, str], language: str = "en") -> Plan:
    """A plan of one container with three secrets, by a hub that has these variables and one file."""
    (folder / "there").write_text("x")
    bench.planner = Planner(bench.ledger, bench.places, bench.policy, secrets=HubSecrets(environ, folder))
    secrets = {"A": "env:AWAY", "B": "file:gone", "C": "file:there"}
    return await bench.plan(web(secret_env=secrets), language=language)


async def test_a_plan_names_the_references_without_a_value_and_never_a_value(tmp_path: Path) -> None:
    bench = await Bench().ready()
    assert NOTE in (await planned(bench, tmp_path, {})).notes
    korean = (await planned(bench, tmp_path, {}, "ko")).notes
    assert any(
        note.startswith("web: 계획할 때 허브에 env:AWAY, file:gone의 쓸 수 있는 값이 없었습니다.") for note in korean
    )


async def test_a_plan_whose_secrets_are_all_set_says_nothing_of_them(tmp_path: Path) -> None:
    bench = await Bench().ready()
    (tmp_path / "gone").write_text("canary")
    plan = await planned(bench, tmp_path, {"AWAY": "canary"})
    assert not [note for note in plan.notes if "value" in note]
    assert "canary" not in str(plan)


@pytest.mark.parametrize("action", [Action.RESTART, Action.STOP])
async def test_what_makes_no_container_looks_no_secret_up(tmp_path: Path, action: Action) -> None:
    bench = await Bench().ready()
    await bench.deployed(web(1, secret_env={"A": "env:AWAY"}))
    bench.planner = Planner(bench.ledger, bench.places, bench.policy, secrets=HubSecrets({}, tmp_path))
    assert not [note for note in (await bench.ask(action)).notes if "value" in note]


async def test_the_way_back_names_them_too(tmp_path: Path) -> None:
    bench = await Bench().ready()
    await bench.deployed(web(1, secret_env={"A": "env:AWAY"}))
    await bench.deployed(web(1, image="app:2"))
    bench.planner = Planner(bench.ledger, bench.places, bench.policy, secrets=HubSecrets({}, tmp_path))
    assert any("env:AWAY" in note for note in (await bench.ask(Action.ROLLBACK)).notes)


async def test_a_link_that_leads_to_itself_is_no_value(tmp_path: Path) -> None:
    bench = await Bench().ready()
    (tmp_path / "gone").symlink_to("gone")
    assert any("file:gone" in note for note in (await planned(bench, tmp_path, {"AWAY": "x"})).notes)


async def test_what_is_no_reference_is_told_nowhere() -> None:
    change = Change(
        resource=ResourceId("local/container/web-1"), target=LOCAL, kind="container", name="web-1", op=Op.CREATE,
        before=None, after={"secret_env": {"A": "hunter2-canary"}},
    )  # fmt: skip
    assert await unset_secrets([change], HubSecrets({})) == {}
