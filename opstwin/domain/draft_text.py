"""Who filled in what nobody said, as lines of a plan: made from the plan's own record, in fixed words."""

from collections.abc import Iterable, Mapping
from typing import Final

from opstwin.domain.draft_origin import DraftOrigin
from opstwin.domain.text import visible

_MOST: Final = 5
"""Past deployments that are named; there are no more in a prompt."""

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "filled": (
        "{name}: {source} filled in what nobody said. Confidence {confidence}.",
        "{name}: 말하지 않은 값은 {source} 채웠습니다. 신뢰도 {confidence}.",
    ),
    "examples": ("It rests on {ids}.", "참고한 배포: {ids}."),
    "more": ("{ids} and {count} more", "{ids} 외 {count}개"),
    "model": ("a language model", "언어 모델이"),
    "cache": ("a language model's kept answer", "보관된 언어 모델의 답이"),
    "template": ("the template and the records, no language model,", "언어 모델 없이 템플릿과 기록이"),
}


def draft_lines(drafts: Iterable[DraftOrigin] | None, language: str = "en") -> list[str]:
    """A line for each draft and an empty one behind them; none without drafts."""
    lines = [f"  # {_line(item, language)}" for item in drafts or ()]
    return [*lines, ""] if lines else []


def _line(item: DraftOrigin, language: str) -> str:
    source = item.source if item.source in _WORDS else "template"
    told = _say(
        "filled", language, name=_safe(item.workload), source=_say(source, language),
        confidence=f"{item.told:.0%}",
    )  # fmt: skip
    if not item.examples:
        return told
    ids = ", ".join(map(_safe, item.examples[:_MOST]))
    if len(item.examples) > _MOST:
        ids = _say("more", language, ids=ids, count=len(item.examples) - _MOST)
    return f"{told} {_say('examples', language, ids=ids)}"


def _say(key: str, language: str, **given: object) -> str:
    english, korean = _WORDS[key]
    return (korean if language == "ko" else english).format(**given)


def _safe(name: str) -> str:
    return visible(name[:80], one_line=True)
