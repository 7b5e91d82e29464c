"""What the program tells people to type can be typed: every `opstwin …` in a message names a verb and its options."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from opstwin.targets.spec_reading import KINDS
from tests.docs.commands import mention_fault
from tests.docs.pages import ROOT

SOURCES = sorted((ROOT / "opstwin").rglob("*.py"))
MENTION = re.compile(r"(?<![\w./-])opstwin (?=[a-z])(?:(?! opstwin )[^\n.;`'\"·→,()가-힣])*")


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every string, with an X for each value that is put into it."""
    tree = ast.parse(source)
    joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    inside = {id(part) for node in joined for part in node.values}
    for node in joined:
        yield node.lineno, "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
    for item in ast.walk(tree):
        if isinstance(item, ast.Constant) and isinstance(item.value, str) and id(item) not in inside:
            yield item.lineno, item.value


LISTS = frozenset({"plans", "executions", "runs", "workloads"} | {f"{kind}s" for kind in (*KINDS, "image")})
"""What `opstwin get` takes beside the id or the name of a resource."""


def wrong(source: str) -> list[str]:
    found = [(line, mention.strip()) for line, text in texts(source) for mention in MENTION.findall(text)]
    return [
        f"{line}: {mention}: {why}" for line, mention in found if (why := mention_fault(mention) or no_list(mention))
    ]


def no_list(mention: str) -> str:
    """Why `opstwin get …s` lists nothing; empty when it does."""
    plural = re.match(r"opstwin get ([a-z]+s)(?: |$)", mention)
    return f"opstwin get knows no {plural[1]}" if plural and plural[1] not in LISTS else ""


@pytest.mark.parametrize(
    "source",
    [
        '"Run: opstwin audit export."',
        'f"Read it: opstwin fetch {name}"',
        '"Use: opstwin plan --drifty"',
        '"List them: opstwin get things"',
    ],
)
def test_a_message_that_names_no_verb_is_found(source: str) -> None:
    assert wrong(source)


@pytest.mark.parametrize("source", ['f"Run: opstwin show {id}."', '"opstwin audit verify, then opstwin drift"'])
def test_a_message_that_names_a_verb_is_fine(source: str) -> None:
    assert not wrong(source)


@pytest.mark.parametrize(
    "folder", sorted({file.parent for file in SOURCES}), ids=lambda item: str(item.relative_to(ROOT))
)
def test_messages_name_verbs_that_exist(folder: Path) -> None:
    files = [file for file in SOURCES if file.parent == folder]
    found = [f"{file.name}:{line}" for file in files for line in wrong(file.read_text(encoding="utf-8"))]
    assert not found, "\n" + "\n".join(found)
