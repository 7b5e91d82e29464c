"""`env_file` of Compose services. The files themselves stand in the text, as `x-env-files: {path: text}`.

Lines are `NAME=value`, blank, or comments. A value in quotes ends at the closing one (`"` knows `\\n`, `\\"` and
`\\\\`); without quotes it ends at ` #`. Nothing is filled in: `${NAME}` without quotes is an error.
"""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from opstwin.domain.names import checked_env_key
from opstwin.errors import InvalidInput
from opstwin.intent import compose_advice as advice
from opstwin.intent.spots import Spot
from opstwin.manifests.nodes import MapNode, Scalar, fault

TEXTS: Final = "x-env-files"
_LINE: Final = re.compile(r"(?:export[ \t]+)?([^=\s]+)[ \t]*=[ \t]*(.*)")
_QUOTED: Final = re.compile(r"""("(?:[^"\\]|\\.)*"|'[^']*')[ \t]*(?:#.*)?""")
_ESCAPED: Final = re.compile(r"\\(.)")
_FILLED_IN: Final = re.compile(r"\$(?:\{|[A-Za-z_])")
_ESCAPES: Final[Mapping[str, str]] = {"n": "\n", "r": "\r", "t": "\t"}


def texts_of(document: MapNode) -> dict[str, str]:
    """The env files that came with a Compose file, by the path that it calls them. Raises `InvalidInput`."""
    node = document.items.get(TEXTS)
    if node is None:
        return {}
    spot = Spot(node, (TEXTS,), document.keys[TEXTS])
    if not isinstance(node, MapNode) or not all(isinstance(item, Scalar) for item in node.items.values()):
        raise spot.fault("must hold texts by path", "Write it as x-env-files: {.env: 'NAME=value'}.")
    return {path: item.text for path, item in node.items.items() if isinstance(item, Scalar)}


def read_env_files(spot: Spot | None, files: Mapping[str, str]) -> dict[str, str]:
    """The variables of `env_file:`; a later file wins. Raises `InvalidInput` for a file that is needed and not here."""
    found: dict[str, str] = {}
    for path, item, needed in _named(spot):
        if path in files:
            found |= item.checked(partial(_variables_of, files[path]))
        elif needed:
            raise item.fault(
                f"names {path[:80]!r}, which did not come along",
                "Plan it with opstwin plan -f, which reads it; or copy its lines into environment: or x-env-files:.",
            )
    return found


def _named(spot: Spot | None) -> Iterator[tuple[str, Spot, bool]]:
    if spot is None or spot.is_null:
        return
    for item in spot.items() if spot.is_list else (spot,):
        if item.is_single:
            yield item.text(), item, True
            continue
        keys = item.only(("path", "required"), advice.ENV_FILE)
        if "path" not in keys:
            raise item.fault("has no path", "Add path:, such as path: ./web.env.")
        yield keys["path"].text(), item, "required" not in keys or keys["required"].flag()


def _variables_of(text: str) -> dict[str, str]:
    return dict(_variables(text))


def _variables(text: str) -> Iterator[tuple[str, str]]:
    """The variables of one file. What is wrong is told by line, never quoted: it may be a secret."""
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            raise _wrong(number, "is not NAME=value", "Write NAME=value, or # before a comment.")
        try:
            key = checked_env_key(match[1], "env_file")
        except InvalidInput:
            raise _wrong(number, "has no usable name", "Use letters, digits and underscores.") from None
        yield key, _value(match[2], number)


def _value(text: str, number: int) -> str:
    if text[:1] not in ("'", '"'):
        plain = "" if text.startswith("#") else text.partition(" #")[0].rstrip()
        if _FILLED_IN.search(plain):
            raise _wrong(number, "names another variable", "Write its value; in single quotes a $ stays a $.")
        return plain
    quoted = _QUOTED.fullmatch(text)
    if quoted is None:
        raise _wrong(number, "has a quote that is not closed", "Close it on the same line.")
    inner = quoted[1][1:-1]
    if text[0] == "'":
        return inner
    if _FILLED_IN.search(inner):
        raise _wrong(number, "names another variable", "Write its value; in single quotes a $ stays a $.")
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), inner)


def _wrong(number: int, problem: str, next_step: str) -> InvalidInput:
    return fault(f"line {number} of the env file {problem}.", place=None, field="env_file", next_step=next_step)
