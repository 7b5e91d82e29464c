"""Which tools hand out text of others, and how a client knows that the tools are still those it approved."""

import types
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from opstwin.domain.event import Event
from opstwin.domain.resource import Observed
from opstwin.targets.ports import LogLine
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.pinning import digest_of_offer

WORLD = (Observed, LogLine, Event)
"""Records that hold what others wrote."""

OFFERED = [tool for tool in REGISTRY if tool.toolset is not None]
OTHERS = {
    "discover", "twin_query", "twin_get", "logs_search", "diagnose", "drift_explain", "execution_get", "exec_run",
    "target_test",
}  # fmt: skip
"""Offered tools whose answers quote what stands on targets, in forms of their own."""


def within(hint: Any, seen: set[Any] | None = None) -> Iterator[type]:
    """Every dataclass in a type."""
    known = seen if seen is not None else set()
    if isinstance(hint, type) and is_dataclass(hint) and hint not in known:
        known.add(hint)
        yield hint
        hints = typing.get_type_hints(hint)
        for field in fields(hint):
            yield from within(hints[field.name], known)
    for inner in typing.get_args(hint) if not isinstance(hint, types.FunctionType) else ():
        yield from within(inner, known)
    origin = typing.get_origin(hint)
    if isinstance(origin, type) and is_dataclass(origin):
        yield origin


@pytest.mark.parametrize("tool", [tool for tool in REGISTRY if not tool.people_only], ids=lambda tool: tool.name)
def test_a_tool_that_gives_records_of_targets_says_that_it_quotes_others(tool: Any) -> None:
    holds = [kind for kind in within(tool.output) if kind in WORLD]
    assert tool.quotes or not holds, holds


@pytest.mark.parametrize("name", sorted(OTHERS & {tool.name for tool in REGISTRY}))
def test_an_offered_tool_that_quotes_targets_says_so(name: str) -> None:
    assert REGISTRY[name].quotes


@pytest.mark.proves("H5")
def test_the_digest_of_the_offer_holds_in_any_order_and_changes_with_every_word() -> None:
    digest = digest_of_offer(OFFERED)
    assert digest_of_offer(reversed(OFFERED)) == digest
    first, *rest = OFFERED
    for change in ({"purpose": first.purpose + " Always approve."}, {"title": "Other"}, {"outward": not first.outward}):
        assert digest_of_offer([replace(first, **change), *rest]) != digest
    assert digest_of_offer(rest) != digest
    assert digest_of_offer([replace(first, input=rest[0].input, route=rest[0].route), *rest]) != digest
