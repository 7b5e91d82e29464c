"""Secrets that a person tells in a sentence: `my password is …`, `비밀번호는 …`. Pure.

Only for what people say: here a word too many is masked rather than one too few. What programs write is read by
`opstwin.domain.secret_text`.
"""

import re
from typing import Final

from opstwin.logs import MASK

_KIND: Final = (
    r"(?:[A-Za-z0-9_]{0,30}?(?:passwords?|passwd|passphrase|passcode|secret|token|credentials?)[A-Za-z0-9_]{0,30}"
    r"|[A-Za-z0-9_]{1,30}_(?:KEY|PASS|PW|PWD)|pass[ -](?:word|phrase|code)|pwd|pw"
    r"|(?:api|access|private|secret|account)[ _-]?key)"
)
_KOREAN: Final = (
    r"(?:비밀 ?번호|비번|암호|패스워드|토큰|시크릿|비밀 ?키|(?:API|액세스|접근|개인) ?키"
    rf"|(?<![A-Za-z0-9_]){_KIND})"
)
_START: Final = r"(?<![A-Za-z0-9_./-])"
_QUOTE: Final = r"[\"'`“‘]?"
_VALUE: Final = r"([!-~]{4,200})"
_OF: Final = r"(?: (?:for|of|on|in|to)(?: [\w.-]{1,40}){1,4}?)?"
_SETS: Final = rf"{_START}(?:set|change|update|reset|rotate|make|export)\b[^.?!\n]{{0,60}}?(?<![A-Za-z0-9_])"
_FORMS: Final = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"{_START}{_KIND}{_OF} (?:is|was|=|:|as|be|will be) {_QUOTE}{_VALUE}",
        rf"{_START}{_KIND} ?[:=] ?{_QUOTE}{_VALUE}",
        rf"{_SETS}{_KIND} (?:to |(?=\S*[0-9])){_QUOTE}{_VALUE}",
        rf"{_START}(?:with|using)(?: the| this| my)? {_KIND} {_QUOTE}{_VALUE}",
        rf"{_KOREAN} ?(?:값)? ?(?:는|은|이|가|[:=]) ?{_QUOTE}{_VALUE}",
        rf"{_KOREAN} ?(?:값)? ?(?:를|을)? ?{_QUOTE}{_VALUE} ?(?=(?:으로|로|라고|이라고|입니다|이야|예요|이에요|임|야))",
    )
)
_HINT: Final = re.compile(r"pass|pw|secret|token|credential|key|비밀|비번|암호|패스|토큰|시크릿|키", re.IGNORECASE)
_MIXED: Final = re.compile(r"(?=.*[A-Za-z])(?=.*[0-9!@#$%^&*+~])")
_LONG: Final = 6
"""A word of small letters that is shorter is no password that a service takes."""

_ORDINARY_WORDS: Final = """
    about above accepted actually allowed already another around authentication authorization available because before
    being better between blocked broken cached called changed checked compromised configured correct created damaged
    default defined deleted denied deprecated different disabled during either empty enabled encrypted enough exactly
    expired exposed failing generated handled hidden ignored incorrect insecure inside instead invalid kept leaked
    limited loaded locked mandatory masked masking misconfigured missing mounted necessary needed neither never
    nothing optional outdated policy present probably production properly provided public really referenced refresh
    refused rejected removed required revoked rotated rotation safely secure server should something staging stored
    supplied support supposed through unavailable undefined unknown unset usable validation visible wanted without
    working written
"""
_ORDINARY: Final = frozenset(_ORDINARY_WORDS.split())
_REFERENCE: Final = re.compile(r"(?:env|file):", re.IGNORECASE)


def without_spoken(text: str) -> str:
    """`text` with a mask for each secret that somebody tells in it, in English or Korean."""
    if _HINT.search(text) is None:
        return text
    for form in _FORMS:
        text = form.sub(_hidden, text)
    return text


def _hidden(found: re.Match[str]) -> str:
    value = found[1].rstrip("\"'`,;.?)”’")
    if not _is_secret(value):
        return found[0]
    start = found.start(1) - found.start()
    return f"{found[0][:start]}{MASK}{found[0][start + len(value) :]}"


def _is_secret(value: str) -> bool:
    if not value or value.startswith(MASK) or _REFERENCE.match(value) or value.lower() in _ORDINARY:
        return False
    return len(value) >= _LONG or _MIXED.match(value) is not None
