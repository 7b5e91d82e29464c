"""docs/diagnosis.md: its codes, causes, words and numbers are those of the code."""

import re

from opstwin.control import diagnosing_logs, log_searching, sampling
from opstwin.control.drift_causes import Cause
from opstwin.control.drift_outlook import Outlook
from opstwin.domain import cluster_detectors, container_detectors, diagnosis, other_detectors
from opstwin.domain.diagnosis import Code, Severity
from opstwin.metrics import memory, ring
from opstwin.settings import Settings
from opstwin.tools import diagnosis as tools
from opstwin.tools.logs import MAX_TAIL, LogsSearchAsk
from tests.docs.pages import page

PAGE = page("docs/diagnosis.md")


def told(title: str, column: int = 0) -> list[str]:
    return [row[column] for row in PAGE.table(title)]


def row(code: Code) -> str:
    return " ".join(next(row for row in PAGE.table("What is looked for") if row[0] == f"`{code.value}`"))


def test_every_detector_has_its_row_and_none_is_made_up() -> None:
    assert told("What is looked for") == [f"`{code.value}`" for code in Code]


def test_the_severities_are_those_that_findings_have() -> None:
    words = set(re.findall(r"critical|warning|notice", " ".join(told("What is looked for", 2))))
    assert words == {item.value for item in Severity}


def test_every_cause_and_every_outlook_is_explained() -> None:
    causes = {word.strip("`") for word in re.findall(r"^\| (`[a-z_]+`) \|", PAGE.text, re.MULTILINE)}
    assert {item.value for item in Cause} | {item.value for item in Outlook} <= causes
    assert causes == {item.value for item in (*Cause, *Outlook, *Code)}


def test_the_numbers_of_the_detectors_are_those_of_the_code() -> None:
    loop = row(Code.CRASH_LOOP)
    assert f"{diagnosis.LOOPING} times within {_minutes(diagnosis.WINDOW)} minutes" in loop
    assert f"last {_minutes(diagnosis.FRESH)} minutes" in loop
    assert f"last {diagnosis.MEMORY_WINDOW.total_seconds() / 3600:.0f} hours" in row(Code.OUT_OF_MEMORY)
    assert f"{diagnosis.STORM} times within {_minutes(diagnosis.STORM_WINDOW)} minutes" in row(Code.RESTART_STORM)
    stale = row(Code.STALE_OBSERVATION)
    assert f"{tools.LEAST_OLD_S:.0f} seconds or {tools.LOOKS:.0f} looks" in stale
    assert f"last {other_detectors.PLANS_TOLD.days} days" in row(Code.EXPIRED_APPROVAL)
    assert container_detectors.DETECTORS
    assert f"run for {cluster_detectors.PATIENCE.total_seconds():.0f} seconds" in row(Code.PROBE_FAILS)
    assert f"or for {_minutes(diagnosis.FRESH)} minutes" in row(Code.CLAIM_UNBOUND)
    text = " ".join(PAGE.text.split())
    assert f"warnings of the last {_minutes(diagnosis.WINDOW)} minutes" in text


def test_the_bounds_of_a_search_are_those_of_the_code() -> None:
    text = " ".join(PAGE.text.split())
    assert f"({LogsSearchAsk().tail:,} unless asked, at most {MAX_TAIL:,})" in text
    millions = log_searching.MAX_CHARACTERS // 1_000_000
    assert f"{log_searching.MAX_LINES:,} lines or {millions} million characters" in text
    assert f"after {log_searching.LONGEST_S:.0f} seconds" in text
    assert diagnosing_logs.FINDINGS == 3
    assert "up to three failing containers" in text
    assert diagnosing_logs.LINES == 5
    assert "last five lines" in text


def test_the_room_for_measurements_is_what_the_store_takes() -> None:
    text = " ".join(PAGE.text.split())
    assert f"`metrics_interval_s` ({Settings().metrics_interval_s:.0f}) seconds" in text
    assert f"at most {sampling.AT_ONCE} at one time" in text
    assert f"every {sampling.LONGEST_PAUSE_S / 60:.0f} minutes" in text
    assert f"the last {ring.RAW_SAMPLES} of each series" in text
    assert f"{ring.MINUTES // 60} hours" in text
    assert f"{ring.SERIES_BYTES // 1000} kB a series and {memory.MAX_SERIES:,} series" in text
    assert ring.SERIES_BYTES * memory.MAX_SERIES < 100_000_000


def _minutes(span: object) -> str:
    return f"{span.total_seconds() / 60:.0f}"  # type: ignore[attr-defined]
