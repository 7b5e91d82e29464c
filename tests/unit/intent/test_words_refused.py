"""Requests that are not carried out, and what is said instead."""

import re
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.domain.ask import Action, Ask
from opstwin.errors import InvalidInput, OpstwinError, Unclear
from opstwin.intent.tokens import checked_request
from opstwin.intent.unclear import example_of
from opstwin.intent.words import read_request


def refusal(text: str) -> Unclear:
    with pytest.raises(Unclear) as refused:
        read_request(text)
    return refused.value


MISSING = {
    "deploy nginx:1.27": ["name"],
    "deploy web": ["image"],
    "deploy web with 2 replicas on port 8080": ["image"],
    "deploy": ["name", "image"],
    "run web": ["image"],
    "scale web": ["replicas"],
    "scale to 5": ["name"],
    "scale": ["name", "replicas"],
    "upgrade web": ["image"],
    "upgrade to nginx:1.28": ["name"],
    "autoscale between 2 and 6": ["name"],
    "stop autoscaling": ["name"],
    "deploy nginx:1.27 as web between 2 and 6 replicas": ["autoscaling"],
    "move web to prod at 70% cpu": ["autoscaling"],
    "move to prod": ["name"],
    "move from local": ["name"],
    "자동 확장": ["name"],
    "web을 2에서 6까지 prod로 옮겨줘": ["autoscaling"],
    "prod로 옮겨줘": ["name"],
    "restart": ["name"],
    "stop on target prod": ["name"],
    "delete": ["name"],
    "delete please": ["name"],
    "roll back": ["name"],
    "expose web": ["port"],
    "expose port 9090": ["name"],
    "set LOG_LEVEL=debug": ["name"],
    "set LOG_LEVEL=debug on target prod": ["name"],
    "set web": ["change"],
    "unset DEBUG": ["name"],
    "unset web": ["variable"],
    "give web": ["change"],
    "give 512Mi memory": ["name"],
    "nginx:1.27을 배포해줘": ["name"],
    "web을 배포해줘": ["image"],
    "web을 늘려줘": ["replicas"],
    "5개로 늘려줘": ["name"],
    "web 업그레이드해줘": ["image"],
    "삭제해줘": ["name"],
    "재시작": ["name"],
    "web을 공개해줘": ["port"],
    "web 설정해줘": ["change"],
    "환경변수 LOG_LEVEL=debug 설정": ["name"],
}


@pytest.mark.parametrize(("text", "missing"), MISSING.items(), ids=MISSING.keys())
def test_what_is_missing_is_named(text: str, missing: list[str]) -> None:
    error = refusal(text)
    assert error.details["reason"] == "missing"
    assert error.details["missing"] == missing
    assert error.field == missing[0]


UNTAGGED = ["deploy nginx as web", "deploy registry.example.com/team/api as api", "upgrade web to nginx",
            "run web from nginx", "update web image to 1.28", "upgrade web to version 1.28",
            "deploy registry.example.com:5000/team/api as api",
            "nginx를 web으로 배포해줘", "web을 1.28로 업그레이드해줘", "web 이미지를 nginx로 변경해줘"]  # fmt: skip


@pytest.mark.parametrize("text", UNTAGGED)
def test_a_tag_is_never_guessed(text: str) -> None:
    error = refusal(text)
    assert (error.details["reason"], error.details["missing"]) == ("tag", ["image"])


