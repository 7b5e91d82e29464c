"""The parts of the pages that are made from the code are as the code is."""

import pytest

from opstwin import errors
from tests.docs.commands import verbs
from tests.docs.generating import PARTS, made_anew, names_in
from tests.docs.made_reference import WHO
from tests.docs.pages import Page, all_pages, page

MADE = [item for item in all_pages() if names_in(item.text)]


@pytest.mark.parametrize("shown", MADE, ids=lambda item: item.name)
def test_a_page_holds_what_the_code_says(shown: Page) -> None:
    assert shown.text == made_anew(shown.text), "run: python -m tests.docs.generating"


def test_every_part_that_can_be_made_stands_on_one_page() -> None:
    found = [name for item in MADE for name in names_in(item.text)]
    assert sorted(found) == sorted(PARTS)


def test_a_part_that_was_edited_by_hand_is_noticed() -> None:
    whole = page("docs/cli.md").text
    assert made_anew(whole.replace("waiting for a human to approve", "waiting")) == whole


def test_every_verb_has_a_heading() -> None:
    shown = page("docs/cli.md").text
    missing = [name for name in verbs() if f"# {name}\n" not in shown]
    assert not missing


def test_every_error_stands_under_who_must_act() -> None:
    shown = page("docs/errors.md").text
    branches = tuple(WHO)
    for kind in _all_errors(errors.OpstwinError):
        assert issubclass(kind, branches), f"{kind.__name__} belongs to no branch"
        assert f"| `{kind.code}` | `{kind.__name__}` |" in shown


def _all_errors(kind: type[errors.OpstwinError]) -> list[type[errors.OpstwinError]]:
    inner = [item for item in kind.__subclasses__() if item.__module__ == errors.__name__]
    return [found for item in inner for found in (item, *_all_errors(item))]
