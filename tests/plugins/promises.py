"""Selects tests by the promises they prove, and lists the promises without a test.

`pytest --req S1.7` and `pytest --proves A1` run what carries that id in a `req` or `proves` mark (repeat the option or
separate ids by commas); `pytest --req-missing` runs nothing and prints the ids that no test carries.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SOURCES = {
    "req": ("requirements.md", re.compile(r"^- \*\*(S\d+\.G?\d+)\*\* ", re.MULTILINE)),
    "proves": ("reliability.md", re.compile(r"^- ([A-M]\d+) ", re.MULTILINE)),
}


@cache
def promised(mark: str) -> tuple[str, ...]:
    """Every id that the docs promise for this mark, in their order."""
    name, pattern = SOURCES[mark]
    return tuple(pattern.findall((DOCS / name).read_text(encoding="utf-8")))


def carried(item: pytest.Item, mark: str) -> set[str]:
    """The ids that one test carries."""
    return {id_ for found in item.iter_markers(mark) for id_ in found.args}


def wanted(config: pytest.Config, mark: str) -> set[str]:
    """The ids asked for on the command line."""
    words: Iterable[str] = config.getoption(f"--{mark}") or ()
    return {id_ for word in words for id_ in word.split(",") if id_}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("promises", "promised behaviour")
    group.addoption("--req", action="append", metavar="ID", help="run the tests of a requirement, such as S1.7")
    group.addoption("--proves", action="append", metavar="ID", help="run the tests of a reliability id, such as A1")
    group.addoption("--req-missing", action="store_true", help="run nothing; list the ids without a test")


def pytest_configure(config: pytest.Config) -> None:
    for mark in SOURCES:
        refuse_unknown(wanted(config, mark), mark, f"--{mark}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for mark in SOURCES:
        for item in items:
            refuse_unknown(carried(item, mark), mark, item.nodeid)
        keep_wanted(config, items, mark)


def refuse_unknown(ids: set[str], mark: str, where: str) -> None:
    """Refuse ids that nobody promised: they are typing mistakes."""
    unknown = ids.difference(promised(mark))
    if unknown:
        raise pytest.UsageError(f"{where}: {sorted(unknown)} not in docs/{SOURCES[mark][0]}")


def keep_wanted(config: pytest.Config, items: list[pytest.Item], mark: str) -> None:
    ids = wanted(config, mark)
    if not ids:
        return
    out = [item for item in items if not carried(item, mark) & ids]
    items[:] = [item for item in items if carried(item, mark) & ids]
    config.hook.pytest_deselected(items=out)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    if not session.config.getoption("--req-missing"):
        return None
    for line in report(session.items):
        print(line)
    return True


def report(items: list[pytest.Item]) -> Iterator[str]:
    """One line per promised id without a test, then one summary line per document."""
    for mark, (name, _) in SOURCES.items():
        have = {id_ for item in items for id_ in carried(item, mark)}
        ids = promised(mark)
        missing = [id_ for id_ in ids if id_ not in have]
        yield from missing
        yield f"# {name}: {len(ids) - len(missing)} of {len(ids)} ids have a test"
