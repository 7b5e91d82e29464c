"""What a person is told who greets, thanks, asks for help, asks what is never done, or is not understood."""

from collections.abc import Mapping, Sequence
from typing import Final

from opstwin.agent.phrases import GREETING, HELP, HOW, NO_BYPASS, NO_SECRETS, NO_SHELL, ONE_BY_ONE, THANKS
from opstwin.domain.ask import Action
from opstwin.errors import InvalidInput
from opstwin.intent.naming import action_in
from opstwin.intent.unclear import example_of

_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    GREETING: (
        "Hello. I look after containers and clusters; nothing happens before a person approves it.",
        "안녕하세요. 컨테이너와 클러스터를 돌봅니다. 사람이 승인하기 전에는 아무것도 하지 않습니다.",
    ),
    THANKS: ("You are welcome.", "천만에요."),
    HELP: (
        "I deploy, change, stop, delete, undo, diagnose, compare and explain. No change before a person approves it.",
        "배포, 변경, 중지, 삭제, 되돌리기와 진단, 비교, 설명을 합니다. 사람이 승인하기 전에는 바꾸지 않습니다.",
    ),
    HOW: (
        "Say it like this: “{example}”. It becomes a plan; nothing runs before a person approves it.",
        "이렇게 말하세요: “{example}”. 계획이 만들어지고, 사람이 승인하기 전에는 실행되지 않습니다.",
    ),
    NO_SECRETS: (
        "Secrets are never shown, not even to a model. To set one, give a reference in a file: secret_env, env:NAME.",
        "비밀 값은 모델에게도 보여 주지 않습니다. 설정하려면 파일의 secret_env에 env:NAME 같은 참조를 쓰세요.",
    ),
    NO_SHELL: (
        "A conversation runs no shell commands. One in a container is planned by itself: opstwin exec NAME -- COMMAND",
        "대화에서는 셸 명령을 실행하지 않습니다. 컨테이너 안의 명령은 따로 계획합니다: opstwin exec 이름 -- 명령",
    ),
    NO_BYPASS: (
        "Every change needs a plan, and a person who approves that very plan. No words in a conversation change that.",
        "모든 변경에는 계획과, 바로 그 계획을 승인하는 사람이 필요합니다. 대화의 말로는 바꿀 수 없습니다.",
    ),
    ONE_BY_ONE: (
        "One request changes one workload, and I never guess which. {known}",
        "한 요청은 워크로드 하나만 바꾸며, 어떤 것인지 추측하지 않습니다. {known}",
    ),
    "known": ("There are: {names}.", "있는 것: {names}."),
    "not_understood": ("I did not understand that. {doubt}", "이해하지 못했습니다. {doubt}"),
    "try": ("Try: {examples}", "예: {examples}"),
    "still_waits": (
        "Plan {plan} still waits for a decision: {command}",
        "계획 {plan}이(가) 아직 결정을 기다립니다: {command}",
    ),
}

_QUESTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "running": ("what is running?", "뭐가 실행 중이야?"),
    "wrong": ("is anything wrong?", "문제 있어?"),
    "why": ("why is {name} unhealthy?", "{name} 왜 이상해?"),
    "changed": ("what changed today?", "오늘 뭐가 바뀌었어?"),
    "compare": ("compare {name} and {other}", "{name}와 {other} 비교해줘"),
    "logs": ("logs of {name}", "{name} 로그 보여줘"),
    "plans": ("what plans are waiting?", "대기 중인 계획 보여줘"),
    "undo": ("undo that", "되돌려줘"),
    "scale": ("scale {name} to 3", "{name} 복제본을 3개로 변경해줘"),
}
_SHOWN: Final[Mapping[str, Sequence[str]]] = {
    GREETING: ("running", "deploy", "wrong"),
    THANKS: ("running", "changed"),
    NO_SECRETS: ("running", "wrong"),
    NO_SHELL: ("logs", "wrong"),
    NO_BYPASS: ("plans", "running"),
    ONE_BY_ONE: ("running", "delete", "restart"),
    HELP: (
        "running",
        "deploy",
        "scale",
        "upgrade",
        "restart",
        "delete",
        "rollback",
        "wrong",
        "why",
        "logs",
        "compare",
        "changed",
        "plans",
        "undo",
    ),
    "not_understood": ("running", "wrong", "deploy"),
}
_GENERAL: Final = frozenset({"no_action", "question", "negation", "empty"})
"""Doubts that say nothing of what was meant; with any other the example that belongs to it is enough."""


def guidance(key: str, language: str, words: str, names: Sequence[str]) -> str:
    """The answer to small talk, to a call for help, or to what is never done; `names` are the workloads there are."""
    if key == HOW:
        return _said(language, HOW, example=_how(words, language, names))
    known = _said(language, "known", names=", ".join(names[:8])) if names else ""
    return "\n".join([_said(language, key, known=known).strip(), tried(key, language, names)])


def not_understood(doubt: InvalidInput | None, language: str, names: Sequence[str]) -> str:
    """Why it was not read, and what would be."""
    if doubt is None:
        return tried("not_understood", language, names)
    is_question = doubt.details.get("reason") == "question"
    said = "" if is_question else f"{doubt.message} {doubt.next_step}".strip()
    if doubt.details.get("reason") not in _GENERAL:
        return said
    return f"{_said(language, 'not_understood', doubt=said).strip()}\n{tried('not_understood', language, names)}"


def tried(key: str, language: str, names: Sequence[str]) -> str:
    """Two or three things, or all that there are, that can be said next."""
    examples = [f"“{_example(name, language, names)}”" for name in _SHOWN[key]]
    joined = ", ".join(examples) if key != HELP else "".join(f"\n- {example}" for example in examples)
    return _said(language, "try", examples=joined)


def waits_still(language: str, plan: str, command: str) -> str:
    """A reminder of the plan that waits."""
    return _said(language, "still_waits", plan=plan, command=command)


def _said(language: str, key: str, **values: object) -> str:
    english, korean = _TEXTS[key]
    return (korean if language == "ko" else english).format(**values)


def _how(words: str, language: str, names: Sequence[str]) -> str:
    action = action_in(words, language) or Action.DEPLOY
    name = names[0] if names and action is not Action.DEPLOY else None
    return example_of(action, language, name=name)


def _example(name: str, language: str, names: Sequence[str]) -> str:
    one, other = list(dict.fromkeys((*names, "web", "api")))[:2]
    if name in _QUESTIONS:
        english, korean = _QUESTIONS[name]
        return (korean if language == "ko" else english).format(name=one, other=other)
    action = Action(name)
    return example_of(action, language, name=None if action is Action.DEPLOY else one)
