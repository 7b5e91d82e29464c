"""Secrets that a container was given as variables and that stand bare in what it writes. Pure.

The hub keeps no value of a variable whose name says secret, so of what it does not manage it knows none. Whoever reads
a log has the container's variables in hand for that moment: their values are masked in its lines, and forgotten.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote

from opstwin.domain.secret_text import forms_of
from opstwin.logs import MASK, looks_secret
from opstwin.targets.ports import LogLine

SHORTEST: Final = 8
"""A shorter value stands in ordinary text by chance (NIST SP 800-63B asks for 8 characters of a password)."""

_LONG_WORD: Final = 12
"""Letters of one case up to which a value is a word like others in the log, and no secret that is worth the name."""

_COMMON: Final = frozenset(
    {
        "password", "postgres", "changeme", "administrator", "superuser", "username", "localhost", "development",
        "production", "database", "required", "disabled", "optional", "undefined", "anonymous", "internal",
        "external", "rabbitmq", "cassandra", "couchbase", "clickhouse", "elasticsearch", "keycloak",
        "authentication", "authorization", "configuration", "initialization", "notification", "communication",
        "international", "application", "environment", "verification", "registration", "transaction",
        "subscription", "implementation",
    }
)  # fmt: skip
"""Words of logs that are also given as passwords, or that settings with such a name have for a value."""

_NUMBER: Final = re.compile(r"[\d.,:_+-]+[a-zA-Z%]{0,3}")
"""Amounts, times and durations: `TOKEN_TTL=86400000`."""

_PLACE: Final = re.compile(
    r"[./~]*/(?-i:(?!(?=\S*\d)(?=\S*[A-Z])(?=\S*[a-z])[\w+/]{30,}={0,2}$))[^\s]*"
    r"|[a-z][a-z0-9+.-]*://[^\s@]*|(?:env|file):\S*",
    re.IGNORECASE,
)
"""Where a secret is, or is asked for, and not what it is: `PASSWORD_FILE=/run/secrets/db`, `TOKEN_URL=https://…`. One
base64 text in 64 begins with a slash too, and is none of these."""

_IN_URL: Final = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")


@dataclass(frozen=True, slots=True)
class OwnSecrets:
    """The secrets of what writes a log. `words` are found as whole words alone, `forms` wherever they stand."""

    words: tuple[re.Pattern[str], ...] = ()
    forms: tuple[str, ...] = ()

    def over(self, text: str) -> str:
        """`text` without them."""
        for form in self.forms:
            if form in text:
                text = text.replace(form, MASK)
        for word in self.words:
            text = word.sub(MASK, text)
        return text

    def line(self, line: LogLine) -> LogLine:
        """The line without them."""
        text = self.over(line.text)
        return line if text == line.text else replace(line, text=text)


def own_secrets(env: Iterable[tuple[str, str]], known: Collection[str] = ()) -> OwnSecrets:
    """What to mask in the log of something with these variables. `known` are its names, image and such: no secrets."""
    given = list(env)
    told = {text.lower() for text in (*known, *(value for name, value in given if not looks_secret(name)))}
    found = {value for value in _values(given) if value.lower() not in told}
    words = sorted(value for value in found if value.isalpha())
    forms = {form for value in found if not value.isalpha() for form in forms_of(value) if len(form) >= SHORTEST}
    return OwnSecrets(
        tuple(re.compile(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])") for word in words),
        tuple(sorted(forms, key=lambda form: (-len(form), form))),
    )


def _values(env: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in env:
        for found in _IN_URL.findall(value):
            yield from (item for item in {found, unquote(found)} if _is_telling("password", item))
        if looks_secret(name):
            # A key over several lines is written line by line; its first and last lines say only what it is.
            lines = [line.strip() for line in value.strip().splitlines() if "-----" not in line]
            yield from (item for item in {value.strip(), *lines} if _is_telling(name, item))


def _is_telling(name: str, value: str) -> bool:
    """Whether a value is so unlike ordinary text that it is worth masking wherever it stands."""
    if len(value) < SHORTEST or value.lower() in _COMMON or _PLACE.fullmatch(value) is not None:
        return False
    if _NUMBER.fullmatch(value) is not None:
        return "pass" in name.lower()
    one_case = value.islower() or value.isupper() or value.istitle()
    return not (value.isalpha() and one_case and len(value) < _LONG_WORD)
