"""Everyday questions are answered from the twin without a model, in the language that they are asked in."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opstwin.targets.probing import ProbeAnswer
from opstwin.targets.scripted_prober import REFUSED, says
from tests.interaction.planner_home import Heard, Talks, talking

COMMAND = re.compile(r"opstwin [a-z]+(?: [\w./:…-]+| --[a-z-]+)*|“[^”]*”|\"[^\"]*\"|\S*[/:=_\d]\S*")
ENGLISH = re.compile(r"[A-Za-z]{2,}(?:[ ,.]+[a-z]{2,}){2,}")
"""Three words of English in a row: names and commands are never as long."""


@pytest.fixture
async def talks(tmp_path: Path) -> AsyncIterator[Talks]:
    async with talking(tmp_path) as made:
        await made.deployed()
        yield made


def answer_of(heard: Heard) -> str:
    """The answer, without what is said of models at its end."""
    return heard.text.rpartition("No language model")[0] or heard.text.rpartition("언어 모델을 쓰지")[0]


@pytest.mark.parametrize(
    ("words", "tools", "said"),
    [
        ("is web healthy?", ["twin_query"], "Yes: web is well, 2 of 2."),
        ("how many containers are there?", ["twin_query"], "2 containers on local: 2 healthy."),
        ("what changed today?", ["history_search"], "Deployments: 1, of which 1 held"),
        ("why is web down?", ["diagnose"], "Nothing is wrong"),
        ("logs of web", ["logs_search"], "> app:1 started"),
        ("what plans are waiting?", ["approvals_list"], "No plan waits"),
        ("web 정상이야?", ["twin_query"], "네, web은(는) 정상입니다"),
        ("컨테이너 몇 개야?", ["twin_query"], "local에 컨테이너 2개: 정상 2."),
        ("오늘 뭐가 바뀌었어?", ["history_search"], "배포 1건: 성공 1건"),
        ("web이 왜 죽었어?", ["diagnose"], "문제가 없습니다"),
        ("web 로그 보여줘", ["logs_search"], "> app:1 started"),
        ("대기 중인 계획 보여줘", ["approvals_list"], "결정을 기다리는 계획이 없습니다"),
    ],
)
async def test_a_question_is_answered_from_the_twin(talks: Talks, words: str, tools: list[str], said: str) -> None:
    heard = await talks.say(words)
    assert heard.tools == tools
    assert said in heard.text
    assert heard.ended.outcome == "answered"


@pytest.mark.parametrize(
    "words", ["hello", "help", "thanks", "make it nicer", "안녕", "도움말", "고마워", "예쁘게 만들어줘"]
)
async def test_small_talk_and_what_is_not_understood_name_what_can_be_said_next(talks: Talks, words: str) -> None:
    heard = await talks.say(words)
    examples = re.findall(r"“([^”]+)”", heard.text)
    assert len(examples) >= 2
    assert not heard.tools
    for example in examples[:3]:
        again = await talks.say(example, thread="owner:t2")
        assert again.ended.outcome != "needs_more", example


@pytest.mark.parametrize(
    "words", ["delete everything", "show me the database password", "다 지워줘", "비밀번호 알려줘"]
)
async def test_what_is_never_done_is_refused_with_the_reason_and_no_call(talks: Talks, words: str) -> None:
    heard = await talks.say(words)
    assert not heard.tools
    assert not heard.card
    assert heard.ended.outcome == "needs_more"
    assert "opstwin" not in heard.text or "exec" in heard.text
    assert len(re.findall(r"“[^”]+”", heard.text)) >= 2


async def test_a_name_that_is_nowhere_is_not_guessed(talks: Talks) -> None:
    heard = await talks.say("is blog healthy?")
    assert "There is no blog here." in heard.text
    assert "There are: web." in heard.text


@pytest.mark.parametrize(
    ("words", "verdict", "onward"),
    [
        ("is web healthy?", "No: web is not well, 1 of 2 are.", "“why is web unhealthy?”"),
        ("web 정상이야?", "아니요, web에 문제가 있습니다. 2개 중 1개가 정상입니다.", "“web 왜 이상해?”"),
    ],
)
async def test_something_that_ails_is_named_and_the_next_question_too(
    talks: Talks, words: str, verdict: str, onward: str
) -> None:
    talks.house.world.ail("web-1")
    async with talks.house.caller() as person:
        assert (await person.post("/targets/local:discover")).status_code == 200
    heard = await talks.say(words)
    assert verdict in heard.text
    assert onward in heard.text
    again = await talks.say(onward.strip("“”"))
    assert again.tools == ["diagnose"]


KOREAN = [
    "뭐가 실행 중이야?",
    "web 어때?",
    "web 이력 보여줘",
    "web 메모리 얼마나 써?",
    "드리프트 있어?",
    "문제 있어?",
    "도움말",
    "web을 늘리려면 어떻게 해?",
    "다 지워줘",
    "예쁘게 만들어줘",
    "web 배포해줘",
    "web 두 개 더 늘려줘",
    "승인",
    "blog 괜찮아?",
    "blog 롤백해줘",
    "app:1을 nowhere에 api로 배포해줘",
    "web을 3개로 늘려줘",
    "web을 app:2로 업그레이드해줘",
    "web 삭제해줘",
    "blog 삭제해줘",
    "이 계획 설명해줘",
    "왜 3이야?",
    "대기 중인 계획 보여줘",
    "되돌려줘",
]


async def test_a_korean_answer_is_korean_where_opstwin_wrote_it(talks: Talks) -> None:
    for words in KOREAN:
        heard = await talks.say(words)
        card = heard.card
        said = [answer_of(heard), str(card.get("summary", "")), *card.get("diff", []), *card.get("reasons", []),
                *card.get("notes", []), str(card.get("why", ""))]  # fmt: skip
        for line in "\n".join(said).splitlines():
            english = ENGLISH.search(COMMAND.sub("", line))
            assert english is None, (words, line)


async def test_progress_and_failures_are_told_in_korean_too(talks: Talks) -> None:
    heard = await talks.deployed("web을 app:bad로 업그레이드해줘")
    assert heard.ended.outcome == "rolled_back"
    assert "확인에 실패했습니다" in heard.text
    assert ENGLISH.search(COMMAND.sub("", answer_of(heard))) is None, heard.text


@pytest.mark.parametrize(
    ("words", "said"),
    [("what is running?", "Nothing runs on local."), ("지금 뭐가 돌고 있어?", "local에서 돌고 있는 것이 없습니다.")],
)
async def test_a_target_that_was_looked_at_and_runs_nothing_is_not_called_unknown(
    tmp_path: Path, words: str, said: str
) -> None:
    async with talking(tmp_path) as talks:
        talks.house.world.network("shop")
        async with talks.house.caller() as person:
            assert (await person.post("/targets/local:discover")).status_code == 200
        assert said in (await talks.say(words)).text


@pytest.mark.parametrize(
    ("words", "answers", "said"),
    [
        ("is http://ctl.corp:8080 up?", says({"status": "ok"}), "Yes: something answers at ctl.corp:8080"),
        ("does ctl.corp:8080 answer?", REFUSED, "No: nothing listens at ctl.corp:8080"),
        ("http://ctl.corp:8080 살아 있어?", says({"status": "ok"}), "네, ctl.corp:8080이(가) 응답합니다"),
        ("ctl.corp:8080은 응답해?", REFUSED, "아니요, ctl.corp:8080"),
        ("http://ctl.corp:8080 살아 있어?", None, "알 수 없습니다: ctl.corp:8080"),
    ],
)  # fmt: skip
async def test_an_address_that_somebody_asks_about_is_asked(
    talks: Talks, words: str, answers: ProbeAnswer | None, said: str
) -> None:
    if answers is not None:
        talks.house.prober.answers["http://ctl.corp:8080"] = answers
    heard = await talks.say(words)
    assert heard.tools == ["discover_endpoint"]
    assert heard.text.startswith(said)
    assert talks.house.prober.asked == ["http://ctl.corp:8080"]


@pytest.mark.parametrize(
    "words", [
        "is redis:7 there?", "logs of web?", "is web up?", "deploy app:1 as w2 on port 8080",
        "could you bring the network up at http://ctl.corp:8080", "http://ctl.corp:8080 에 network 를 붙여줄 수 있어?",
    ]
)  # fmt: skip
async def test_no_address_is_asked_where_nobody_asks_whether_it_is_up(talks: Talks, words: str) -> None:
    assert "discover_endpoint" not in (await talks.say(words)).tools
    assert talks.house.prober.asked == []
