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

_DIGITS: Final = re.compile(r"\d{6,}")
"""Codes and tokens of digits. A port has five at most, and a fraction of a second or a part of a date has a dot, a dash
or a colon beside it."""

_ROUND: Final = re.compile(r"\d{1,2}0{4,}")
"""An amount such as a limit or a number of milliseconds, that stands in logs by chance."""

_AMOUNT: Final = re.compile(
    r"(?:ttl|ms|s|sec|secs|seconds?|minutes?|hours?|days?|time|timeout|age|interval|expiry|expires?|lifetime|duration"
    r"|size|length|len|limit|count|max|min|number|version|port|id|bytes|bits|rounds|cost|iterations|from|at|in)",
    re.IGNORECASE,
)
"""The last word of a name that says of a secret how long or how many: `TOKEN_TTL`, `PASSWORD_MIN_LENGTH`."""

_PIN: Final = re.compile(r"(?:^|_)(?:PIN|OTP|PASSCODE)(?:_CODE)?$", re.IGNORECASE)

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


def own_secrets(env: Iterable[tuple[str, str]], known: Collection[str] = (), typed: Iterable[str] = ()) -> OwnSecrets:
    """What to mask in the log of something with these variables. `known` are its names, image and such: no secrets.

    `typed` are values that are secrets whatever they are called. A value of six and more digits is masked where it
    stands as a number by itself, unless it is a round amount or its name says that it is one.
    """
    given = list(env)
    told = {text.lower() for text in (*known, *(value for name, value in given if not _is_secret_name(name)))}
    values = (*_values(given), *_values(("password", value) for value in typed))
    found = {value for value in values if value.lower() not in told}
    forms = {form for value in found if not value.isalpha() for form in forms_of(value) if len(form) >= SHORTEST}
    numbers = {number for value in found if _DIGITS.fullmatch(value) for number in (value, value[::-1])}
    return OwnSecrets(
        (*map(_as_word, sorted(value for value in found if value.isalpha())), *map(_as_number, sorted(numbers))),
        _longest_first(forms - numbers),
    )


def entrusted(values: Iterable[str]) -> OwnSecrets:
    """What to mask of values that a person gave as secrets: each of them, as the hub masks those that it can resolve.

    None counts as ordinary text. What has fewer than `opstwin.domain.secret_text.SHORTEST` characters is no secret.
    """
    return OwnSecrets((), _longest_first({form for value in values for form in forms_of(value.strip())}))


def both(one: OwnSecrets, other: OwnSecrets) -> OwnSecrets:
    """The secrets of both."""
    return OwnSecrets((*one.words, *other.words), _longest_first({*one.forms, *other.forms}))


def _longest_first(forms: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _as_word(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])")


def _as_number(number: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9])(?<!\d[.:+-]){number}(?![A-Za-z0-9])(?![.:+-]\d)")


def _is_secret_name(name: str) -> bool:
    return looks_secret(name) or _PIN.search(name) is not None


def _values(env: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in env:
        for found in _IN_URL.findall(value):
            yield from (item for item in {found, unquote(found)} if _is_telling("password", item))
        if _is_secret_name(name):
            # A key over several lines is written line by line; its first and last lines say only what it is.
            lines = [line.strip() for line in value.strip().splitlines() if "-----" not in line]
            yield from (item for item in {value.strip(), *lines} if _is_telling(name, item))


def _is_telling(name: str, value: str) -> bool:
    """Whether a value is so unlike ordinary text that it is worth masking wherever it stands."""
    if _DIGITS.fullmatch(value) is not None:
        return _ROUND.fullmatch(value) is None and _AMOUNT.fullmatch(re.split(r"[^A-Za-z]+", name)[-1]) is None
    if len(value) < SHORTEST or value.lower() in _COMMON or _PLACE.fullmatch(value) is not None:
        return False
    if _NUMBER.fullmatch(value) is not None:
        return "pass" in name.lower()
    one_case = value.islower() or value.isupper() or value.istitle()
    return not (value.isalpha() and one_case and len(value) < _LONG_WORD)
