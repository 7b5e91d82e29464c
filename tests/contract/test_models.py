"""What every language model must do, scripted or behind a provider's wire. Routes are asserted, sockets are blocked."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import httpx2
import pytest
import respx

from opstwin.agent.models.failures import Reason
from opstwin.agent.models.opening import open_model
from opstwin.agent.models.port import (
    Delta,
    LanguageModel,
    Message,
    ModelReply,
    ModelRequest,
    Role,
    Stop,
    Tokens,
    ToolCall,
)
from opstwin.agent.models.scripted import Fault, ScriptedModel, Trouble, Turn, call, calling
from opstwin.agent.models.scripted_server import Got, ScriptedServer
from opstwin.clock import VirtualClock
from opstwin.errors import ModelError
from opstwin.settings import Settings
from tests.respx2 import HTTPCore2Mocker, only_loopback
from tests.unit.agent.models.requests import TOOL, asked, streamed

KEY = "k3y-of-the-provider-71"
ADDRESSES = {
    "openai": "https://api.openai.com/v1/chat/completions",
    "azure": "https://ours.openai.azure.com/openai/deployments/m-1/chat/completions?api-version=2025-04-01-preview",
    "compatible": "https://models.example.com/v1/chat/completions",
    "anthropic": "https://api.anthropic.com/v1/messages",
}
PROVIDERS: dict[str, dict[str, Any]] = {
    "openai": {"kind": "openai", "model": "m-1"},
    "azure": {"kind": "azure", "model": "m-1", "base_url": "https://ours.openai.azure.com"},
    "compatible": {"kind": "compatible", "model": "m-1", "base_url": "https://models.example.com/v1"},
    "anthropic": {"kind": "anthropic", "model": "m-1"},
}
ATTEMPTS = 3
WORDS = "Two hundred and fifty-six MiB, 왜냐하면 지난번에 충분했습니다."
LASTING = [
    (Fault(status=429), Reason.RATE_LIMITED), (Fault(status=500), Reason.DOWN), (Fault(status=529), Reason.DOWN),
    (Fault(status=503), Reason.DOWN), (Fault(trouble=Trouble.HANG), Reason.TIMEOUT),
    (Fault(trouble=Trouble.CLOSED), Reason.DOWN), (Fault(status=401), Reason.NO_KEY),
    (Fault(status=403), Reason.NO_KEY), (Fault(status=404), Reason.REFUSED), (Fault(status=402), Reason.BUDGET),
]  # fmt: skip


@dataclass
class Bench:
    """One model and its script."""

    kind: str
    server: ScriptedServer = field(default_factory=ScriptedServer)
    route: respx.Route | None = None
    clock: VirtualClock = field(default_factory=VirtualClock)
    _scripted: ScriptedModel | None = None

    def model(self, *turns: Turn) -> LanguageModel:
        """It, with these turns to come."""
        if self.kind == "scripted":
            self._scripted = ScriptedModel(turns)
            return self._scripted
        self.server.say(*turns)
        own = {"attempts": ATTEMPTS, "providers": {"it": {**PROVIDERS[self.kind], "credential": "env:KEY"}}}
        return open_model(Settings(models=own), self.clock, lambda text: text, environ={"KEY": KEY})  # type: ignore[arg-type]

    @property
    def calls(self) -> int:
        """How often it was asked."""
        return len(self._scripted.requests) if self._scripted is not None else len(self.server.requests)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """One request that respx caught."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        wired = self.server.answer(Got(request.url.path, headers, request.content))
        if isinstance(wired, Fault):
            kind = httpx2.ReadTimeout if wired.trouble is Trouble.HANG else httpx2.ConnectError
            raise kind("scripted")
        return httpx.Response(wired.status, headers=dict(wired.headers), content=b"".join(wired.pieces))


@pytest.fixture(params=["scripted", *PROVIDERS])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    found = Bench(request.param)
    assert HTTPCore2Mocker.name == "httpcore2"
    with only_loopback(), respx.mock(using="httpcore2", assert_all_called=False) as router:
        if found.kind in ADDRESSES:
            found.route = router.post(ADDRESSES[found.kind]).mock(side_effect=found.answer)
        yield found
        if found.route is not None:
            assert found.route.call_count == len(found.server.requests) > 0


pytestmark = pytest.mark.req("S5.98")


async def whole(model: LanguageModel, request: ModelRequest, *, streaming: bool) -> tuple[ModelReply, str]:
    """The reply, and the text as it came."""
    if not streaming:
        reply = await model.complete(request)
        return reply, reply.text
    deltas = await streamed(model, request)
    assert [delta.reply for delta in deltas[:-1]] == [None] * (len(deltas) - 1)
    assert deltas[-1].reply is not None
    return deltas[-1].reply, "".join(delta.text for delta in deltas)


both = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])


@both
@pytest.mark.req("S5.9")
async def test_a_text_comes_as_it_was_written(bench: Bench, streaming: bool) -> None:
    tokens = Tokens(input=900, output=40, cache_read=300, cache_write=200)
    reply, shown = await whole(bench.model(ModelReply(text=WORDS, tokens=tokens)), asked(), streaming=streaming)
    assert (reply.text, shown, reply.stop, reply.calls) == (WORDS, WORDS, Stop.END, ())
    assert (reply.tokens, reply.calls_made, bench.calls) == (tokens, 1, 1)
    assert reply.provider
    assert reply.model


@both
@pytest.mark.req("S5.9")
async def test_calls_come_with_their_arguments(bench: Bench, streaming: bool) -> None:
    wanted = calling(call("plan_show", "a", plan="plan-1", depth=2), call("twin_query", "b"), text="Let me look.")
    reply, shown = await whole(bench.model(wanted), asked(tools=[TOOL]), streaming=streaming)
    assert (reply.stop, shown) == (Stop.TOOLS, "Let me look.")
    assert [(item.id, item.name, item.arguments) for item in reply.calls] == [
        ("a", "plan_show", {"plan": "plan-1", "depth": 2}), ("b", "twin_query", {}),
    ]  # fmt: skip


@both
@pytest.mark.parametrize("raw", ['{"plan": "pl', "[1]", "plan-1", '{"a": NaN}', "[" * 5_000])
async def test_arguments_that_are_no_object_are_none(bench: Bench, streaming: bool, raw: str) -> None:
    broken = ToolCall(id="a", name="plan_show", arguments=None, raw=raw)
    reply, _ = await whole(bench.model(calling(broken)), asked(tools=[TOOL]), streaming=streaming)
    assert [(item.name, item.arguments) for item in reply.calls] == [("plan_show", None)]


@both
@pytest.mark.parametrize("stop", [Stop.LENGTH, Stop.REFUSED])
async def test_why_it_stopped_is_told(bench: Bench, streaming: bool, stop: Stop) -> None:
    reply, _ = await whole(bench.model(ModelReply(text="As far as", stop=stop)), asked(), streaming=streaming)
    assert reply.stop is stop


@both
@pytest.mark.proves("B6")
@pytest.mark.parametrize(("fault", "reason"), LASTING, ids=lambda item: str(getattr(item, "status", item)))
async def test_a_fault_that_lasts_is_an_error_with_its_reason(
    bench: Bench, streaming: bool, fault: Fault, reason: Reason
) -> None:
    model = bench.model(*[fault] * ATTEMPTS)
    with pytest.raises(ModelError) as told:
        await whole(model, asked(), streaming=streaming)
    assert (told.value.details["reason"], told.value.next_step != "") == (reason.value, True)
    assert KEY not in str(told.value) + repr(told.value.details)
    assert bench.calls <= ATTEMPTS


@pytest.mark.proves("B6")
async def test_a_stream_that_breaks_off_is_never_an_answer(bench: Bench) -> None:
    model = bench.model(*[Fault(trouble=Trouble.CUT, text=WORDS)] * ATTEMPTS)
    seen: list[Delta] = []

    async def read() -> None:
        async for delta in model.stream(asked()):
            seen.append(delta)  # noqa: PERF401 - what came before the end counts

    with pytest.raises(ModelError) as told:
        await read()
    shown = "".join(delta.text for delta in seen)
    assert told.value.details["reason"] == Reason.TRUNCATED.value
    assert shown
    assert WORDS.startswith(shown.rstrip())
    assert not any(delta.reply for delta in seen)
    assert bench.calls == 1, "what somebody has read is not begun anew"


async def test_what_is_asked_reaches_the_model_whole(bench: Bench) -> None:
    thread = [
        Message(role=Role.USER, text="Why 256 MiB?"),
        Message(role=Role.ASSISTANT, text="I look.", calls=(call("plan_show", "a", plan="plan-1"),)),
        Message(role=Role.TOOL, text="memory: 256Mi", call_id="a"),
    ]
    await bench.model("Because.").complete(asked(messages=thread, tools=[TOOL], temperature=0.3))
    if bench.kind == "scripted":
        assert bench._scripted is not None
        assert bench._scripted.requests[0].messages == thread
        return
    sent = json.dumps(bench.server.requests[0].data, ensure_ascii=False)
    for text in ("You are Opstwin.", "Past deployments", "Why 256 MiB?", "I look.", "plan-1", "memory: 256Mi"):
        assert text in sent
    for name in ("plan_show", "Shows a plan.", "0.3", "m-1"):
        assert name in sent
    assert KEY in str(bench.server.requests[0].headers.values())
    assert KEY not in sent
