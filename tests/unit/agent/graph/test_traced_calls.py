"""What people see of a turn's calls is in the language of their conversation; what a model reads is not changed."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opstwin.agent.events import ToolBegan, ToolEnded
from opstwin.agent.models.scripted import ScriptedModel, Turn, call, calling
from opstwin.agent.offers import offered
from opstwin.agent.tracing import title_of
from opstwin.agent.turn import agent_of
from opstwin.tools.all_tools import REGISTRY
from tests.interaction.planner_home import Heard, Talks, talking

KOREAN = re.compile("[가-힣]")
WITHOUT_A_MODEL = ("plan_apply", "usage", "workload_get")


@pytest.fixture
async def talks(tmp_path: Path) -> AsyncIterator[Talks]:
    async with talking(tmp_path) as found:
        yield found


def titles(heard: Heard) -> list[str]:
    return [item.title for item in heard.events if isinstance(item, ToolBegan)]


def outcomes(heard: Heard) -> list[str]:
    return [item.summary.splitlines()[0] for item in heard.events if isinstance(item, ToolEnded)]


async def test_every_tool_that_the_agent_may_call_has_a_title_in_both_languages(talks: Talks) -> None:
    named = {*offered(REGISTRY, agent_of(await talks.person())), *WITHOUT_A_MODEL, "discover_endpoint"}
    for name in named:
        assert KOREAN.search(title_of(REGISTRY[name], "ko")), name
        assert title_of(REGISTRY[name], "en") == REGISTRY[name].title


@pytest.mark.parametrize(
    "words",
    [
        "뭐가 돌고 있어?", "web 진단해줘", "web 로그 보여줘", "web 이력 보여줘", "드리프트 있어?",
        "승인 대기 중인 계획 있어?", "web 메모리 얼마나 써?", "web을 3개로 늘려줘", "app:1을 api로 배포해줘",
    ],
)  # fmt: skip
async def test_a_korean_conversation_shows_its_calls_in_korean(talks: Talks, words: str) -> None:
    deployed = await talks.deployed("app:1을 web으로 2개 배포해줘")
    heard = await talks.say(words)
    for turn in (deployed, heard):
        assert titles(turn)
        assert all(map(KOREAN.search, titles(turn))), titles(turn)
        assert all(map(KOREAN.search, outcomes(turn))), outcomes(turn)


async def test_a_call_that_fails_is_told_in_korean(talks: Talks) -> None:
    heard = await talks.say("없는것이 아닌 nosuch를 3개로 늘려줘")
    heard = heard if titles(heard) else await talks.say("nosuch를 3개로 늘려줘")
    [ended] = [item for item in heard.events if isinstance(item, ToolEnded)]
    assert ended.failed
    assert KOREAN.search(ended.summary)


async def test_an_english_conversation_shows_them_in_english(talks: Talks) -> None:
    await talks.deployed("app:1을 web으로 2개 배포해줘")
    heard = await talks.say("what is there?")
    assert titles(heard) == ["What runs"]
    assert not any(map(KOREAN.search, outcomes(heard)))


async def test_a_model_reads_the_same_whatever_the_language(tmp_path: Path) -> None:
    read = []
    for number, words in enumerate(("what is there?", "뭐가 있어?")):
        turns: list[Turn] = [calling(call("twin_query")), "ok"]
        model = ScriptedModel(turns)
        async with talking(tmp_path / str(number), model) as found:
            await found.say(words)
        read.append(re.sub(r"\b[0-9a-f]{6,}\b", "", model.requests[1].messages[-1].text))
    assert read[0] == read[1]
