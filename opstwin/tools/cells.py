"""Values as short pieces of Markdown: on one line, with nothing in them that hides, moves or becomes a link."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from opstwin.domain.text import visible

_ACTIVE: Final = re.compile(r"[\\`|*\[\]<>#~]")
_FENCE: Final = re.compile(r"`{3,}")
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_OTHER: Final = "other"


def plain(text: str, limit: int = 200) -> str:
    """`text` on one line with every hidden character shown, cut to `limit` characters."""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    shown = visible(text, one_line=True)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def cell(text: str, limit: int = 200) -> str:
    """`text` like `plain`, with what Markdown would act on escaped."""
    return _ACTIVE.sub(r"\\\g<0>", plain(text, limit))


def bullets(rows: Iterable[str]) -> list[str]:
    """Each row as a line of a list."""
    return [f"- {cell(row, 600)}" for row in rows]


def fenced(lines: Sequence[str]) -> list[str]:
    """Lines as a block of code that nothing in them can end."""
    runs = [len(found) for line in lines for found in _FENCE.findall(line)]
    fence = "`" * (max(runs, default=2) + 1)
    return [fence, *lines, fence]


def age(seconds: float) -> str:
    """`90 s` as `1m`: the largest unit that fits."""
    for size, letter in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)}{letter}"
    return "0s"


def until(moment: datetime, now: datetime) -> str:
    """How long it is from `now` to `moment`, or `over`."""
    left = moment - now
    return age(left.total_seconds()) if left > timedelta(0) else "over"


def few(counts: Mapping[str, int], limit: int = 6) -> dict[str, int]:
    """The most frequent of some counts, and the rest as one."""
    ordered = Counter(counts).most_common()
    kept = {plain(name, 40): number for name, number in ordered[:limit]}
    rest = sum(number for _, number in ordered[limit:])
    return {**kept, _OTHER: kept.get(_OTHER, 0) + rest} if rest else kept


def counted(counts: Mapping[str, Mapping[str, int]]) -> str:
    """`kind: container 3, volume 1 · health: healthy 3`."""
    groups = (
        f"{name}: {', '.join(f'{cell(key, 40)} {number}' for key, number in group.items())}"
        for name, group in counts.items()
        if group
    )
    return " · ".join(groups)


def plural(number: int, word: str) -> str:
    """`1 plan`, `2 plans`."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def found_text(answer: Mapping[str, Any]) -> str:
    """A brief list as Markdown: the summary, the counts, what needs attention, the items, how to go on."""
    lines = [cell(str(answer["summary"]), 400)]
    if answer.get("counts"):
        lines.append(counted(answer["counts"]))
    for key, word in (("exceptions", "Attention:"), ("items", "Items:"), ("decisions", "Decided lately:")):
        if answer.get(key):
            lines += [word, *bullets(answer[key])]
    if answer.get("next"):
        lines.append(f"More: cursor={cell(str(answer['next']), 500)}")
    if answer.get("hint"):
        lines.append(f"Next: {cell(str(answer['hint']), 500)}")
    return "\n".join(lines)


def without_empty(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer without fields that say nothing."""
    return {key: value for key, value in answer.items() if value not in (None, "", [], {}, ())}
