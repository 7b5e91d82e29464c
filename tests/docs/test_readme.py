"""README and pages: what they tell to type can be typed, what they link to is there, what they name exists."""

import re
from pathlib import PurePosixPath

import pytest

from opstwin.cli import context, options, output
from opstwin.configuration import PREFIX
from opstwin.settings import Settings
from tests.docs.commands import fault, mention_fault, parts
from tests.docs.pages import DOCS, ROOT, Page, all_pages, anchors, commands, page

PAGES = all_pages()
OURS = ("make ", "opstwin ")
FOREIGN = frozenset({"requirements.md", "reliability.md"})
"""Promises in the words of their sources: they name commands and files of other products."""

HAND_WRITTEN = [item for item in PAGES if PurePosixPath(item.name).name not in FOREIGN]
VARIABLE = re.compile(rf"\b{PREFIX}([A-Z][A-Z_]*[A-Z])\b")


def pages(found: list[Page]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("shown", found, ids=[item.name for item in found])


def typed(shown: Page) -> list[str]:
    """The commands of a page that are ours to answer for."""
    lines = [line for block in shown.blocks("", "sh", "console") for line in commands(block)]
    if shown.name.endswith("demo.md"):
        lines = [line.strip().removeprefix("$ ") for line in shown.text.splitlines() if line.strip().startswith("$ ")]
    return [part for line in lines for part in parts(line) if part.startswith(OURS)]


@pages(HAND_WRITTEN)
def test_every_command_in_a_block_can_be_typed(shown: Page) -> None:
    wrong = {line: why for line in typed(shown) if (why := fault(line))}
    assert not wrong


def test_the_readme_shows_how_to_begin() -> None:
    shown = typed(page("README.md"))
    assert {"make demo", "make test", "make up"} <= set(shown)
    assert len(shown) > 10


@pytest.mark.parametrize(
    "line",
    [
        "make nothing",
        "opstwin plann x",
        "opstwin audit export",
        "opstwin apply plan_1 --yess",
        "opstwin approve",
        "opstwin logs web-1 --tail many",
        "opstwin audit verify now",
    ],
)
def test_a_command_that_cannot_be_typed_is_noticed(line: str) -> None:
    assert fault(line)


@pages(HAND_WRITTEN)
def test_every_command_in_a_sentence_names_a_verb_and_its_options(shown: Page) -> None:
    said = [text for text in shown.code() if text.startswith(OURS)]
    wrong = {text: why for text in said if (why := fault(text) if text.startswith("make") else mention_fault(text))}
    assert not wrong


@pages(HAND_WRITTEN)
def test_every_variable_named_on_a_page_is_read(shown: Page) -> None:
    unknown = sorted({name for name in VARIABLE.findall(shown.text) if name not in known_variables()})
    assert not unknown


def known_variables() -> set[str]:
    return {name.upper() for name in Settings.model_fields} | read_by_the_command_line()


def read_by_the_command_line() -> set[str]:
    sources = [
        ROOT / "opstwin" / "cli" / f"{name.__name__.rsplit('.', 1)[-1]}.py" for name in (context, options, output)
    ]
    return {name for file in sources for name in VARIABLE.findall(file.read_text(encoding="utf-8"))}


def test_the_command_line_page_lists_every_variable_that_the_command_line_reads() -> None:
    rows = page("docs/cli.md").table("Which hub, and who you are")
    shown = {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row[0])}
    assert shown >= {f"{PREFIX}{name}" for name in read_by_the_command_line()}
    assert shown - {f"{PREFIX}{name}" for name in read_by_the_command_line()} == {"NO_COLOR", "FORCE_COLOR"}


@pages(PAGES)
def test_every_link_leads_somewhere(shown: Page) -> None:
    lost = [link for link in shown.links() if not leads_somewhere(shown, link)]
    assert not lost


def leads_somewhere(shown: Page, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return link.startswith("https://")
    path, _, anchor = link.partition("#")
    file = (ROOT / shown.name).parent / path if path else ROOT / shown.name
    if not file.exists():
        return False
    return not anchor or anchor in anchors(file.read_text(encoding="utf-8"))


@pages(PAGES)
def test_no_page_names_a_path_of_one_machine(shown: Page) -> None:
    assert not re.findall(r"(?:/root/|/home/(?!you\b)[a-z]+|/Users/|/work/|/tmp/)\S*", shown.text)


def test_the_index_lists_every_page() -> None:
    index = {(DOCS / link.partition("#")[0]).resolve() for link in page("docs/README.md").links()}
    missing = [str(file.relative_to(DOCS)) for file in DOCS.rglob("*.md") if file.resolve() not in index]
    assert missing == ["README.md"]