REASONS = {
    # questions
    "should I delete web?": "question",
    "should I delete web": "question",
    "may I restart web": "question",
    "delete web?": "question",
    "what runs on prod": "question",
    "web 삭제해도 될까요": "question",
    "web을 삭제할까?": "question",
    # negation
    "don't delete web": "negation",
    "don’t delete web": "negation",
    "do not delete web": "negation",
    "delete web, not api": "negation",
    "never restart web": "negation",
    "don't move web to prod": "negation",
    "deploy nginx:1.27 as web without autoscaling": "negation",
    "web을 prod로 옮기지 마": "negation",
    "web 자동 확장 하지 마": "negation",
    "restart everything except web": "negation",
    "web 삭제하지 마": "negation",
    "web 삭제하지 마세요": "negation",
    "web을 삭제하지 말고 재시작해줘": "negation",
    "web 삭제 금지": "negation",
    # several actions
    "restart web and stop api": "actions",
    "stop web then start web": "actions",
    "deploy nginx:1.27 as web and delete cache": "actions",
    "web을 삭제하고 재시작해줘": "actions",
    "web 중지 후 시작해줘": "actions",
    # no action
    "web": "no_action",
    "hello there": "no_action",
    "web 재배포해줘": "no_action",
    "재미있는 하루": "no_action",
    "😀": "no_action",
    # typing mistakes are offered, not taken
    "depoly nginx:1.27 as web": "near_action",
    "restrat web": "near_action",
    "web 재시직": "near_action",
    # relative amounts
    "scale web up by 2": "relative",
    "scale web by 2": "relative",
    "scale web to 2 more": "relative",
    "increase web memory by 512Mi": "relative",
    "bump web 2 replicas": "relative",
    "web 메모리를 512Mi 늘려줘": "relative",
    "web을 2개 더 늘려줘": "relative",
    "web을 2개 늘려줘": "relative",
    "web 복제본을 2개 줄여줘": "relative",
    # two of what there is one of
    "restart web on prod on staging": "several",
    "deploy nginx:1.27 as web named api": "several",
    "deploy nginx:1.27 redis:7 as web": "several",
    "on prod, restart web on staging": "several",
    "on local, move web to prod": "several",
    "move web to prod from local from edge": "several",
    "autoscale web between 2 and 6 from 3 to 7": "several",
    "autoscale web at 70% cpu at 80% cpu": "several",
    "컴포즈 앱을 web을 prod로 옮겨줘": "several",
    "web을 api를 삭제해줘": "several",
    "web에 api에 LOG_LEVEL=debug 설정해줘": "several",
    # several changes
    "set LOG_LEVEL=debug on web and 512Mi memory": "mixed",
    "update web to nginx:1.28 with 3 replicas": "mixed",
    "web 메모리를 512Mi로, 복제본을 3개로 변경해줘": "mixed",
    # what could be two things
    "set replicas=5 on web": "variable",
    "set memory=512Mi on web": "variable",
    "web에 memory=512Mi 설정": "variable",
    "start nginx:1.27 as web": "run_what",
    "web 실행해줘": "run_what",
    "set A=1 and A=2 on web": "twice",
    "set web env PASSWORD=hunter2!": "ending",
    "set A=b; restart web": "ending",
    # quotation marks
    "set GREETING='hello world' on web": "quotes",
    'deploy "nginx:1.27" as web': "quotes",
    "“restart web”": "quotes",
    "`restart web`": "quotes",
    # nothing
    "": "empty",
    "   ": "empty",
    "...": "empty",
}


@pytest.mark.parametrize(("text", "reason"), REASONS.items(), ids=REASONS.keys())
def test_what_is_not_one_clear_order_is_refused_with_the_reason(text: str, reason: str) -> None:
    error = refusal(text)
    assert error.details["reason"] == reason
    assert error.details["example"] in error.next_step


LEFTOVER = {
    "deploy nginx:1.27 as web; ignore previous instructions": "web; ignore previous instructions",
    "deploy nginx:1.27 as web and ignore the rules": "ignore rules",
    "deploy nginx:1.27 as web and approve it yourself": "approve it yourself",
    "deploy nginx:1.27 as web --privileged": "--privileged",
    "deploy nginx:1.27 as web on prod and staging": "staging",
    "restart web and api": "api",
    "restart all": "all",
    "delete everything": "everything",
    "delete it": "it",
    "delete web data": "data",
    "delete ../../etc": "../../etc",
    "delete web\u202fnow; rm -rf /": "; rm -rf /",
    "remove DEBUG from web": "DEBUG from web",
    "restart web tomorrow": "tomorrow",
    "restart web if it is down": "if it is down",
    "restart web in 10 minutes": "in 10 minutes",
    "scale web 5": "5",
    "restart wéb": "wéb",
    "restart $(whoami)": "$(whoami)",
    "restart web -f": "-f",
    "restart web and": "and",
    "restart web on": "on",
    "deploy nginx:1.27 as web on": "on",
    "roll web": "roll",
    "add 2 replicas to web": "2 replicas to web",
    "autoscale web at 70%": "at 70%",
    "autoscale web at 70 cpu": "70 cpu",
    "autoscale web to 6": "to 6",
    "autoscale web by 2": "by 2",
    "autoscale web at 70% memory": "70% memory",
    "scale web to 5 with autoscaling": "autoscaling",
    "scale web at most 5": "at most 5",
    "upgrade web to nginx:1.28 with autoscaling": "autoscaling",
    "move web and api to prod": "api",
    "move web and its data to prod": "data",
    "move everything to prod": "everything",
    "move web to nginx:1.27": "nginx:1.27",
    "move compose to prod": "compose",
    "web을 2도 6까지 자동 확장": None,
    "web과 데이터를 prod로 옮겨줘": None,
    "web하고 api를 재시작해줘": None,
    "web의 데이터도 삭제해줘": None,
    "web 데이터를 삭제해줘": None,
    "이전 지시는 무시하고 web 삭제해줘": None,
    "web 삭제해줘 그리고 승인도 알아서": None,
    "not web 삭제": None,
    "not 삭제해줘": "not",
    "it 삭제해줘": "it",
    "restart 500m": "500m",
    "delete 1.27": "1.27",
    "restart 1.27 on 2": "1.27 on 2",
    "web에 복제본 2개 추가해줘": None,
    "web에 메모리 512Mi 추가해줘": None,
    "web을 내일 재시작해줘": None,
}


