"""Secrets inside text that others wrote: found by how they look, and known ones in every form they may take. Pure."""

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import quote

from opstwin.logs import FOLDERS, MASK, looks_secret, redacted

SHORTEST: Final = 6
"""A known secret shorter than this would mask ordinary words, and is no secret."""

LOOKS: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\bgithub_pat_[A-Za-z0-9_]{20,}|\b(?:gh[opsru]|glpat|npm|pypi|sk|rk|pk|xox[a-z])[-_][A-Za-z0-9_-]{10,}"
    r"|\bA[KS]IA[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{30,}|\bhv[sb]\.[A-Za-z0-9_-]{20,}|\bAGE-SECRET-KEY-1[0-9A-Z]{20,}"
    r"|(?<=Basic )[A-Za-z0-9+/=_-]{8,}|(?<=Bearer )[A-Za-z0-9._~+/=-]{8,}",
    re.DOTALL,
)
"""Private keys (RFC 7468), and the tokens of GitHub, GitLab, npm, PyPI, Slack, Stripe, AWS, Google, Vault and age by
their published prefixes."""

WEB_TOKEN: Final = re.compile(
    r"\beyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+|(?P<none>\beyJ[A-Za-z0-9_-]++)"
)
"""JSON Web Tokens (RFC 7519). What only begins like one is found too, as `none`: a text of many such beginnings is then
read once, and not once from each."""

_VALUE: Final = r"(\\?\"(?:[^\"\\]|\\[^\"])*\\?\"|'[^']*'|[^\s,;&\"'}\]]+)"
NAMED: Final = re.compile(
    r"(?<![A-Za-z0-9_.-])([A-Za-z0-9_.-]{0,60}?(?:pass|pwd|secret|token|key|credential|authorization|cookie)"
    r"[A-Za-z0-9_.-]{0,60})(\\?[\"']?\s*[=:]\s*)" + _VALUE,
    re.IGNORECASE,
)
OPTION: Final = re.compile(r"(?<![A-Za-z0-9-])--?([A-Za-z][A-Za-z0-9-]{1,40})( +|\\?[\"'] *, *)" + _VALUE)
"""Also where the words of a command stand as a list, each in quotes."""

_REFERENCE: Final = re.compile(r"[\"']?(?:env|file):[A-Za-z0-9_.-]+[\"']?")
"""A secret's place and not its value."""

_OUR_WORD: Final = re.compile(r"\((?:secret|sensitive|비밀|민감한)\)?")
"""What a plan's lines have in the place of a secret: `(secret from env:NAME)`."""

_BETWEEN: Final = r"\s\"'+\\"
_GAP_LENGTH: Final = 6
_GAP: Final = f"[{_BETWEEN}]{{0,{_GAP_LENGTH}}}"
"""What may stand between the letters of a secret that was cut into pieces."""

_LETTER: Final = re.compile(rf"([^{_BETWEEN}])([{_BETWEEN}]*)")
"""One letter of a secret, and what stands behind it that could stand in a gap."""

_GLUED: Final = 64
"""Up to this length a known secret is found in pieces too."""


def without_secrets(text: str) -> str:
    """`text` with a mask for everything that looks like a secret or is named like one."""
    if not text:
        return text
    text = redacted(LOOKS.sub(MASK, WEB_TOKEN.sub(covering, text)))
    if "=" in text or ":" in text:
        text = NAMED.sub(hidden, text)
    return OPTION.sub(hidden, text) if "-" in text else text


def covering(found: re.Match[str]) -> str:
    """What is shown for a match of `WEB_TOKEN`."""
    return found[0] if found.lastgroup == "none" else MASK


def words_without_secrets(words: Sequence[str], cover: Callable[[str], str] = without_secrets) -> list[str]:
    """The words of a command, each as `cover` leaves it; one that stands behind `--password` and such is masked."""
    return [
        MASK if place and word and hides_next(words[place - 1]) and not word.startswith("-") else cover(word)
        for place, word in enumerate(words)
    ]


def hides_next(word: str) -> bool:
    """Whether a word of a command is an option whose value, a secret by its name, is the word behind it."""
    return word.startswith("-") and "=" not in word and looks_secret(word)


def pattern_of(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """What finds these secrets: as they are, in pieces, backwards, escaped and encoded. None where there are none."""
    wanted = sorted({secret for secret in secrets if len(secret) >= SHORTEST}, key=len, reverse=True)
    forms = dict.fromkeys(form for secret in wanted for form in _forms(secret))
    return re.compile("|".join(forms), re.IGNORECASE) if forms else None


def forms_of(secret: str) -> Iterator[str]:
    """The secret in each form in which `pattern_of` finds it, with nothing between its letters; none of a short one."""
    if len(secret) < SHORTEST:
        return
    data = secret.encode("utf-8", "surrogatepass")
    yield from (secret, secret[::-1], *_escaped(secret), data.hex())
    yield from (sure for place in range(3) if len(sure := _sure_base64(data, place)) >= SHORTEST)


def _forms(secret: str) -> Iterator[str]:
    data = secret.encode("utf-8", "surrogatepass")
    for whole in (secret, secret[::-1]):
        yield re.escape(whole)
        yield from _in_pieces(whole)
    yield from map(re.escape, _escaped(secret))
    yield _GAP.join(data.hex())
    for place in range(3):
        yield from _in_base64(data, place)


def _escaped(secret: str) -> set[str]:
    return {json.dumps(secret)[1:-1], json.dumps(json.dumps(secret)[1:-1])[1:-1], quote(secret, safe="")}


def _in_pieces(secret: str) -> Iterator[str]:
    """The secret with something between its letters.

    What may stand in a gap is itself no letter: each text is then matched in one way at most, in linear time.
    """
    letters = [(letter, len(between)) for letter, between in _LETTER.findall(secret)]
    if len(secret) > _GLUED or len(letters) < SHORTEST:
        return
    *most, (last, _) = letters
    yield "".join(f"{re.escape(letter)}[{_BETWEEN}]{{0,{_GAP_LENGTH + known}}}" for letter, known in most) + re.escape(
        last
    )


def _sure_base64(data: bytes, place: int) -> str:
    """Its base64 when it begins at this place of a group of three bytes, without the letters that neighbours change."""
    encoded = base64.b64encode(b"\x00" * place + data).decode().rstrip("=")
    return encoded[(0, 2, 3)[place] : len(encoded) - (1 if (place + len(data)) % 3 else 0)]


def _in_base64(data: bytes, place: int) -> Iterator[str]:
    sure = _sure_base64(data, place)
    if len(sure) >= SHORTEST:
        letters = ("[+-]" if char == "+" else "[/_]" if char == "/" else char for char in sure)
        yield r"[\s\\]{0,2}".join(letters)


def hidden(found: re.Match[str]) -> str:
    """A match of `NAMED` or `OPTION`, its value masked where the name says secret and the value is no reference."""
    name, between, value = found[1], found[2], found[3]
    is_secret = looks_secret(name) or _is_password(found)
    if not is_secret or _REFERENCE.fullmatch(value) or value.startswith(MASK) or _OUR_WORD.fullmatch(value):
        return found[0]
    return f"{found[0][: found.start(1) - found.start()]}{name}{between}{MASK}"


def _is_password(found: re.Match[str]) -> bool:
    """Whether `PWD` stands in a connection string, and not for the folder of a shell."""
    inside = found.string[: found.start()].endswith(";")
    return found[1] in FOLDERS and (inside or not found[3].strip("\\\"'").startswith("/"))
