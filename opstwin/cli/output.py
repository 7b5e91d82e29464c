"""What the user sees: data on stdout, everything else on stderr."""

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, Final

_COLOURS: Final = {"+": "32", "~": "33", "-": "31", "-/+": "35", "ok": "32", "bad": "31", "dim": "2", "bold": "1"}

_EMPTY: Final = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\U000e0100-\U000e01ef]")
"""Letters and marks that show nothing, though Unicode counts them as printable."""

_OTHER: Final = re.compile("[\u0370-\u03ff\u0400-\u052f\u0531-\u0587]")
_MIXED: Final = re.compile(r"\b(?=\w*[A-Za-z])(?=\w*[\u0370-\u03ff\u0400-\u052f\u0531-\u0587])\w+")
"""Words of Latin letters and of Greek, Cyrillic or Armenian ones that look like them."""


class Form(StrEnum):
    """How data is written."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def data(value: Any, form: Form) -> None:
    """Write data for programs: JSON or YAML."""
    print(_yaml(value) if form is Form.YAML else json.dumps(value, indent=2, ensure_ascii=False))


def written(text: str) -> None:
    """Data that is a text for programs already, to the byte."""
    print(text, end="")


def line(text: str = "") -> None:
    """One line of data for people."""
    print(plain(text))


def piece(text: str) -> None:
    """A piece of a line of data for people, seen at once."""
    print(plain(text), end="", flush=True)


def note(text: str, *, colour: str = "") -> None:
    """One line beside the data: progress, hints, errors."""
    sys.stdout.flush()  # so that both keep their order where they end in the same place
    print(paint(plain(text), colour, sys.stderr), file=sys.stderr, flush=True)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "Nothing here.", beside: bool = False
) -> None:
    """Aligned columns; a note instead when there are no rows. `beside` writes them where notes go."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    if not cells:
        note(empty)
        return
    head = [name.upper() for name in columns]
    widths = [max(len(row[place]) for row in [head, *cells]) for place in range(len(columns))]
    for number, row in enumerate([head, *cells]):
        text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        where = sys.stderr if beside else sys.stdout
        print(paint(text, "bold" if number == 0 else "", where), file=where)


def _cell(value: object) -> str:
    """A value on one line: no text that somebody wrote may look like another row."""
    return plain("" if value is None else str(value)).replace("\n", r"\x0a").replace("\t", r"\x09")


def plan_text(lines: Iterable[str]) -> None:
    """A plan's lines with the colour of their sign."""
    for text in lines:
        sign = text.strip().split(" ")[0] if text.strip() else ""
        print(paint(plain(text), sign if sign in _COLOURS else "", sys.stdout))


def plain(text: str) -> str:
    """`text` with a mark for what hides, moves or poses: what runs on a target must not drive a terminal."""
    if text.isascii() and text.isprintable():
        return text
    shown = "".join(item if item in "\n\t" or _is_seen(item) else f"\\x{ord(item):02x}" for item in text)
    return _MIXED.sub(lambda word: _OTHER.sub(lambda found: f"{found[0]}\\u{ord(found[0]):04x}", word[0]), shown)


def _is_seen(char: str) -> bool:
    return char.isprintable() and not _EMPTY.match(char)


def paint(text: str, colour: str, stream: Any) -> str:
    """`text` in a colour when `stream` is a terminal and `NO_COLOR` is not set (no-color.org)."""
    code = _COLOURS.get(colour)
    wanted = code and not os.environ.get("NO_COLOR") and (stream.isatty() or os.environ.get("FORCE_COLOR"))
    return f"\033[{code}m{text}\033[0m" if wanted else text


def _quoted_where_old_readers_stumble(representer: Any, text: str) -> Any:
    """`no`, `on` and the like in quotes: readers of YAML 1.1 would take them for booleans."""
    style = "'" if text.lower() in ("yes", "no", "on", "off", "y", "n") else None
    return representer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _yaml(value: Any) -> str:
    from io import StringIO

    from ruamel.yaml import YAML

    out = StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.allow_unicode = True
    writer.representer.add_representer(str, _quoted_where_old_readers_stumble)
    writer.dump(value, out)
    return out.getvalue().rstrip("\n")
