"""Search by words: BM25 over what the entries say."""

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from opstwin.knowledge.ports import Entry, Hit
from opstwin.knowledge.words import tokens

_FULL: Final = 1.2
_LENGTH: Final = 0.75
"""BM25's usual k1 and b (Robertson and Zaragoza, 2009)."""


@dataclass(slots=True)
class Lexical:
    """The words of all entries, in memory. What a tenant may not see is neither found nor counted in its scores."""

    _lengths: dict[str, int] = field(default_factory=dict)
    _tenants: dict[str, str] = field(default_factory=dict)
    _postings: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    """Tenant → token → entry → how often."""

    _tokens: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _totals: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def put(self, entries: Iterable[Entry]) -> None:
        """Add or replace entries."""
        for entry in entries:
            self.remove([entry.id])
            counts = Counter(tokens(entry.text))
            postings = self._postings.setdefault(entry.tenant, {})
            for token, count in counts.items():
                postings.setdefault(token, {})[entry.id] = count
            length = counts.total()
            self._tokens[entry.id] = tuple(counts)
            self._lengths[entry.id], self._tenants[entry.id] = length, entry.tenant
            self._totals[entry.tenant] += length
            self._counts[entry.tenant] += 1

    def remove(self, ids: Sequence[str]) -> None:
        """Take entries out; unknown ids are no error."""
        for id in ids:
            if id not in self._tenants:
                continue
            tenant = self._tenants.pop(id)
            self._totals[tenant] -= self._lengths.pop(id)
            self._counts[tenant] -= 1
            postings = self._postings[tenant]
            for token in self._tokens.pop(id):
                del postings[token][id]
                if not postings[token]:
                    del postings[token]

    def nearest(self, text: str, tenant: str, k: int) -> list[Hit]:
        """The `k` that share most, the best first; 1 would be an entry that says every word very often."""
        wanted = list(dict.fromkeys(tokens(text)))
        shelves = ("", tenant) if tenant else ("",)
        count = sum(self._counts[shelf] for shelf in shelves)
        if not wanted or not count:
            return []
        mean = sum(self._totals[shelf] for shelf in shelves) / count or 1.0
        scores: dict[str, float] = defaultdict(float)
        ideal = 0.0
        for token in wanted:
            found = [self._postings.get(shelf, {}).get(token, {}) for shelf in shelves]
            holders = sum(map(len, found))
            weight = math.log(1 + (count - holders + 0.5) / (holders + 0.5))
            ideal += weight * (_FULL + 1)
            for postings in found:
                for id, times in postings.items():
                    scores[id] += weight * _saturated(times, self._lengths[id] / mean)
        best = heapq.nsmallest(k, scores.items(), key=lambda item: (-item[1], item[0]))
        return [Hit(id=id, score=score / ideal) for id, score in best]


def _saturated(times: int, length: float) -> float:
    return times * (_FULL + 1) / (times + _FULL * (1 - _LENGTH + _LENGTH * length))
