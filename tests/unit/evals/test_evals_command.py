"""`python -m opstwin.evals run shots`: what it writes, how it ends, and which model it asks."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from opstwin.agent.models.scripted import Fault
from opstwin.agent.models.scripted_client import client_of
from opstwin.agent.models.scripted_server import ScriptedServer
from opstwin.clock import VirtualClock
from opstwin.errors import InvalidInput
from opstwin.evals.__main__ import main
from opstwin.evals.living import Choice, chosen, live
from opstwin.evals.shots.running import Run
from opstwin.evals.shots.trial import Row
from opstwin.evals.shots.verb import FILES, Wanted, run_shots
from opstwin.settings import Settings
from tests.unit.evals.shots_rows import FEW, KNOWN, silent, tried

SMALL = ["run", "shots", "--only", FEW[0], "--only", FEW[4]]
ANSWER = {
    "workload": KNOWN[0], "memory": "300Mi", "cpu": None, "replicas": None, "probe": None, "autoscale": None,
    "reasoning": "A guess.", "examples": [],
}  # fmt: skip


def files(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text(encoding="utf-8") for name in FILES}


@pytest.mark.req("S5.G3")
def test_two_runs_of_the_same_write_the_same_files_and_other_draws_do_not(tmp_path: Path) -> None:
    words = [*SMALL, "--k", "0,1", "--brain", "copying"]
    for name, seeds in (("one", "2"), ("again", "2"), ("other", "1")):
        assert main([*words, "--seeds", seeds, "-o", str(tmp_path / name)]) == 0
    assert files(tmp_path / "one") == files(tmp_path / "again")
    assert files(tmp_path / "one")["rows.jsonl"] != files(tmp_path / "other")["rows.jsonl"]


@pytest.mark.req("S5.G3")
def test_the_results_hold_every_number_of_examples_and_the_summary_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*SMALL, "--k", "0,1,3,5", "--brain", "template", "-o", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert list(results["by_k"]) == ["0", "1", "3", "5"]
    assert results["brain"]["says"].startswith("no model is asked")
    assert {item["measure"] for item in results["compared"]} == {"clean", "holds", "right"}
    assert all("detectable" in item for item in results["compared"])
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["k"], row["trial"]["scenario"]) for row in rows] == [
        (k, name) for k in (0, 1, 3, 5) for name in SMALL[3::2]
    ]
    shown = capsys.readouterr()
    assert shown.out == (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "No language model was asked: this says nothing about one." in shown.out


def test_a_recording_played_gives_the_rows_that_were_recorded(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    words = [*SMALL, "--k", "0,3"]
    assert main([*words, "--brain", "crowded", "--record", str(tape), "-o", str(tmp_path / "live")]) == 0
    assert main([*words, "--replay", str(tape), "-o", str(tmp_path / "again")]) == 0
    assert files(tmp_path / "live")["rows.jsonl"] == files(tmp_path / "again")["rows.jsonl"]
    head = json.loads(tape.read_text(encoding="utf-8").splitlines()[0])
    assert (head["suite"], head["arms"], head["models"]) == ("shots", ["k=0", "k=3"], ["crowded"])


def test_trials_whose_recording_does_not_fit_do_not_count_and_nothing_is_concluded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = tmp_path / "tape.jsonl"
    assert main([*SMALL, "--k", "1", "--brain", "copying", "--record", str(tape)]) == 0
    assert main([*SMALL, "--k", "1,3", "--replay", str(tape), "-o", str(tmp_path)]) == 3
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert len(results["invalid"]) == 2
    assert results["enough"] is None
    assert results["by_k"]["1"]["shares"]["first"]["n"] == 2
    assert "2 trials do not count" in capsys.readouterr().out


def test_a_recording_of_other_scenarios_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tape = tmp_path / "tape.jsonl"
    assert main([*SMALL, "--k", "1", "--brain", "copying", "--record", str(tape)]) == 0
    tape.write_text(
        tape.read_text(encoding="utf-8").replace('"suite_version":1', '"suite_version":99'), encoding="utf-8"
    )
    assert main([*SMALL, "--k", "1", "--replay", str(tape)]) == 1
    assert "was recorded for other scenarios (shots 99)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--k", "0,many"], "no list of numbers"),
        (["--k", "9"], "from 0 to 5"),
        (["--brain", "clever"], "There are: live, template, null"),
        (["--brain", "null", "--model", "house"], "takes no model"),
        (["--brain", "null", "--replay", "tape"], "Give one of brain and replay"),
        (["--only", "nobody"], "no scenario 'nobody'"),
        (["--replay", "not-there"], "no recording that can be played"),
        (["--only", FEW[0], "--k", "0", "--brain", "template", "-o", "/proc/none"], "cannot be written"),
        (["--only", FEW[0], "--k", "0", "--brain", "null", "--record", "/proc/none"], "cannot be written"),
    ],
)
def test_what_is_typed_wrongly_ends_with_one_before_the_first_trial_and_says_what_to_do(
    more: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "shots", *more]) == 1
    shown = capsys.readouterr()
    assert told in shown.err
    assert "trials" not in shown.err
    assert not shown.out


async def test_without_a_model_in_the_settings_the_deterministic_drafter_is_measured_and_live_is_refused() -> None:
    nowhere = {"OPSTWIN_MODELS": '{"from_environment": false}'}
    run = Run(ks=(0,), names=FEW[:1])
    report, _ = await run_shots(Wanted(run=run, environ=nowhere), silent)
    assert report.brain.name == "template"
    with pytest.raises(InvalidInput) as refused:
        await run_shots(Wanted(run=run, brain="live", environ=nowhere), silent)
    assert refused.value.field == "brain"


def house(**more: Mapping[str, object]) -> Settings:
    """Settings with two providers on this machine."""
    one = {"kind": "compatible", "base_url": "http://127.0.0.1:1/v1", "model": "m1"}
    models = {"providers": {"one": one, "two": one | {"model": "m2"}}, "attempts": 1, **more}
    return Settings.model_validate({"models": models})


async def rows_with(server: ScriptedServer, choice: Choice | None, times: int = 1) -> list[Row]:
    assert choice is not None
    async with client_of(server) as http, live(choice, VirtualClock(), {}, http=http) as brain:
        return [row for _ in range(times) for row in await tried(brain, KNOWN[:1], ks=(0,))]


async def test_a_live_model_is_asked_anew_for_each_trial() -> None:
    server = ScriptedServer(otherwise=json.dumps(ANSWER))
    rows = await rows_with(server, chosen(house(), {}, None), times=2)
    assert [(row.source, row.first, row.calls) for row in rows] == [("model", True, 1)] * 2
    assert [got.data["model"] for got in server.requests] == ["m1", "m1"]


async def test_no_other_provider_stands_in_for_the_one_that_is_measured() -> None:
    server = ScriptedServer(otherwise=Fault(status=500))
    [row] = await rows_with(server, chosen(house(), {}, "two"))
    assert "down" in row.invalid
    assert {got.data["model"] for got in server.requests} == {"m2"}


def test_a_provider_is_chosen_by_its_name_or_its_model_and_others_are_refused() -> None:
    assert [chosen(house(), {}, name).place.name for name in (None, "two", "m2")] == ["one", "two", "two"]  # type: ignore[union-attr]
    environ = {"OPENAI_API_KEY": "sk-none", "OPENAI_MODEL": "gpt-x", "ANTHROPIC_API_KEY": "none"}
    found = chosen(Settings(), environ, "anthropic")
    assert found is not None
    assert [*found.settings.models.providers] == ["anthropic"]
    with pytest.raises(InvalidInput) as refused:
        chosen(house(), {}, "three")
    assert "one, two" in refused.value.next_step
    assert chosen(Settings(), {}, None) is None
