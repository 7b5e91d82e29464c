"""A lint report for programs: plain JSON, and SARIF 2.1.0 (OASIS)."""

from collections.abc import Sequence
from typing import Final

from opstwin.domain.values import Json
from opstwin.manifests.checks.findings import Finding, Level
from opstwin.manifests.checks.linting import LintReport
from opstwin.manifests.nodes import written

_SARIF_LEVELS: Final = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "note"}


def as_json(report: LintReport, findings: Sequence[Finding]) -> dict[str, Json]:
    """The report with these of its findings."""
    whole = report.report
    return {
        "passed": report.passed,
        "kubernetes": whole.version,
        "manifests": whole.manifests,
        "counts": {level.value: whole.count(level) for level in Level},
        "left_out": whole.left_out,
        "findings": [finding_json(item) for item in findings],
    }


def finding_json(finding: Finding) -> dict[str, Json]:
    """One finding; `path` is dotted, as people write it."""
    return {
        "rule": finding.rule, "level": finding.level.value, "subject": finding.subject, "path": written(finding.path),
        "message": finding.message, "message_ko": finding.message_ko, "fix": finding.fix, "fix_ko": finding.fix_ko,
        "file": finding.source, "line": finding.line, "column": finding.column,
    }  # fmt: skip


def as_sarif(findings: Sequence[Finding]) -> dict[str, Json]:
    """The findings as one SARIF run."""
    rules: list[Json] = [{"id": id} for id in sorted({item.rule for item in findings})]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "opstwin lint", "rules": rules}},
                "results": [_result(item) for item in findings],
            }
        ],
    }


def _result(finding: Finding) -> dict[str, Json]:
    region: dict[str, Json] = {"startLine": max(1, finding.line), "startColumn": max(1, finding.column)}
    return {
        "ruleId": finding.rule,
        "level": _SARIF_LEVELS[finding.level],
        "message": {"text": f"{finding.message} {finding.fix}"},
        "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": finding.source}, "region": region}},
        ],
    }
