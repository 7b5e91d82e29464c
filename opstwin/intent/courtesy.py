"""Polite words around a request: "could you …, please?" asks for the same as the bare sentence."""

import re
from typing import Final

_FILLER: Final = re.compile(r"(?:(?:hey|hi|ok|okay|so|well|alright|yes|now)[ ,]+)+", re.IGNORECASE)
_BEFORE: Final = re.compile(
    r"(?P<asks>(?:please )?(?:can|could|would|will) you"
    r"(?: (?:please|kindly|maybe|just|now|also|help me(?: to)?|go ahead and))*)(?= )"
    r"|(?:i|we)(?: (?:want|need|wish|would like|have)|['’]d like)(?: you)? to(?= )"
    r"|(?:let['’]?s|let us|(?:please )?go ahead and|time to)(?= )",
    re.IGNORECASE,
)
_AFTER: Final = re.compile(
    r"[ ,]+(?:for (?:me|us)|please|thanks|thank you|thx|right (?:now|away)|when you can|if you can|if possible)$",
    re.IGNORECASE,
)
_ASKING: Final = re.compile(
    r"(?:줄래요?|주실래요?|주실래|(?:줄|주실) ?수 ?있(?:어요?|나요?|니|을까요?|습니까)"
    r"|주시겠어요?|주시겠습니까|주겠어요?|주겠니|주면 ?안 ?될까요?)\s*[?？]+$"
)

_TAIL: Final = 40
"""Characters at the end that are looked at: the patterns take the square of the length."""


def without_courtesy(text: str, *, korean: bool) -> str:
    """The request itself. A question mark goes only with words that ask for it to be done, never by itself."""
    if korean:
        return text.rstrip("?？ ") if _ASKING.search(text[-_TAIL:]) else text
    filler = _FILLER.match(text)
    text = text[filler.end() :] if filler else text
    before = _BEFORE.match(text)
    bare = text[before.end() :].lstrip(" ,") if before else text
    if before and before["asks"]:
        bare = bare.rstrip("?？ ")
    return _stripped(bare)


def _stripped(text: str) -> str:
    end = text.rstrip(" .!")
    while (found := _AFTER.search(end[-_TAIL:])) is not None:
        end = end[: len(end) - len(found[0])].rstrip(" ,")
    return end if len(end) < len(text.rstrip(" .!")) else text
