"""What people asked for, as it may be kept and shown: without the values of variables whose name says secret. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from opstwin.domain.plan import Change
from opstwin.logs import MASK, looks_secret, redacted

_ASSIGNED: Final = re.compile(r"""([A-Za-z_][A-Za-z0-9_.-]*)(\s*=\s*)("[^"]*"|'[^']*'|[^\s,]+)""")
_JSON_FIELD: Final = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:\s*)"((?:[^"\\]|\\.)*)"')


def confided(text: str, env: Mapping[str, str] | None = None) -> str:
    """`text` with every `NAME=value` and `"name": "value"` of a secret-looking name masked.

    `env` are variables that are known to be named in it, in whatever grammar.
    """
    for name, value in (env or {}).items():
        if value and looks_secret(name):
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])", MASK, text)
    text = _ASSIGNED.sub(lambda found: f"{found[1]}{found[2]}{_mask(found[1], found[3])}", text)
    text = _JSON_FIELD.sub(lambda found: f'"{found[1]}"{found[2]}"{_mask(found[1], found[3])}"', text)
    return redacted(text)


def written_out(changes: Sequence[Change]) -> Mapping[str, tuple[str, ...]]:
    """The variables that look secret and would get a plain value, by container."""
    found = {change.name: tuple(_new_secrets(change)) for change in changes if change.kind == "container"}
    return {name: keys for name, keys in found.items() if keys}


def _new_secrets(change: Change) -> Iterator[str]:
    before, after = (change.before or {}).get("env"), (change.after or {}).get("env")
    old = before if isinstance(before, dict) else {}
    for key, value in after.items() if isinstance(after, dict) else ():
        if value and looks_secret(key) and old.get(key) != value:
            yield key


def _mask(name: str, value: str) -> str:
    return MASK if value and looks_secret(name) else value
