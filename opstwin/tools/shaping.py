"""How much of an answer an AI client gets: the brief, the whole, or the fields it names; and the same as Markdown."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opstwin.domain.values import Json
from opstwin.errors import InvalidInput
from opstwin.tools.cells import counted
from opstwin.tools.registry import AnyTool

CONCISE: Final = "concise"
DETAILED: Final = "detailed"
MAX_TEXT: Final = 20_000
"""Characters of the text beside a structured answer: about 5,000 tokens; common clients cut off at 25,000."""

_FIELDS: Final = re.compile(r"[a-z_]{1,40}(,[a-z_]{1,40}){0,39}")
_KEPT: Final = ("summary", "counts", "next", "hint", "status")


@dataclass(frozen=True, slots=True)
class Part:
    """How much of an answer is asked for: concise, detailed, or only `fields`, names apart by commas."""

    form: str
    fields: str | None = None


WHOLE: Final = Part("whole")
"""All of an answer and no text, for those who make their own of it."""


def shaped(tool: AnyTool, answer: Mapping[str, Any], part: Part) -> tuple[dict[str, Any], str]:
    """The structured answer and its text. Raises `InvalidInput` for fields that the answer does not have."""
    if part is WHOLE:
        return dict(answer), ""
    if part.fields is not None:
        chosen = _chosen(answer, part.fields)
        return chosen, cut(markdown(chosen))
    if part.form == DETAILED:
        return dict(answer), cut(_as_json(answer))
    brief = dict(tool.brief(answer)) if tool.brief else dict(answer)
    return brief, cut(tool.text(brief) if tool.text else markdown(brief))


def form_of(value: Json) -> str:
    """`response_format` as given. Raises `InvalidInput`."""
    if value in (None, CONCISE, DETAILED):
        return str(value or CONCISE)
    raise InvalidInput(
        "response_format is neither concise nor detailed.", field="response_format", next_step="Use one of the two."
    )


def fields_of(value: Json) -> str | None:
    """`fields` as given. Raises `InvalidInput`."""
    if value is None or (isinstance(value, str) and _FIELDS.fullmatch(value)):
        return value
    raise InvalidInput("fields is not a list of names.", field="fields", next_step="Such as: id,health,drift")


def cut(text: str) -> str:
    """`text`, and where it is too long its beginning with a word on how to ask for less."""
    if len(text) <= MAX_TEXT:
        return text
    rest = len(text) - MAX_TEXT
    return f"{text[:MAX_TEXT]}\n… {rest} characters more: ask for less (limit, fields, target, or one by its id)."


def markdown(answer: Mapping[str, Any]) -> str:
    """An answer as short Markdown: its summary, its plain values, its lists as lines, its next call."""
    lines: list[str] = []
    if answer.get("summary"):
        lines.append(str(answer["summary"]))
    for key, value in answer.items():
        if key not in ("summary", "hint", "next", "items", "exceptions") and value not in (None, "", [], {}, ()):
            groups = key == "counts" and all(isinstance(group, Mapping) for group in value.values())
            lines.append(counted(value) if groups else f"{key}: {_inline(value)}")
    for key, word in (("exceptions", "Attention"), ("items", "Items")):
        rows = answer.get(key)
        if isinstance(rows, Sequence) and not isinstance(rows, str) and rows:
            lines.append(f"{word}:")
            lines += [f"- {_inline(row)}" for row in rows]
    if answer.get("next"):
        lines.append(f"More: cursor={answer['next']}")
    if answer.get("hint"):
        lines.append(f"Next: {answer['hint']}")
    return "\n".join(lines)


def _chosen(answer: Mapping[str, Any], fields: str) -> dict[str, Any]:
    names = fields.split(",")
    rows = answer.get("items")
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        _check(names, answer)
        return {name: answer[name] for name in names}
    if rows:
        _check(names, rows[0])
    kept = {key: answer[key] for key in _KEPT if key in answer}
    lists = [key for key in ("exceptions", "items") if isinstance(answer.get(key), Sequence)]
    return kept | {key: [{name: row.get(name) for name in names} for row in answer[key]] for key in lists}


def _check(names: Sequence[str], known: Mapping[str, Any]) -> None:
    wrong = [name for name in names if name not in known]
    if wrong:
        raise InvalidInput(
            f"There is no field {wrong[0]}.", field="fields", next_step=f"Use some of: {', '.join(known)}."
        )


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_inline(item)}" for key, item in value.items() if item not in (None, "", [], {}))
    if isinstance(value, list | tuple):
        return ", ".join(_inline(item) for item in value)
    if isinstance(value, str):
        return " ".join(value.split())
    return json.dumps(value, ensure_ascii=False)


def _as_json(answer: Mapping[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