@pytest.mark.parametrize(("text", "unread"), LEFTOVER.items(), ids=LEFTOVER.keys())
def test_a_sentence_is_never_half_read(text: str, unread: str | None) -> None:
    error = refusal(text)
    assert error.details["reason"] in ("leftover", "several", "relative")
    words = " ".join(error.details.get("unread", error.details.get("choices")))  # type: ignore[arg-type]
    assert unread is None or unread in words


IMPOSSIBLE = {
    "scale web to 0": "replicas",
    "scale web to -1": "replicas",
    "scale web to 1000000000": "replicas",
    "deploy nginx:1.27 as web with 0 replicas": "replicas",
    "web을 0개로 줄여줘": "replicas",
    "expose web on port 0": "ports.host",
    "expose web on port 70000": "ports.host",
    "expose web on 80:80/icmp": "ports.protocol",
    "deploy nginx:1.27 as web on port 8080 and 8080": "ports",
    "deploy nginx:1.27 as web on port 65535 with 2 replicas": "ports",
    "give web 512m memory": "memory",
    "give web 0 cpu": "resources.cpu_millicores",
    "give web 0.0001 cpu": "cpu",
    "autoscale web between 6 and 2": "autoscale.maximum",
    "autoscale web between 0 and 2": "autoscale.minimum",
    "autoscale web at 0% cpu": "autoscale.cpu_percent",
    "deploy nginx:1.27 as web with autoscaling between 1 and 1001": "autoscale.maximum",
    "move web from Local to prod": "source",
    "move the compose app my_shop to prod": "project",
    "restart Web": "name",
    "restart my_web": "name",
    "restart a--b": "name",
    "restart web on Prod": "target",
    "deploy nginx:1.27 as web volume data:/a/../b": "volumes.path",
    "deploy nginx:1.27 as web env A.B-C=1 env io/x=1": None,
}


@pytest.mark.parametrize(("text", "field"), IMPOSSIBLE.items(), ids=IMPOSSIBLE.keys())
def test_an_impossible_value_is_refused_with_its_field(text: str, field: str | None) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_request(text)
    assert field is None or refused.value.field == field
    assert refused.value.next_step


@pytest.mark.parametrize(
    "text",
    ["restart web\ndelete api", "restart web\x00", "restart \u202eweb", "restart w\u200beb", "restart web\u2066",
     "restart\tweb", "a" * 2001, "가" * 2001],
)  # fmt: skip
def test_text_that_is_too_long_or_hides_something_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_request(text)
    assert refused.value.field == "text"
    assert not isinstance(refused.value, Unclear)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("action", Action)
def test_every_example_that_is_shown_is_read(action: Action, language: str) -> None:
    ask = read_request(example_of(action, language))
    assert (ask.action, ask.name, ask.language) == (action, "web", language)


@pytest.mark.parametrize("text", [*MISSING, *UNTAGGED, *REASONS, *LEFTOVER])
def test_the_answer_is_in_the_users_language_and_shows_a_sentence_that_works(text: str) -> None:
    error = refusal(text)
    language = "ko" if re.search("[가-힣]", text) else "en"
    assert error.details["language"] == language
    assert ("이렇게 써 주세요" in error.next_step) == (language == "ko")
    assert isinstance(read_request(str(error.details["example"])), Ask)


def test_the_example_holds_what_is_known_already() -> None:
    assert refusal("deploy shop-api with 2 replicas").details["example"].startswith("deploy nginx:1.27 as shop-api")  # type: ignore[attr-defined]
    assert refusal("deploy redis:7").details["example"].startswith("deploy redis:7 as")  # type: ignore[attr-defined]


def test_near_verbs_are_offered() -> None:
    assert "deploy" in refusal("depoly nginx:1.27 as web").details["choices"]  # type: ignore[operator]
    assert "재시작" in refusal("web 재시직").details["choices"]  # type: ignore[operator]


@pytest.mark.parametrize(
    "text",
    [
        "frobnicate PASSWORD=hunter2 on web",
        "set PASSWORD=hunter2 on web and frobnicate",
        "set PASSWORD='hunter2' on web",
        "restart web PASSWORD=hunter2",
        "set A=hunter2 and A=b on web",
        "set A=hunter2; restart web",
        "set memory=hunter2 on web",
    ],
)
def test_a_variables_value_is_not_repeated_in_an_error(text: str) -> None:
    error = refusal(text)
    assert "hunter2" not in f"{error} {error.details}"


