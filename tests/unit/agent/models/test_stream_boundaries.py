"""Streams of both vendors cut into pieces anywhere: the same text and calls, or an error that it broke off."""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.agent.models.failures import Reason
from opstwin.agent.models.port import Delta, ModelReply, Stop, ToolCall
from opstwin.agent.models.scripted import call, calling
from opstwin.agent.models.scripted_server import Got, ScriptedServer, Wired
from opstwin.agent.models.scripted_wire import anthropic_body, openai_body
from opstwin.errors import ModelError
from tests.unit.agent.models.requests import ANTHROPIC, OPENAI, TOOL, asked, gateway, streamed

WIRES = {"openai": OPENAI, "anthropic": ANTHROPIC}
TEXT = "256Mi: 왜냐하면 🙂 that was enough."
CALLS = calling(
    call("plan_show", "call_a", plan="plan-1", note="한글 \"x\"\n"), call("twin_query", "call_b"), text="Let me look.",
)  # fmt: skip
wires = pytest.mark.parametrize("wire", WIRES)
pytestmark = pytest.mark.req("S5.98")


class Chopped(ScriptedServer):
    """Sends the bytes of each stream cut at `cuts`; with `end` no more than so many of them."""

    def __init__(self, reply: ModelReply, cuts: Iterable[int] = (), end: int | None = None) -> None:
        super().__init__(otherwise=reply)
        self.cuts, self._end = sorted(cuts), end

    def answer(self, got: Got) -> Any:
        wired = super().answer(got)
        assert isinstance(wired, Wired)
        whole = b"".join(wired.pieces)
        sent = whole if self._end is None else whole[: self._end]
        places = [0, *(cut for cut in self.cuts if 0 < cut < len(sent)), len(sent)]
        pieces = tuple(sent[one:other] for one, other in pairwise(places))
        return replace(wired, pieces=pieces, is_whole=self._end is None)


async def size_of(wire: str, reply: ModelReply) -> int:
    server = Chopped(reply)
    await streamed(gateway(server, WIRES[wire]), asked(tools=[TOOL]))
    return len(b"".join(ScriptedServer([reply]).answer(server.requests[0]).pieces))  # type: ignore[union-attr]


async def told(wire: str, server: ScriptedServer) -> list[Delta]:
    return await streamed(gateway(server, WIRES[wire], attempts=1), asked(tools=[TOOL]))


async def gathered(into: list[Delta], stream: AsyncIterator[Delta]) -> None:
    """What comes, also where it breaks off."""
    async for delta in stream:
        into.append(delta)  # noqa: PERF401 - what came before the end counts


def check(reply: ModelReply, deltas: Sequence[Delta]) -> None:
    """The text came in pieces that make it up, and the reply last, with its calls."""
    last = deltas[-1].reply
    assert last is not None
    assert "".join(delta.text for delta in deltas) == last.text == reply.text
    assert [(item.id, item.name, item.arguments) for item in last.calls] == [
        (item.id, item.name, item.arguments) for item in reply.calls
    ]
    assert last.stop is reply.stop


@wires
@pytest.mark.parametrize("reply", [ModelReply(text=TEXT), CALLS], ids=["text", "calls"])
async def test_a_stream_that_is_cut_in_two_is_the_same(wire: str, reply: ModelReply) -> None:
    server = Chopped(reply)
    model = gateway(server, WIRES[wire], attempts=1, requests_per_minute=0, tokens_per_minute=0)
    for cut in range(1, await size_of(wire, reply), 23):
        server.cuts = [cut]
        check(reply, await streamed(model, asked(tools=[TOOL])))


@wires
@pytest.mark.parametrize("reply", [ModelReply(text=TEXT), CALLS], ids=["text", "calls"])
async def test_a_stream_that_comes_byte_by_byte_is_the_same(wire: str, reply: ModelReply) -> None:
    check(reply, await told(wire, Chopped(reply, range(10_000))))


@wires
@given(
    text=st.text(max_size=30), arguments=st.dictionaries(st.text(max_size=5), st.text(max_size=8), max_size=3),
    cuts=st.sets(st.integers(1, 4_000), max_size=30),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
async def test_any_text_and_any_arguments_come_through_any_cuts(
    wire: str, text: str, arguments: dict[str, str], cuts: set[int]
) -> None:
    asks = ToolCall(id="call_a", name="plan_show", arguments=dict(arguments))
    reply = ModelReply(text=text, calls=(asks,), stop=Stop.TOOLS)
    check(reply, await told(wire, Chopped(reply, cuts)))


@wires
@pytest.mark.proves("B6")
async def test_a_stream_that_ends_at_any_byte_is_never_an_answer_and_is_asked_again_only_before_its_first_word(
    wire: str,
) -> None:
    size = await size_of(wire, CALLS)
    for end in range(1, size - len(b"data: [DONE]\n\n") - 400, 29):
        server = Chopped(CALLS, end=end)
        deltas: list[Delta] = []
        with pytest.raises(ModelError) as broken:
            await gathered(deltas, gateway(server, WIRES[wire], attempts=2).stream(asked(tools=[TOOL])))
        assert broken.value.details["reason"] == Reason.TRUNCATED.value
        assert not any(delta.reply for delta in deltas)
        shown = "".join(delta.text for delta in deltas)
        assert CALLS.text.startswith(shown)
        assert len(server.requests) == (1 if shown else 2), "what somebody has read is not begun anew"


class Unstreamed(ScriptedServer):
    """A server that answers with the whole where a stream was asked for."""

    def answer(self, got: Got) -> Any:
        super().answer(got)
        body = (anthropic_body if got.path.endswith("/messages") else openai_body)(CALLS, "m")
        return Wired(200, {"content-type": "application/json"}, (json.dumps(body).encode(),))


@wires
async def test_a_server_that_does_not_stream_is_read_whole(wire: str) -> None:
    server = Unstreamed(otherwise="")
    check(CALLS, await told(wire, server))
    assert len(server.requests) == 1
