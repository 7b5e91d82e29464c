"""`docs/agent.md` says what is: its limits, its routes, its events and its variables."""

import inspect
import re

import pytest
from ag_ui.core import EventType

from opstwin.agent.models import places
from opstwin.cli import chat_words
from opstwin.domain.thread import LONGEST, REMEMBERED
from opstwin.server.chat.turns import GRACE_S, MAX_EACH, MAX_TURNS
from opstwin.server.streaming import HEARTBEAT_S
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.chat import MAX_WORDS
from tests.docs.pages import page

PAGE = page("docs/agent.md")


def test_the_limits_on_the_page_are_those_that_hold() -> None:
    told = {row[0]: row[1] for row in PAGE.table("Limits")}
    assert told["words at once"] == f"{MAX_WORDS:,} characters"
    assert told["remarks kept in a thread"] == f"the last {REMEMBERED}, {LONGEST:,} characters each"
    assert told["turns at once"].startswith(f"{MAX_EACH} of one owner, {MAX_TURNS} in a hub;")
    assert told["a turn without watchers"] == f"{GRACE_S:g} s"
    assert f"comment comes every {HEARTBEAT_S:g} s" in " ".join(PAGE.prose().split())


def test_every_route_of_the_chat_is_on_the_page() -> None:
    ours = [tool for tool in REGISTRY if tool.route.path.startswith(("/chat", "/threads"))]
    assert len(ours) == 5
    for tool in ours:
        path = f"{tool.route.method} /api/v1{tool.route.path.replace('{id}', 'ID')}"
        assert f"`{path}`" in PAGE.text, path


def test_every_event_on_the_page_is_one_of_ag_ui() -> None:
    named = set(re.findall(r"\b(?:RUN|STEP|TEXT_MESSAGE|TOOL_CALL|ACTIVITY|MESSAGES|STATE)_[A-Z]+\b", PAGE.text))
    assert named <= {item.value for item in EventType}
    assert {"RUN_STARTED", "RUN_FINISHED", "RUN_ERROR", "MESSAGES_SNAPSHOT"} <= named


def test_every_variable_on_the_page_is_read() -> None:
    source = inspect.getsource(places)
    for row in PAGE.table("Models"):
        for name in re.findall(r"`([A-Z_]+)`", row[0]):
            assert f'"{name}"' in source, name


@pytest.mark.parametrize("words", [chat_words.APPROVE, chat_words.REJECT, chat_words.SHOW, chat_words.LEAVE])
def test_what_can_be_typed_is_on_the_page_in_both_languages(words: frozenset[str]) -> None:
    typed = " ".join(row[0] for row in PAGE.table("On the command line"))
    assert any(word in typed for word in words if word.isascii())
    assert any(word in typed for word in words if not word.isascii())
