"""A small grammar: clauses as patterns over word kinds, tried in order, without going back. Linear in the text.

A pattern is written like `ON TARGET? <target>`: kinds of known words in capitals (`A|B` for either, `?` for optional)
and slots that take a word of the right shape (`+` for several, with a comma or "and" between).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from opstwin.intent.shapes import SHAPES

JOINERS: Final = frozenset({"AND", "COMMA"})
CONNECTORS: Final = frozenset({"AND", "COMMA", "WITH", "BUT", "END"})
_MAX_CONNECTORS: Final = 3


@dataclass(frozen=True, slots=True)
class Unit:
    """One word, or a phrase that is known as one. `kind` is empty for words that are known by shape only."""

    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class _Item:
    kinds: frozenset[str]
    slot: str
    optional: bool
    many: bool

    def takes(self, unit: Unit) -> bool:
        if not self.slot:
            return unit.kind in self.kinds
        free = unit.kind == "" or (self.slot == "value" and unit.kind not in CONNECTORS)
        return free and SHAPES[self.slot](unit.text)


@dataclass(frozen=True, slots=True)
class Rule:
    """One clause. `marks` are noted when it matches; `first` rules match at the beginning only."""

    items: tuple[_Item, ...]
    marks: tuple[str, ...]
    first: bool


@dataclass(slots=True)
class Draft:
    """What has been read so far: words by slot, marks, and what was left over."""

    words: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    marks: set[str] = field(default_factory=set)
    unread: list[Unit] = field(default_factory=list)

    def one(self, slot: str) -> str | None:
        """The word in a slot; the first one when there are several."""
        return self.words[slot][0] if self.words.get(slot) else None

    def all(self, slot: str) -> list[str]:
        """All words in a slot."""
        return list(self.words.get(slot, ()))


def in_percent(units: Sequence[Unit]) -> list[Unit]:
    """The units with a number and the word "percent" after it as one: 70%."""
    joined: list[Unit] = []
    for unit in units:
        is_after_number = unit.kind == "PERCENT" and bool(joined) and joined[-1].text.isdigit()
        joined.append(Unit(f"{joined.pop().text}%") if is_after_number else unit)
    return joined


def rule(pattern: str, *marks: str, first: bool = False) -> Rule:
    """The rule of a pattern."""
    return Rule(tuple(_item(word) for word in pattern.split()), marks, first)


def rules(*patterns: str) -> tuple[Rule, ...]:
    """Rules without marks, for any position."""
    return tuple(rule(pattern) for pattern in patterns)


def read_clauses(units: Sequence[Unit], grammar: Sequence[Rule]) -> Draft:
    """Reads clause after clause; what no rule takes is left over from there on."""
    draft = Draft()
    at = 0
    while at < len(units):
        after = _clause(units, at, grammar, draft)
        if after is None:
            rest = [unit for unit in units[at:] if unit.kind != "END"]
            draft.unread = [unit for unit in rest if unit.kind not in CONNECTORS] or rest
            break
        at = after
    return draft


def _clause(units: Sequence[Unit], at: int, grammar: Sequence[Rule], draft: Draft) -> int | None:
    for start in _starts(units, at):
        for candidate in grammar:
            if candidate.first and start > 0:
                continue
            found = _match(candidate, units, start)
            if found is not None:
                after, taken = found
                for slot, text in taken:
                    draft.words[slot].append(text)
                draft.marks.update(candidate.marks)
                return after
    return None


def _starts(units: Sequence[Unit], at: int) -> Iterator[int]:
    """Where a clause may begin: here, or after a few connecting words."""
    for start in range(at, min(at + _MAX_CONNECTORS + 1, len(units))):
        yield start
        if units[start].kind not in CONNECTORS:
            return


def _match(candidate: Rule, units: Sequence[Unit], start: int) -> tuple[int, list[tuple[str, str]]] | None:
    at, taken = start, []
    for item in candidate.items:
        if at < len(units) and item.takes(units[at]):
            taken += [(item.slot, units[at].text)] if item.slot else []
            at += 1
            if item.many:
                at = _more(item, units, at, taken)
        elif not item.optional:
            return None
    return (at, taken) if at > start else None


def _more(item: _Item, units: Sequence[Unit], at: int, taken: list[tuple[str, str]]) -> int:
    while True:
        following = at
        while following < len(units) and following < at + 2 and units[following].kind in JOINERS:
            following += 1
        if following >= len(units) or not item.takes(units[following]):
            return at
        taken.append((item.slot, units[following].text))
        at = following + 1


def _item(word: str) -> _Item:
    bare = word.rstrip("?+")
    slot = bare[1:-1] if bare.startswith("<") else ""
    kinds: Iterable[str] = () if slot else bare.split("|")
    return _Item(frozenset(kinds), slot, optional="?" in word[len(bare) :], many="+" in word[len(bare) :])
