"""What is said, in English and Korean, when a request cannot be read: why, what is needed, and one right sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opstwin.domain.ask import Action
from opstwin.errors import Unclear

_REASONS: Final[Mapping[str, Mapping[str, str]]] = {
    "empty": {"en": "The request is empty.", "ko": "요청이 비어 있습니다."},
    "question": {
        "en": "This reads like a question, and nothing is done on a question.",
        "ko": "질문처럼 보입니다. 질문에는 아무 작업도 하지 않습니다.",
    },
    "negation": {
        "en": "This says what not to do, so nothing is done.",
        "ko": "하지 말라는 말이 있어 아무 작업도 하지 않습니다.",
    },
    "quotes": {
        "en": "Quotation marks are not read ({unread}); values with spaces belong in a workload file.",
        "ko": "따옴표는 읽지 않습니다({unread}). 공백이 있는 값은 워크로드 파일에 써 주세요.",
    },
    "actions": {
        "en": "One request asks for one action; this one names {n}: {choices}.",
        "ko": "한 요청에는 작업 하나만 쓸 수 있습니다. 지금은 {n}개입니다: {choices}.",
    },
    "no_action": {"en": "No action is named that is known.", "ko": "알 수 있는 작업이 없습니다."},
    "near_action": {
        "en": "No action is named that is known. Is it one of these: {choices}?",
        "ko": "알 수 있는 작업이 없습니다. 혹시 이 중 하나입니까: {choices}?",
    },
    "leftover": {
        "en": "Not all of it was understood: {unread}. Nothing is done by half.",
        "ko": "이해하지 못한 말이 있습니다: {unread}. 일부만 실행하지 않습니다.",
    },
    "relative": {
        "en": "How many there should be in the end must be said as a number: {unread}.",
        "ko": "최종 개수를 숫자로 써야 합니다: {unread}.",
    },
    "missing": {"en": "Something is missing: {missing}.", "ko": "빠진 것이 있습니다: {missing}."},
    "tag": {
        "en": "The image {unread} has no tag, and none is guessed.",
        "ko": "이미지 {unread}에 태그가 없습니다. 태그는 추측하지 않습니다.",
    },
    "several": {
        "en": "One of these must be chosen for the {slot}: {choices}.",
        "ko": "{slot}: 이 중 하나만 골라 주세요: {choices}.",
    },
    "mixed": {
        "en": "One request makes one kind of change; this one makes several: {choices}.",
        "ko": "한 요청에는 한 가지 변경만 쓸 수 있습니다: {choices}.",
    },
    "variable": {
        "en": "{unread} could mean a setting or a variable of that name.",
        "ko": "{unread}: 설정인지 환경변수인지 알 수 없습니다.",
    },
    "twice": {
        "en": "The variable {unread} is given two values.",
        "ko": "환경변수 {unread}에 값이 두 개 있습니다.",
    },
    "ending": {
        "en": "It is not clear whether the value in {unread} ends with the mark at its end.",
        "ko": "{unread}: 마지막 기호가 값에 들어가는지 알 수 없습니다.",
    },
    "run_what": {
        "en": "Without an image this could start what exists or deploy something new.",
        "ko": "이미지가 없어 시작인지 배포인지 알 수 없습니다.",
    },
}

_EXAMPLES: Final[Mapping[Action, Mapping[str, str]]] = {
    Action.DEPLOY: {
        "en": "deploy {image} as {name} with 2 replicas on port 8080",
        "ko": "{image} 이미지를 {name} 이름으로 2개 복제본, 8080 포트로 배포해줘",
    },
    Action.SCALE: {"en": "scale {name} to 3", "ko": "{name} 복제본을 3개로 변경해줘"},
    Action.AUTOSCALE: {"en": "autoscale {name} between 2 and 6", "ko": "{name} 2개에서 6개까지 자동 확장해줘"},
    Action.STOP_AUTOSCALE: {"en": "stop autoscaling {name}", "ko": "{name} 자동 확장 중지해줘"},
    Action.UPGRADE: {"en": "upgrade {name} to {image}", "ko": "{name} 이미지를 {image} 로 변경해줘"},
    Action.RESTART: {"en": "restart {name}", "ko": "{name} 재시작해줘"},
    Action.STOP: {"en": "stop {name}", "ko": "{name} 중지해줘"},
    Action.START: {"en": "start {name}", "ko": "{name} 시작해줘"},
    Action.DELETE: {"en": "delete {name}", "ko": "{name} 삭제해줘"},
    Action.ROLLBACK: {"en": "roll back {name}", "ko": "{name} 롤백해줘"},
    Action.EXPOSE: {"en": "expose {name} on port 9090", "ko": "{name} 9090 포트로 공개해줘"},
    Action.SET_ENV: {"en": "set LOG_LEVEL=debug on {name}", "ko": "{name} 환경변수 LOG_LEVEL=debug 설정해줘"},
    Action.SET_RESOURCES: {
        "en": "give {name} 512Mi memory and 500m cpu",
        "ko": "{name} 메모리 512Mi, cpu 500m 로 설정해줘",
    },
    Action.MOVE: {"en": "move {name} to prod", "ko": "{name} prod로 옮겨줘"},
    Action.COPY: {"en": "copy {name} to prod", "ko": "{name} prod로 복사해줘"},
}

_PARTS: Final[Mapping[str, str]] = {
    "name": "이름", "image": "이미지", "replicas": "복제본 수", "port": "포트", "env": "환경변수", "action": "작업",
    "change": "변경할 내용", "variable": "환경변수 이름", "target": "타깃", "memory": "메모리", "cpu": "CPU",
    "autoscaling": "자동 확장", "project": "프로젝트", "source": "원래 타깃", "minimum": "최소", "maximum": "최대",
}  # fmt: skip

_LEAD: Final = {"en": "Write it like this: ", "ko": "이렇게 써 주세요: "}


def example_of(action: Action, language: str, *, name: str | None = None, image: str | None = None) -> str:
    """A full, right sentence for an action; what is known of the request stands in it."""
    default_image = "nginx:1.28" if action is Action.UPGRADE else "nginx:1.27"
    return _EXAMPLES[action][language].format(name=name or "web", image=image or default_image)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Why a request was not read, and what would help."""

    reason: str
    missing: Sequence[str] = ()
    choices: Sequence[str] = ()
    unread: Sequence[str] = ()
    slot: str = ""


def unclear(doubt: Doubt, language: str, example: str) -> Unclear:
    """The error. `details` hold `reason`, `language`, `example`, and what applies of `missing`, `choices`, `unread`."""
    korean = language == "ko"
    named = [_PARTS.get(part, part) if korean else part for part in doubt.missing]
    message = _REASONS[doubt.reason][language].format(
        n=len(doubt.choices),
        choices=", ".join(doubt.choices),
        missing=", ".join(named),
        unread=" ".join(doubt.unread),
        slot=_PARTS.get(doubt.slot, doubt.slot) if korean else doubt.slot,
    )
    lists = {"missing": list(doubt.missing), "choices": list(doubt.choices), "unread": list(doubt.unread)}
    given = {key: value for key, value in lists.items() if value}
    return Unclear(
        message,
        field=doubt.missing[0] if doubt.missing else doubt.slot or "text",
        next_step=f"{_LEAD[language]}{example}",
        details={"reason": doubt.reason, "language": language, "example": example, **given},
    )
