"""Which action a text is about, where it is no request: for examples of how to say it."""

from collections.abc import Mapping
from typing import Final

from opstwin.domain.ask import Action
from opstwin.intent.english_words import PHRASES
from opstwin.intent.finishing import ACTIONS
from opstwin.intent.korean_lexicon import STEMS

_VERB: Final = "VERB "
_STEMS: Final[Mapping[str, str]] = {
    **STEMS, "늘리": "scale", "줄이": "scale", "올리": "scale", "바꾸": "change", "지우": "delete", "멈추": "stop",
    "되돌리": "rollback", "옮기": "move", "띄우": "deploy",
}  # fmt: skip


def action_in(text: str, language: str) -> Action | None:
    """The action that a text names first; None where it names none."""
    found = _korean(text) if language == "ko" else _english(text)
    return ACTIONS.get(found)


def _english(text: str) -> str:
    words = [word.strip(".,!?").lower() for word in text.split()]
    kinds = (PHRASES.get(word, "") for word in words)
    return next((kind.removeprefix(_VERB) for kind in kinds if kind.startswith(_VERB)), "")


def _korean(text: str) -> str:
    places = ((text.find(stem), -len(stem), family) for stem, family in _STEMS.items() if stem in text)
    return min(places, default=(0, 0, ""))[2]
