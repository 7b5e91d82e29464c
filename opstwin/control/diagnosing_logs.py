"""The last lines that a failing container wrote, as evidence. They are text of others and say nothing for certain."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from opstwin.control.diagnosing_findings import Finding
from opstwin.control.drivers import Readers
from opstwin.control.ledger import Ledger
from opstwin.control.retrying import Breakers
from opstwin.domain.diagnosis import Code, Evidence
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId
from opstwin.errors import InvalidInput, NotFound, TargetError
from opstwin.logs import logger, redacted_start
from opstwin.targets.ports import HUB

LINES: Final = 5
FINDINGS: Final = 3
"""Findings whose logs are read for one answer: the most severe ones."""

MAX_TEXT: Final = 300
_TELLING: Final = frozenset({Code.CRASH_LOOP, Code.UNHEALTHY, Code.OUT_OF_MEMORY, Code.PROBE_FAILS})


async def with_last_lines(
    ledger: Ledger, readers: Readers, breakers: Breakers, findings: Sequence[Finding]
) -> tuple[Finding, ...]:
    """`findings`, the first few about failing containers with the last lines of their logs; unreadable ones without."""
    done: set[str] = set()
    found: list[Finding] = []
    for finding in findings:
        wanted = finding.code in _TELLING and finding.subject not in done and len(done) < FINDINGS
        if not wanted or breakers.is_open(finding.target):
            found.append(finding)
            continue
        done.add(finding.subject)
        lines = await _last_lines(ledger, readers, finding)
        found.append(replace(finding, evidence=(*finding.evidence, *lines)))
    return tuple(found)


async def _last_lines(ledger: Ledger, readers: Readers, finding: Finding) -> list[Evidence]:
    target = await ledger.need(Target, finding.target)
    lines: deque[Evidence] = deque(maxlen=LINES)
    try:
        reader = readers.reader(target)
        async for line in reader.logs(ResourceId(finding.subject), tail=LINES, follow=False):
            if line.stream == HUB:
                continue
            text = redacted_start(line.text, MAX_TEXT)
            lines.append(Evidence(fact=line.stream, value=text, source="log", at=line.at))
    except (InvalidInput, NotFound, TargetError) as error:
        logger().debug("no_log", resource=finding.subject, code=error.code)
    return list(lines)
