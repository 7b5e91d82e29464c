"""The expected text of each application: `python -m tests.unit.manifests.generating.golden` writes them anew."""

from pathlib import Path
from typing import Final

from opstwin.manifests.generating.generator import generated
from opstwin.manifests.generating.results import Generated
from opstwin.manifests.yaml_text import remarks, text_of
from tests.unit.manifests.generating.applications import APPLICATIONS

GOLDEN: Final = Path(__file__).parent / "golden"


def golden_text(result: Generated) -> str:
    findings = (
        f"{finding.level.value} {finding.workload} {finding.field}: {finding.text}" for finding in result.findings
    )
    return remarks(findings) + text_of(result.manifests, language="en")


def write_all() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name, request in APPLICATIONS.items():
        (GOLDEN / f"{name}.yaml").write_text(golden_text(generated(request())))


if __name__ == "__main__":
    write_all()
