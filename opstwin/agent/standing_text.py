"""How things stand, in one line each: how many there are, and whether they are well."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from opstwin.agent.telling import plain
from opstwin.agent.telling_words import phrase, sort_word, state_word
from opstwin.tools.cells import age

WELL: Final = frozenset({"healthy", "none"})
_YES_OR_NO: Final = re.compile(
    r"^\W*(?:is|are)\b|\b(?:healthy|alive|up|ok|okay)\b.*\?"
    r"|정상|괜찮|살아|건강|잘 ?(?:돌|되|있|작동|동작)|떠 ?있|돌고|실행 ?중이",
    re.IGNORECASE,
)

_LONG_HASH: Final = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")

Row = Mapping[str, Any]


def heading(rows: Sequence[Row], asked: Mapping[str, Any], language: str, seen: Sequence[Row] = ()) -> str:
    """`3 containers on local: 2 healthy, 1 stopped.`, or that there is none. `seen` is all there is, of any kind."""
    sort, places = str(asked.get("kind", "")), sorted({str(row["target"]) for row in rows or seen})
    place = str(asked.get("target") or "") or _place(places, language)
    if not rows and asked.get("health"):
        health = state_word(language, str(asked["health"]))
        return phrase(language, "none_of_health", sort=sort_word(language, sort, 1), place=place, health=health)
    if not rows:
        missing = "nothing_there" if sort else "nothing_runs" if seen else "never_seen"
        return phrase(language, missing, sort=sort_word(language, sort, 1), place=place)
    kinds = {str(row["kind"]) for row in rows}
    named = sort or (kinds.pop() if len(kinds) == 1 else "")
    states = Counter(_state(row) for row in rows)
    told = ", ".join(
        f"{state_word(language, state)} {count}" if language == "ko" else f"{count} {state_word(language, state)}"
        for state, count in states.most_common()
    )
    return phrase(
        language, "there", count=len(rows), sort=sort_word(language, named, len(rows)), place=place, states=told
    )


def verdict(name: str, rows: Sequence[Row], words: str, language: str) -> str:
    """Whether something named is well: a yes or no where that was the question."""
    good = sum(1 for row in rows if row["health"] in WELL)
    key = ("all_well" if good == len(rows) else "not_well") if _YES_OR_NO.search(words) else "runs"
    return phrase(language, key, name=plain(name, 80), good=good, all=len(rows))


def line_of(row: Row, language: str) -> str:
    """One thing: its id, image, state, and what is remarkable about it."""
    said = [state_word(language, _state(row))]
    said += [phrase(language, "drift")] if row["drift"] else []
    said += (
        [phrase(language, "restarts", count=row["restarts"])] if "restarting" in row["ails"] and row["restarts"] else []
    )
    said += [phrase(language, "stale", age=age(row["seen_s"] or 0))] if {"stale", "unknown"} & {*row["ails"]} else []
    said += [phrase(language, "unmanaged")] if row["kind"] == "container" and not row["managed"] else []
    named = _LONG_HASH.sub(r"\1…", plain(row["image"])) if row["kind"] != "image" else ""
    image = f" {named}" if named else ""
    return f"{plain(row['id'])}{image}: {', '.join(said)}"


def _state(row: Row) -> str:
    """What a row is in one word: its health, or what it does where it has none."""
    return str(row["state"] if row["health"] in ("none", "") else row["health"])


def _place(places: Sequence[str], language: str) -> str:
    if len(places) == 1:
        return places[0]
    return phrase(language, "all_places", count=len(places)) if places else phrase(language, "no_place")
