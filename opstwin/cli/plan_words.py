"""What stands around a plan's own lines, in English and Korean."""

from collections.abc import Mapping
from typing import Final

_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "approve_it": ("Approve it: {command}", "승인하기: {command}"),
    "note": ("Note: {text}", "참고: {text}"),
    "state": (
        "State: {state}{mode} · asked for by {by} · expires {until}",
        "상태: {state}{mode} · 요청: {by} · 만료: {until}",
    ),
    "behind": ("{agent} for {person}", "{person} 대신 {agent}"),
    "decided": ("{decision} by {by} at {at}{said}", "{by}: {decision} ({at}){said}"),
}
_WORDS_KO: Final[Mapping[str, str]] = {
    "pending": "결정 대기", "approved": "승인됨", "rejected": "거절됨", "applying": "적용 중", "applied": "적용됨",
    "rolled_back": "되돌림", "failed": "실패", "stale": "낡음", "approve": "승인", "reject": "거절",
}  # fmt: skip


def phrase(language: str, key: str, **values: object) -> str:
    """One of the lines around a plan."""
    english, korean = _TEXTS[key]
    return (korean if language == "ko" else english).format(**values)


def state_word(language: str, state: str) -> str:
    """A plan's state or a decision as people call it; in English as it is."""
    return _WORDS_KO.get(state, state) if language == "ko" else state
