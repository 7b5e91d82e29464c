"""docs/stack.md and docs/decisions: what they speak of exists."""

import re
import tomllib

import pytest

from tests.docs.pages import DOCS, ROOT, Page, page

PAGE = page("docs/stack.md")
PROMISED = page("docs/requirements.md").text
DECISIONS = [page(str(file.relative_to(ROOT))) for file in sorted((DOCS / "decisions").glob("*.md"))]


@pytest.mark.parametrize("row", PAGE.table("Rows of the design documents"), ids=lambda row: row[0])
def test_a_row_of_the_table_is_a_row_that_names_a_technology(row: list[str]) -> None:
    found = re.search(rf"^- \*\*{re.escape(row[0])}\*\* .*$", PROMISED, re.MULTILINE)
    assert found
    assert "[stack]" in found[0]


def test_every_package_that_we_depend_on_has_its_purpose() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *(item for name, items in extras.items() if name != "dev" for item in items)]
    names = {re.split(r"[\[<>=]", item, maxsplit=1)[0] for item in needed}
    told = {name for row in PAGE.table("What we build on") for name in re.findall(r"`([a-z0-9.-]+)`", row[0])}
    assert told == names


@pytest.mark.parametrize("shown", DECISIONS, ids=lambda item: item.name[-40:])
def test_a_decision_says_why_what_and_with_which_consequences(shown: Page) -> None:
    number = int(re.findall(r"/(\d{4})-", shown.name)[0])
    assert shown.text.startswith(f"# {number}. ")
    for part in ("**Context.**", "**Decision.**", "**Consequences.**"):
        assert shown.text.count(part) == 1
    assert len(shown.text.split()) < 300


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(re.findall(r"/(\d{4})-", item.name)[0]) for item in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_the_names_in_the_decision_on_replacing_are_the_drivers_own() -> None:
    from opstwin.targets.docker.marks import FENCE, NEXT, PREVIOUS
    from opstwin.targets.rendering import IN_PLACE

    told = page("docs/decisions/0006-replace-keeps-the-old-one-aside.md").text
    assert f"NAME{NEXT}`" in told
    assert f"NAME{PREVIOUS}`" in told
    assert {"cpu_millicores", "memory_bytes", "restart", "running"} == IN_PLACE
    assert f"`{FENCE}`" in page("docs/decisions/0005-a-fence-per-execution.md").text


def test_the_decision_on_sql_names_how_sqlite_is_opened() -> None:
    source = (ROOT / "opstwin/twin/engines.py").read_text(encoding="utf-8")
    told = page("docs/decisions/0003-sql-in-worker-threads.md").text
    for words in ("synchronous=FULL", "BEGIN IMMEDIATE", "synchronous_commit"):
        assert words in source
        assert words in told
