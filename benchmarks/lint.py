"""How many manifests a second `opstwin lint` checks, beside kubernetes-validate on the same manifests.

`python -m benchmarks.lint` prints one JSON. The manifests are ten of one application: a chart as people write them.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measuring import timed_sync
from opstwin.manifests.checks.checking import checked
from opstwin.manifests.checks.linting import LintOptions, Named, lint
from opstwin.manifests.checks.policy import policy_from
from opstwin.manifests.yaml_text import read_documents
from tests.unit.manifests.checks.goods import TEXT

SETS = 40
RUNS = 5
LARGE = 10_000
OTHER_SETS = 3
VERSION = "1.37"
LIMIT = 200
"""Manifests a second that are promised."""

OWN_RULES = """
rules:
  - name: own-registry
    match: {kinds: [Deployment]}
    expression: object.spec.template.spec.containers.all(c, c.image.startsWith('registry.example.com/'))
  - name: few-copies
    match: {kinds: [Deployment]}
    expression: object.spec.replicas <= 10
"""


def chart(sets: int) -> str:
    """The application as often as asked, each in its own namespace, as one text."""
    return "---\n".join(TEXT.replace("namespace: shop", f"namespace: shop-{number}") for number in range(sets))


def _rate(manifests: int, seconds: list[float], **more: Any) -> dict[str, Any]:
    rates = [manifests / value for value in seconds]
    return {
        "per_s": round(statistics.median(rates)), "least_per_s": round(min(rates)), "manifests": manifests,
        "runs": len(seconds), **more,
    }  # fmt: skip


def rates() -> dict[str, Any]:
    """Text to report, data to report, with rules in CEL, and the other validator (strict), in turn."""
    import kubernetes_validate  # type: ignore[import-untyped]

    text, small = chart(SETS), chart(OTHER_SETS)
    manifests = [item.value for item in read_documents(text)]
    plain = [{**item.value, "stringData": {}} if item.value["kind"] == "Secret" else item.value
             for item in read_documents(small)]  # fmt: skip
    named, policy = [Named(name="chart.yaml", text=text)], policy_from(OWN_RULES)

    def other() -> None:
        for item in plain:
            kubernetes_validate.validate(item, VERSION, strict=True)

    ways = {
        "lint": (len(manifests), lambda: lint(named)),
        "lint_with_own_rules": (len(manifests), lambda: lint(named, LintOptions(policy=policy))),
        "checks_without_reading": (len(manifests), lambda: checked(manifests)),
        "kubernetes_validate_strict_without_reading": (len(plain), other),
    }
    assert not lint(named).report.findings
    took: dict[str, list[float]] = {name: [] for name in ways}
    for name, (_, way) in ways.items():
        timed_sync(way)
        assert name in took
    for _ in range(RUNS):
        for name, (_, way) in ways.items():
            took[name].append(timed_sync(way))
    found: dict[str, Any] = {name: _rate(ways[name][0], values) for name, values in took.items()}
    found["lint"]["limit"] = f">= {LIMIT} per s"
    return found


def large_file() -> dict[str, Any]:
    """A file of ten thousand manifests through the command itself, in a process of its own: time and memory."""
    text = chart(LARGE // 10)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "large.yaml"
        file.write_text(text)
        command = [sys.executable, "-m", "opstwin.cli", "lint", str(file), "-o", "json"]
        results: list[Any] = []
        took = timed_sync(lambda: results.append(subprocess.run(command, capture_output=True, check=True)))
    answer = json.loads(results[0].stdout)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "manifests": answer["manifests"], "bytes": len(text), "took_s": round(took, 2), "peak_mib": round(peak),
        "per_s": round(answer["manifests"] / took),
    }  # fmt: skip


def all_figures() -> dict[str, Any]:
    """All figures of the checks."""
    return {"lint": {"large_file": large_file(), **rates()}}


if __name__ == "__main__":
    print(json.dumps(all_figures(), indent=2))
