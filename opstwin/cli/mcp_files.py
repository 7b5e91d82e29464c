"""Changing one server in a client's JSON file, and nothing else of it: all other bytes stay as they are."""

import json
import re
from collections.abc import Mapping
from json.decoder import JSONDecoder
from typing import Any, Final, NamedTuple

_BLANK: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = JSONDecoder()


class Unfit(Exception):
    """The file is not what it should be; the text says what is wrong."""


class _Member(NamedTuple):
    """One member of an object, by its places in the text."""

    name: str
    start: int
    value: int
    end: int


class _Object(NamedTuple):
    """An object: the places of its braces, and its members."""

    start: int
    end: int
    members: list[_Member]

    def member(self, name: str) -> _Member | None:
        """The member of that name."""
        return next((item for item in self.members if item.name == name), None)


def with_server(text: str, member: str, name: str, entry: Mapping[str, Any]) -> str:
    """The file's text with the server; unchanged when it stands there already. Raises `Unfit`.

    What a user added to an entry of that name (an `env` variable, say) is kept.
    """
    if not text.strip():
        return json.dumps({member: {name: entry}}, indent=2, ensure_ascii=False) + "\n"
    whole = _whole(text)
    held = whole.member(member)
    if held is None:
        return _checked(_inserted(text, whole, member, {name: dict(entry)}), text, member, name)
    servers = _object(text, held.value)
    old = servers.member(name)
    if old is None:
        return _checked(_inserted(text, servers, name, entry), text, member, name)
    merged = _merged(json.loads(text[old.value : old.end]), entry)
    if merged == json.loads(text[old.value : old.end]):
        return text
    value = _laid_out(merged, _indent_at(text, old.start), _unit(text, whole), _newline(text))
    return _checked(text[: old.value] + value + text[old.end :], text, member, name)


def without_server(text: str, member: str, name: str) -> str:
    """The file's text without the server; unchanged when it does not stand there. Raises `Unfit`."""
    if not text.strip():
        return text
    held = _whole(text).member(member)
    servers = _object(text, held.value) if held is not None else None
    gone = servers.member(name) if servers is not None else None
    if servers is None or gone is None:
        return text
    place = servers.members.index(gone)
    if place > 0:
        begin, end = servers.members[place - 1].end, gone.end
    elif len(servers.members) > 1:
        begin, end = gone.start, servers.members[1].start
    else:
        begin, end = servers.start + 1, servers.end
    return _checked(text[:begin] + text[end:], text, member, name)


def _merged(old: Any, entry: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(old, dict) or "url" in old:
        return dict(entry)
    both = old | dict(entry)
    if isinstance(old.get("env"), dict):
        both["env"] = old["env"] | dict(entry.get("env", {}))
    return both


def _whole(text: str) -> _Object:
    try:
        json.loads(text)
    except RecursionError:
        raise Unfit("it is nested too deeply") from None
    except ValueError as error:
        raise Unfit(f"it is not plain JSON ({error}); comments and commas at an end cannot be kept") from None
    return _object(text, _skip(text, 0))


def _object(text: str, start: int) -> _Object:
    """The object that begins at `start` of a text that is known to be JSON."""
    if text[start] != "{":
        raise Unfit("what should hold the servers is no object")
    members: list[_Member] = []
    at = _skip(text, start + 1)
    while text[at] != "}":
        name, end = _DECODER.raw_decode(text, at)
        value = _skip(text, _skip(text, end) + 1)
        _, stop = _DECODER.raw_decode(text, value)
        if name in {item.name for item in members}:
            raise Unfit(f"it names {name[:80]!r} twice")
        members.append(_Member(name, at, value, stop))
        at = _skip(text, stop)
        at = _skip(text, at + 1) if text[at] == "," else at
    return _Object(start, at, members)


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _inserted(text: str, where: _Object, name: str, value: Any) -> str:
    """The text with one member more, at the end of the object, laid out as the others are."""
    key = json.dumps(name, ensure_ascii=False)
    newline, unit = _newline(text), _unit(text, _whole(text))
    if where.members:
        last = where.members[-1]
        lead = text[where.start + 1 : where.members[0].start]
        inner = _indent_at(text, last.start) if "\n" in lead else None
        laid = _laid_out(value, inner, unit, newline)
        return f"{text[: last.end]},{lead or ' '}{key}: {laid}{text[last.end :]}"
    outer = _indent_at(text, where.start)
    laid = _laid_out(value, outer + unit, unit, newline)
    return f"{text[: where.start]}{{{newline}{outer}{unit}{key}: {laid}{newline}{outer}}}{text[where.end + 1 :]}"


def _laid_out(value: Any, indent: str | None, unit: str, newline: str) -> str:
    """JSON whose further lines begin with `indent`; on one line where that is None."""
    if indent is None:
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, indent=unit).replace("\n", newline + indent)


def _indent_at(text: str, at: int) -> str:
    """The blanks that the line of `at` begins with."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str, whole: _Object) -> str:
    """One step of indentation, as the file's first member has it."""
    if not whole.members or "\n" not in text[whole.start : whole.members[0].start]:
        return "  "
    return _indent_at(text, whole.members[0].start) or "  "


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _checked(new: str, old: str, member: str, name: str) -> str:
    """`new`, which must say the same as `old` but for the one server."""
    before, after = json.loads(old), json.loads(new)
    for found in (before, after):
        servers = found.get(member)
        if isinstance(servers, dict):
            servers.pop(name, None)
        if not servers:
            found.pop(member, None)
    assert before == after
    return new
