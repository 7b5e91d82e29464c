"""What a check finds: which rule, how grave, where, why, and what to do."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from opstwin.manifests.nodes import Path

_LONGEST: Final = 120


class Level(StrEnum):
    """How grave a finding is.

    `error`: the API server refuses it, it cannot run, or a policy forbids it; it blocks a plan. `warning`: it would be
    accepted, and is a reason for a higher risk. `info`: worth knowing, or cannot be told from here.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found.

    `subject` is `Kind namespace/name`, `path` the field. `line` and `column` count from 1 and are 0 when the manifest
    did not come from a text; `source` is the name of that text. Texts hold pieces of the manifest: data, cut and shown
    as they are, never instructions.
    """

    rule: str
    level: Level
    subject: str
    path: Path
    message: str
    message_ko: str
    fix: str
    fix_ko: str
    source: str = ""
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that was found in one set of manifests, in the order of the manifests."""

    findings: tuple[Finding, ...]
    manifests: int
    version: str
    """The Kubernetes release that was checked against, such as `1.37`."""

    left_out: int = 0
    """Findings beyond the most that are kept; they are counted in `counts`."""

    counts: dict[Level, int] = field(default_factory=dict)

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """What keeps a plan from being offered."""
        return self.of(Level.ERROR)

    @property
    def risks(self) -> tuple[Finding, ...]:
        """What a human should weigh before approving."""
        return self.of(Level.WARNING)

    def of(self, level: Level) -> tuple[Finding, ...]:
        """The findings of one level."""
        return tuple(item for item in self.findings if item.level is level)

    def count(self, level: Level) -> int:
        """How many there are of one level, those left out included."""
        return self.counts.get(level, 0)


MOST: Final = 2_000
"""Findings that are kept of one set."""


def report_of(findings: Iterable[Finding], *, manifests: int, version: str, most: int = MOST) -> Report:
    """The findings as a report; errors are kept before warnings where there are too many."""
    found = list(findings)
    counts = dict(Counter(item.level for item in found))
    kept = found if len(found) <= most else _gravest(found, most)
    return Report(
        findings=tuple(kept), manifests=manifests, version=version, left_out=len(found) - len(kept), counts=counts
    )


def shown(value: object) -> str:
    """A piece of a manifest as it may stand in a message: one line, cut, without what cannot be seen."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and value.bit_length() > 256:
        return "a very large number"
    text = str(value)[: _LONGEST * 2]
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _gravest(found: Sequence[Finding], most: int) -> list[Finding]:
    ranked = sorted(range(len(found)), key=lambda place: (list(Level).index(found[place].level), place))
    return [found[place] for place in sorted(ranked[:most])]
