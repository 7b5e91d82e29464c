"""Recordings: what was answered is answered again, what no longer fits is stale, and no secret is written."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from opstwin.agent.models.port import Message, ModelReply, ModelRequest, Role
from opstwin.agent.models.scripted import Fault, ScriptedModel
from opstwin.clock import VirtualClock
from opstwin.errors import InvalidInput, ModelError
from opstwin.evals.brains import Scripted, Trial
from opstwin.evals.cassettes import FORMAT, Head, Tape, read_cassette
from opstwin.evals.playing import Played, Recording
from opstwin.evals.watching import STALE

CANARY = "ghp_" + "c4n4ry" * 6
TRIAL = Trial(scenario="cart-api", arm="k=3", seed=1)
HEAD = Head(
    format=FORMAT, suite="shots", suite_version=1, scenarios="sha256:0", models=["house/one"], params={},
    prompts="role.1", arms=["k=3"], seeds=1, recorded_at="2026-11-21T00:00:00+00:00", redacted=["secrets"],
)  # fmt: skip
ASKED = ModelRequest(
    purpose="draft", system="You draft.", examples="one", schema={"type": "object"},
    messages=(Message(role=Role.USER, text="cart-api"),),
)  # fmt: skip


async def recorded(path: Path, *turns: str | Fault, hidden: tuple[str, ...] = ()) -> Played:
    """A recording of these turns, all of them asked the same."""
    tape = Tape(path, hidden=hidden)
    await tape.begin(HEAD)
    brain = Scripted("script", "it talks", lambda _trial: ScriptedModel(turns))
    model = Recording(brain=brain, tape=tape, clock=VirtualClock()).model(TRIAL)
    assert model is not None
    for turn in turns:
        if isinstance(turn, Fault):
            with pytest.raises(ModelError):
                await model.complete(ASKED)
        else:
            await model.complete(ASKED)
    return Played(await read_cassette(path))


async def answer(played: Played, asked: ModelRequest = ASKED, trial: Trial = TRIAL) -> ModelReply:
    model = played.model(trial)
    assert model is not None
    return await model.complete(asked)


async def stale(played: Played, asked: ModelRequest = ASKED, trial: Trial = TRIAL) -> object:
    with pytest.raises(ModelError) as raised:
        await answer(played, asked, trial)
    return raised.value.details[STALE]


async def test_what_was_recorded_is_answered_again_turn_by_turn(tmp_path: Path) -> None:
    played = await recorded(tmp_path / "tape", "first", "둘째")
    model = played.model(TRIAL)
    assert model is not None
    assert [(await model.complete(ASKED)).text for _ in range(2)] == ["first", "둘째"]
    assert played.cassette.head == HEAD
    assert played.about()["models"] == ["house/one"]


async def test_a_failure_that_was_recorded_fails_again(tmp_path: Path) -> None:
    played = await recorded(tmp_path / "tape", Fault(status=429))
    with pytest.raises(ModelError) as raised:
        await answer(played)
    assert raised.value.details["reason"] == "rate_limited"


@pytest.mark.parametrize(
    ("change", "drift"),
    [
        ({"system": "You draft well."}, "prompt-drift"),
        ({"schema": {"type": "string"}}, "schema-drift"),
        ({"examples": "two"}, "observation-drift"),
        ({"messages": (Message(role=Role.USER, text="mail"),)}, "observation-drift"),
        ({"messages": (*ASKED.messages, Message(role=Role.USER, text="Again."))}, "order-drift"),
        ({"max_tokens": 9}, "params-drift"),
    ],
)
async def test_a_request_that_is_not_the_recorded_one_says_which_part_changed(
    tmp_path: Path, change: dict[str, object], drift: str
) -> None:
    played = await recorded(tmp_path / "tape", "first")
    assert await stale(played, replace(ASKED, **change)) == drift  # type: ignore[arg-type]


async def test_more_turns_than_were_recorded_and_other_trials_are_stale(tmp_path: Path) -> None:
    played = await recorded(tmp_path / "tape", "first")
    model = played.model(TRIAL)
    assert model is not None
    await model.complete(ASKED)
    with pytest.raises(ModelError) as raised:
        await model.complete(ASKED)
    assert raised.value.details[STALE] == "order-drift"
    assert await stale(played, trial=replace(TRIAL, seed=2)) == "not recorded"


async def test_neither_secrets_nor_addresses_nor_what_was_asked_are_written(tmp_path: Path) -> None:
    path = tmp_path / "tape"
    await recorded(path, f"token={CANARY} of models.example.com", hidden=("models.example.com",))
    text = path.read_text(encoding="utf-8")
    assert CANARY not in text
    assert "models.example.com" not in text
    assert "You draft." not in text
    assert json.loads(text.splitlines()[0])["redacted"] == ["secrets"]


async def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "tape"
    await recorded(path, "first")
    with pytest.raises(InvalidInput) as refused:
        await Tape(path).begin(HEAD)
    assert refused.value.field == "record"


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "line 1"), ("{}", "line 1"), ('{"format": "other"}', "line 1"), ("HEAD\nno", "line 2"),
     (HEAD.model_copy(update={"format": "other/1"}).model_dump_json(), "format"), ("HEAD\n{}", "line 2"),
     ('HEAD\n{"scenario":"a","arm":"k=1","seed":1,"turn":0,"asked":{},"extra":1}', "line 2")],
)  # fmt: skip
async def test_a_file_that_is_no_recording_is_refused_with_the_line(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "tape"
    path.write_text(text.replace("HEAD", HEAD.model_dump_json()), encoding="utf-8")
    with pytest.raises(InvalidInput) as refused:
        await read_cassette(path)
    assert why in refused.value.message
    assert refused.value.field == "replay"


async def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        await read_cassette(tmp_path / "none")