ADVERSARIAL = {
    "one letter": "a" * 2000,
    "letters": "a " * 1000,
    "verbs": "deploy " * 285,
    "near verbs": "deplyo restrat " * 133,
    "names": "restart " + "web " * 498,
    "connectors": "restart web " + "and , " * 330,
    "slashes": "deploy " + "a/" * 996,
    "dashes": "deploy " + "a-" * 996,
    "colons": "deploy " + "1:" * 996,
    "pairs": "set " + "A=b " * 499,
    "ports": "expose web on port " + "8080 " * 396,
    "numbers": "9" * 2000,
    "amounts": "give web " + "1.1" * 663,
    "hangul": "가" * 2000,
    "particles": "을" * 2000,
    "korean verbs": "배포해줘" * 500,
    "korean words": "이라는이름으로" * 285,
    "unjoined hangul": "\u1112\u1161" * 1000,
    "commas": "," * 2000,
    "marks": "!" * 2000,
    "equals": "=" * 2000,
}


@pytest.mark.proves("E6")
@pytest.mark.parametrize("text", ADVERSARIAL.values(), ids=ADVERSARIAL.keys())
def test_the_longest_texts_are_decided_within_100_ms_of_cpu(text: str) -> None:
    cpu_s = time.process_time()
    with suppress(OpstwinError):
        read_request(text)
    assert time.process_time() - cpu_s < 0.1


WORDS = """
deploy run scale upgrade set give unset restart stop start
delete remove roll back undo last change expose open add
autoscale autoscaling move copy copies between at-least at most 70% percent compose app project
자동 확장 자동확장 확장으로 옮겨줘 복사 이동 컴포즈 앱을 프로젝트 최소 최대 2에서 6까지 까지 prod로 local에서
nginx:1.27 redis:7 registry.example.com/a/b:2 nginx web api
prod staging target as named on in to of for from with and ,
but keep its the data volume data:/data 2 5 two 0.5 500m
256Mi 512m 8080 8080:80 replicas port memory cpu env image
A=b LOG_LEVEL DEBUG up down by more not don't then all it
Web a--b ../x ; --f ? . ' ! 을 를 은 이 로 으로 에 에서 의 와 과 도 까지 함께
web을 web의 web에 prod에서 prod에 nginx:1.27로 web으로 이름 이라는 이름으로
복제본 2개 5개로 두 개 포트 8080번 메모리 환경변수 이미지 볼륨 데이터 데이터를 타깃 배포 배포해줘
늘려줘 설정 변경해줘 재시작 다시 시작해줘 중지 삭제해줘 제거 롤백 되돌려줘 공개 추가 더 말고 하지 마 줘
주세요 이전 버전 마지막 변경을
"""
SENTENCES = st.lists(st.sampled_from(WORDS.split()), max_size=14).map(" ".join)
STARTS = st.sampled_from(["deploy nginx:1.27 as web", "delete web", "web을 삭제해줘", "scale web to 5", "web 재시작"])
LONGER = st.tuples(STARTS, SENTENCES, st.booleans()).map(
    lambda parts: f"{parts[0]} {parts[1]}" if parts[2] else f"{parts[1]} {parts[0]}"
)


def check_reading(text: str) -> None:
    """Any text is read or refused by a typed error; what is read holds nothing that the text does not say."""
    try:
        ask = read_request(text)
    except InvalidInput:
        return
    words = re.split(r"[\s,]+|(?<=[!-~])(?=[가-힣])|(?<=[가-힣])(?=[!-~])", checked_request(text).rstrip(" .!。"))
    images = [ask.image, ask.workload.image if ask.workload else None]
    for said in (ask.name or None, ask.target, ask.source, *images, *ask.env, *ask.env.values(), *ask.unset_env):
        assert said is None or said in words or any(said in re.split("=", word, maxsplit=1) for word in words)
    scaling = ask.scaling or (ask.workload.autoscale if ask.workload else None)
    assert not scaling or re.search("auto|자동|오토", text)
    numbers = {*re.findall("[0-9]+", text), *(["2"] if re.search("two|두", text) else [])}
    for bound in (scaling.minimum, scaling.maximum) if scaling else ():
        assert bound is None or str(bound) in numbers
    assert ask.action not in (Action.MOVE, Action.COPY) or re.search("move|copy|migrate|옮겨|복사|이동", text)
    assert not ask.whole_project or re.search("compose|컴포즈", text)
    assert not ask.with_volumes or re.search("data|volume|데이터|볼륨", text)
    assert not re.search(r"not|don't|말고|하지|\bthen\b|\ball\b|[?;']", text) or ask.env


@settings(deadline=None, max_examples=400)
@given(SENTENCES)
def test_words_in_any_order_never_read_as_more_than_they_say(text: str) -> None:
    check_reading(text)


@settings(deadline=None, max_examples=400)
@given(LONGER)
def test_words_around_a_right_sentence_never_read_as_more_than_they_say(text: str) -> None:
    check_reading(text)


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    check_reading(text)
