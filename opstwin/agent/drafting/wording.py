"""What people are told about a draft, in English and in Korean."""

from collections.abc import Sequence
from typing import Final

from opstwin.agent.drafting.checking import Verdict
from opstwin.domain.example import Example

_WHY: Final[dict[str, tuple[str, str]]] = {
    "no_key": ("no language model is set up", "언어 모델이 설정되어 있지 않습니다"),
    "down": ("the language model does not answer", "언어 모델이 응답하지 않습니다"),
    "timeout": ("the language model took too long", "언어 모델의 응답이 너무 늦습니다"),
    "rate_limited": ("the language model takes no more requests now", "언어 모델이 지금은 요청을 더 받지 않습니다"),
    "breaker": (
        "the language model failed several times and is left alone for a while",
        "언어 모델이 여러 번 실패하여 잠시 호출하지 않습니다",
    ),
    "budget": ("the budget for the language model is used up", "언어 모델의 예산을 모두 사용했습니다"),
    "bad_output": (
        "the language model's answers could not be used",
        "언어 모델의 답변을 사용할 수 없습니다",
    ),
    "truncated": ("the language model's answer was cut off", "언어 모델의 답변이 중간에 끊겼습니다"),
    "refused": ("the language model refused to answer", "언어 모델이 답변을 거절했습니다"),
    "policy": ("the policy cannot be used", "정책을 사용할 수 없습니다"),
    "closed": ("everything was said already", "이미 모든 값이 정해져 있습니다"),
}
"""Why no model filled a draft in, by the reason of the `ModelError`."""

_FALLBACK: Final = (
    "Made from the template, because {why}.",
    "기본 템플릿으로 만들었습니다: {why}.",
)


def is_korean(language: str) -> bool:
    """Whether the person reads Korean."""
    return language == "ko"


def why_template(reason: str, language: str, detail: str = "") -> str:
    """One sentence, and `detail`, the last fault or the next step, behind it."""
    place = int(is_korean(language))
    why = _WHY.get(reason, _WHY["down"])[place]
    return _FALLBACK[place].format(why=why) + (f" ({detail})" if detail else "")


def cited_text(examples: Sequence[Example], language: str) -> str:
    """The past deployments that a draft rests on, one line each; empty without any."""
    return "\n".join(_cited(item, is_korean(language)) for item in examples)


def template_text(verdict: Verdict, language: str) -> str:
    """The generator's reasons; for a target without manifests, that everything stays as it was said."""
    made = verdict.generated
    if made is None:
        text = "{}: 요청한 그대로입니다." if is_korean(language) else "{} runs as you said it; nothing is added."
        return text.format(verdict.workload.name)
    return made.reasoning_ko if is_korean(language) else made.reasoning


def _cited(item: Example, korean: bool) -> str:
    ooms = item.oom_events
    if korean:
        more = f", 메모리 부족 {ooms}회" if ooms else ""
        return f"- 지난 배포 #{item.id} ({item.service}): {'성공' if item.success else '실패'}{more}."
    more = f", ran out of memory {ooms} times" if ooms else ""
    return f"- Past deployment #{item.id} of {item.service}: {'succeeded' if item.success else 'failed'}{more}."
