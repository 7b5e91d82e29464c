"""What a diagnosis hands out: findings in words, what could not be told, and both in numbers."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from opstwin.control.diagnosing_calls import About, NextCall, call_text, drift_call, look_call, next_calls
from opstwin.control.diagnosing_words import said, severity_word
from opstwin.domain.diagnosis import Clue, Code, Doubt, Evidence, Severity
from opstwin.domain.values import TargetId


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, in words, with its evidence and the calls worth making next."""

    code: Code
    severity: Severity
    subject: str
    target: TargetId
    since: datetime | None
    why: str
    evidence: tuple[Evidence, ...]
    next_calls: tuple[NextCall, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchecked:
    """What a detector could not tell, on how many subjects of a target, with the first of them as examples."""

    code: Code
    target: TargetId
    count: int
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All findings, the most severe and then the oldest first, and what could not be told. `targets` were looked at."""

    summary: str
    findings: tuple[Finding, ...]
    unchecked: tuple[Unchecked, ...]
    targets: tuple[TargetId, ...]
    hint: str


def finding_of(clue: Clue, about: About, language: str) -> Finding:
    """A clue with its words and its next calls."""
    return Finding(
        code=clue.code, severity=clue.severity, subject=clue.subject, target=clue.target, since=clue.since,
        why=said(clue.words, language, **clue.values), evidence=clue.evidence, next_calls=next_calls(clue, about),
    )  # fmt: skip


def unchecked_of(doubts: Iterable[Doubt]) -> tuple[Unchecked, ...]:
    """Doubts, counted for each detector and target."""
    grouped: dict[tuple[TargetId, Code], list[str]] = defaultdict(list)
    for doubt in doubts:
        grouped[doubt.target, doubt.code].append(doubt.subject)
    return tuple(
        Unchecked(code=code, target=target, count=len(subjects), subjects=tuple(subjects[:3]))
        for (target, code), subjects in sorted(grouped.items(), key=lambda item: (item[0][0], item[0][1].value))
    )


def summary_of(findings: Collection[Finding], unchecked: Collection[Unchecked], language: str) -> str:
    """All of it in one line."""
    by_severity = Counter(item.severity for item in findings)
    parts = [f"{by_severity[item]} {severity_word(item.value, language)}" for item in Severity if by_severity[item]]
    text = said("nothing", language)
    if findings:
        text = said("found", language, count=len(findings), parts=", ".join(parts))
    doubts = sum(item.count for item in unchecked)
    return text + (said("doubts", language, count=doubts) if doubts else "")


def hint_of(findings: Sequence[Finding], unchecked: Sequence[Unchecked]) -> str:
    """The one call to begin with."""
    drifts = [item for item in findings if item.code is Code.DRIFT]
    if findings and findings[0].code is Code.DRIFT and len(drifts) > 1:
        return call_text(drift_call(findings[0].target))
    first = next((item.next_calls[0] for item in findings if item.next_calls), None)
    if first is None and unchecked:
        first = look_call(unchecked[0].target)
    return call_text(first) if first is not None else ""


def counts_of(findings: Iterable[Finding]) -> Mapping[str, Mapping[str, int]]:
    """How many findings there are of each severity and code."""
    kept = list(findings)
    return {
        "severity": dict(Counter(item.severity.value for item in kept)),
        "code": dict(sorted(Counter(item.code.value for item in kept).items())),
    }
