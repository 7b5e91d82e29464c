"""What the chat says itself, in English and Korean."""

import os
from collections.abc import Mapping
from typing import Final

APPROVE: Final = frozenset({"approve", "승인"})
REJECT: Final = frozenset({"reject", "거절"})
LEAVE: Final = frozenset({"quit", "exit", "/quit", "/exit", "/q", "종료", "끝"})
SHOW: Final = frozenset({"plan", "/plan", "계획"})
HELP: Final = frozenset({"help", "/help", "?", "도움말"})

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "hello": "Say what should change, or ask. help shows what else can be typed; Ctrl-D leaves.",
        "help": "approve [REASON] · reject REASON · plan (show it again) · quit. Anything else is said to the agent.",
        "decide": "Type: approve, or reject REASON. Ask about it, or leave it: it waits until {until}.",
        "others": "You may not approve it. Who may: {names}. They run: {command}, or open {url}. You can type: reject "
        "REASON. It waits until {until}.",
        "nobody": "You may not approve it, and nobody else on this hub may yet: opstwin people add NAME, or policy = "
        "solo. You can type: reject REASON. It waits until {until}.",
        "who": "Who may approve: {names} · {how}",
        "by": "Filled in by: {text}",
        "by_model": "a language model",
        "by_cache": "a language model's kept answer",
        "by_template": "the template and the records, no language model",
        "nothing": "No plan waits for a decision in this conversation.",
        "why": "Say why: reject REASON",
        "approved": "Approved {plan}.",
        "rejected": "Rejected {plan}.",
        "name": "This cannot be undone. Type the target's name ({target}) to approve it.",
        "wrong_name": "The name does not match; nothing was approved.",
        "stopped": "Stopped. What is applied already goes on in the hub.",
        "back": "Come back: opstwin chat --thread {thread}",
        "pending": "Plan {plan} waits for a human.",
        "because": "Why: {text}",
        "past": "Leans on: {text}",
        "confidence": "Confidence: {text}",
        "took": "{source} · {tokens} tokens · {cost}",
        "no_price": "price not known",
        "in_vain": "asked in vain",
        "lost": "The connection broke; looking again…",
    },
    "ko": {
        "hello": "무엇을 바꿀지 말하거나 물어보세요. 도움말은 help, 나가려면 Ctrl-D.",
        "help": "승인 [이유] · 거절 이유 · 계획 (다시 보기) · 종료. 나머지는 에이전트에게 전해집니다.",
        "decide": "승인 또는 거절 이유 를 입력하세요. 질문하거나 그대로 두어도 됩니다: {until}까지 기다립니다.",
        "others": "이 계정으로는 승인할 수 없습니다. 승인할 수 있는 사람: {names}. 실행: {command}, 또는 {url}. "
        "거절 이유 는 입력할 수 있습니다. {until}까지 기다립니다.",
        "nobody": "이 계정으로는 승인할 수 없고, 이 허브에 승인할 수 있는 사람이 없습니다: opstwin people add NAME, "
        "또는 policy = solo. 거절 이유 는 입력할 수 있습니다. {until}까지 기다립니다.",
        "who": "승인할 수 있는 사람: {names} · {how}",
        "by": "채운 주체: {text}",
        "by_model": "언어 모델",
        "by_cache": "보관된 언어 모델의 답",
        "by_template": "언어 모델 없이 템플릿과 기록",
        "nothing": "이 대화에는 결정을 기다리는 계획이 없습니다.",
        "why": "이유를 적어 주세요: 거절 이유",
        "approved": "{plan}을 승인했습니다.",
        "rejected": "{plan}을 거절했습니다.",
        "name": "되돌릴 수 없습니다. 승인하려면 대상 이름({target})을 입력하세요.",
        "wrong_name": "이름이 다릅니다. 승인하지 않았습니다.",
        "stopped": "멈췄습니다. 이미 적용 중인 작업은 허브에서 계속됩니다.",
        "back": "돌아오기: opstwin chat --thread {thread}",
        "pending": "계획 {plan}이 사람의 결정을 기다립니다.",
        "because": "이유: {text}",
        "past": "참고한 배포: {text}",
        "confidence": "신뢰도: {text}",
        "took": "{source} · 토큰 {tokens} · {cost}",
        "no_price": "가격 모름",
        "in_vain": "모델에 물었지만 쓰지 못함",
        "lost": "연결이 끊겼습니다. 다시 확인합니다…",
    },
}


def language_of(text: str) -> str:
    """`ko` for a text with Korean letters, else `en`; for an empty text, what the user's shell is set to."""
    if text:
        return "ko" if any("\uac00" <= letter <= "\ud7a3" for letter in text) else "en"
    return "ko" if os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("ko") else "en"


def say(language: str, key: str, **values: object) -> str:
    """One of the chat's own sentences."""
    return _WORDS[language][key].format(**values)
