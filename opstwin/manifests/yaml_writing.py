"""JSON values as block YAML that every YAML reader, of version 1.1 or 1.2, reads as the same values."""

import json
import re
from collections.abc import Iterator
from typing import Final

from opstwin.domain.values import Json
from opstwin.manifests.nodes import resolved

_BARE: Final = re.compile(r"[A-Za-z/_](?:[A-Za-z0-9_./:@=-]*[A-Za-z0-9_./@=-])?", re.ASCII)
_OLD_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_ESCAPED: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def yaml_of(value: dict[str, Json]) -> str:
    """The mapping as YAML text in block style, keys in their order."""
    return "".join(f"{line}\n" for line in _lines(value))


def _lines(value: Json) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _entry(f"{text_of(key)}:", item, "  " if isinstance(item, dict) else "")
    elif isinstance(value, list) and value:
        for item in value:
            yield from _item(item)
    else:
        yield single(value)


def _entry(lead: str, item: Json, indent: str) -> Iterator[str]:
    if isinstance(item, dict | list) and item:
        yield lead
        yield from (indent + line for line in _lines(item))
    else:
        yield f"{lead} {single(item)}"


def _item(item: Json) -> Iterator[str]:
    for index, line in enumerate(_lines(item)):
        yield ("  " if index else "- ") + line


def single(value: Json) -> str:
    """A value on one line."""
    return text_of(value) if isinstance(value, str) else json.dumps(value)


def text_of(text: str) -> str:
    """A text on one line, in quotes where a reader might take it for something else."""
    if _BARE.fullmatch(text) and text.lower() not in _OLD_WORDS and isinstance(resolved(text), str):
        return text
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))
