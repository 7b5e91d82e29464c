"""The protocol's official suite against the profile: the suite's fixtures on the hub's own HTTP stack.

It needs Node 22 and an npm package. Where they are missing, these tests, and no others of the project, are skipped, and
the summary of the run says why; `OPSTWIN_CONFORMANCE=required` (as `make conformance` sets it) makes that a failure.
"""

from collections.abc import Iterator

import pytest

from tests.conformance import suite
from tests.conformance.suite import Found

REVISIONS = {"2025-11-25": 30, "2026-07-28": 37}
"""How many scenarios each revision requires of a server."""

TASKS = (
    "tasks-capability-negotiation", "tasks-dispatch-and-envelope", "tasks-lifecycle", "tasks-mrtr-composition",
    "tasks-mrtr-input", "tasks-request-headers", "tasks-request-state-removal", "tasks-required-task-error",
    "tasks-wire-fields",
)  # fmt: skip
UNWRITTEN = "tasks-status-notifications"
"""The suite names this scenario and does not run it yet; `tests/interaction/test_mcp_task_streams.py` has our own."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    why = suite.missing()
    if why and suite.is_required():
        pytest.fail(why)
    if why:
        pytest.skip(why)
    with suite.profile() as address:
        yield address


@pytest.fixture(scope="module")
def found(url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Found]:
    """Both revisions, one after the other, against one process."""
    return {revision: suite.run(url, revision, tmp_path_factory.mktemp("results")) for revision in REVISIONS}


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_scenario_that_a_revision_requires_passes(found: dict[str, Found], revision: str) -> None:
    one, names = found[revision], suite.required(revision)
    assert len(names) == REVISIONS[revision]
    for name in names:
        assert one.checks[name]["SUCCESS"] > 0, name
        assert one.checks[name]["FAILURE"] == 0, f"{name}\n{one.output}"
    assert one.code == 0, one.output


@pytest.mark.parametrize("revision", REVISIONS)
def test_nothing_fails_that_a_revision_reports_beside_what_it_requires(found: dict[str, Found], revision: str) -> None:
    failing = [name for name, checks in found[revision].checks.items() if checks["FAILURE"]]
    assert not failing, found[revision].output


@pytest.mark.parametrize("name", TASKS)
def test_every_scenario_of_the_tasks_extension_passes(found: dict[str, Found], name: str) -> None:
    checks = found["2026-07-28"].checks[name]
    assert checks["SUCCESS"] >= 2
    assert set(checks) <= {"SUCCESS", "INFO"}, found["2026-07-28"].output


def test_the_tasks_scenario_that_the_suite_has_not_written_is_still_unwritten(found: dict[str, Found]) -> None:
    assert set(found["2026-07-28"].checks[UNWRITTEN]) <= {"SKIPPED", "INFO"}
    known = {name for name in found["2026-07-28"].checks if name.startswith("tasks-")}
    assert known == {*TASKS, UNWRITTEN}
