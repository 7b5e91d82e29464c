"""docs/drafting.md says what the code does: fields, budgets, figures of the formula."""

from opstwin.agent.drafting.batching import MOST_TOGETHER
from opstwin.agent.drafting.composing import budget
from opstwin.agent.drafting.confidence import BLOCKED, MOST_WARNINGS, REPAIR, WARNING
from opstwin.agent.drafting.drafter import MOST_REPAIRS
from opstwin.agent.drafting.outward import LISTED, MOST_ENTRIES, WITHHELD
from opstwin.agent.drafting.proposing import FIELDS
from opstwin.prompts.loading import prompts
from opstwin.settings import Settings
from tests.docs.pages import page

PAGE = page("docs/drafting.md")
LEAVES = "What leaves for a model's provider"


def named(cells: list[str]) -> set[str]:
    return {word.strip("`,") for cell in cells for word in cell.split()}


def test_the_fields_that_leave_are_those_of_the_list() -> None:
    assert named([row[0] for row in PAGE.table(LEAVES)]) == LISTED
    assert all(f"`{name}`" in PAGE.section(LEAVES).partition("|\n\n")[2] for name in WITHHELD)
    assert f"at most {MOST_ENTRIES};" in PAGE.section(LEAVES)


def test_the_fields_that_may_be_open_are_those_of_the_code() -> None:
    assert named([row[0] for row in PAGE.table("What a model may fill in")]) == {*FIELDS}


def test_the_figures_are_those_of_the_code() -> None:
    texts = PAGE.text
    assert f"times {WARNING} for each warning (four at most), {REPAIR} for each repair, and {BLOCKED} when" in texts
    assert (MOST_WARNINGS, MOST_REPAIRS, MOST_TOGETHER) == (4, 2, 10)
    assert f"may have {prompts('agent')['policy'].budget:,} tokens" in texts
    assert f"| {budget():,} |" in texts
    assert Settings.model_fields["draft_examples"].default == 3
