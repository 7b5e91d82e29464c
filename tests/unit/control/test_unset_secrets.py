"""Secrets that a plan needs and the hub does not have are told before anybody approves it."""

from pathlib import Path

import pytest

from opstwin.control.planning import Planner
from opstwin.control.unset_secrets import references_in
from opstwin.domain.plan import Plan
from opstwin.domain.values import Json
from opstwin.targets.secrets import HubSecrets
from tests.unit.control.planning_bench import Bench, web

NOTE = "web-1: the hub has no value for env:AWAY, file:gone now; set it before you apply this plan."


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
    assert "web-1: 허브에 env:AWAY, file:gone의 값이 아직 없습니다. 이 계획을 적용하기 전에 설정하세요." in korean


async def test_a_plan_whose_secrets_are_all_set_says_nothing_of_them(tmp_path: Path) -> None:
    bench = await Bench().ready()
    (tmp_path / "gone").write_text("canary")
    plan = await planned(bench, tmp_path, {"AWAY": "canary"})
    assert not [note for note in plan.notes if "no value" in note]
    assert "canary" not in str(plan)


@pytest.mark.parametrize(
    ("spec", "references"),
    [
        ({"secret_env": {"A": "env:A", "B": "file:b"}, "env": {"C": "env:C"}}, ["env:A", "file:b"]),
        ({"stringData": {"password": {"secretRef": "env:A"}, "user": "env:B"}}, ["env:A"]),
        ({"containers": [{"envFrom": [{"secretRef": {"name": "env"}}]}]}, []),
        ({"image": "app:1"}, []),
    ],
)
def test_references_are_found_where_each_kind_of_target_has_them(spec: dict[str, Json], references: list[str]) -> None:
    assert list(references_in(spec)) == references
