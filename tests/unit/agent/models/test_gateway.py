"""The gateway over a script: retries, breaker, limits, fallback, kept answers, cost. Time is virtual."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from opstwin.agent.models.failures import Reason
from opstwin.agent.models.opening import open_model
from opstwin.agent.models.port import ModelReply, Stop, Tokens
from opstwin.agent.models.scripted import Fault, Trouble, call, calling
from opstwin.agent.models.scripted_client import client_of
from opstwin.agent.models.scripted_server import Got, ScriptedServer, Wired
from opstwin.agent.models.scripted_wire import anthropic_stream, openai_stream
from opstwin.clock import VirtualClock
from opstwin.errors import ModelError
from tests.unit.agent.models.requests import (
    ANTHROPIC,
    COMPATIBLE,
    KEY,
    KINDS,
    OPENAI,
    SCHEMA,
    TOOL,
    asked,
    gateway,
    settings_of,
    streamed,
)

DOWN = Fault(status=500)


def reason(told: pytest.ExceptionInfo[ModelError]) -> str:
    return str(told.value.details["reason"])


@pytest.mark.req("S5.G6")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attempts", [1, 2, 4])
@pytest.mark.parametrize("fault", [DOWN, Fault(status=429), Fault(status=529), Fault(trouble=Trouble.CLOSED)])
async def test_one_owner_makes_a_request_again_and_not_more_often_than_set(
    kind: str, attempts: int, fault: Fault
) -> None:
    server = ScriptedServer(otherwise=fault)
    with pytest.raises(ModelError):
        await gateway(server, KINDS[kind], attempts=attempts).complete(asked())
    assert len(server.requests) == attempts


@pytest.mark.parametrize("fault", [DOWN, Fault(status=429), Fault(trouble=Trouble.CLOSED)])
async def test_what_fails_once_is_asked_again_and_answers(fault: Fault) -> None:
    server = ScriptedServer([fault, "256Mi"])
    reply = await gateway(server).complete(asked())
    assert (reply.text, reply.calls_made, len(server.requests)) == ("256Mi", 2, 2)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 402])
async def test_what_will_fail_again_is_asked_once(status: int) -> None:
    server = ScriptedServer(otherwise=Fault(status=status))
    with pytest.raises(ModelError):
        await gateway(server).complete(asked())
    assert len(server.requests) == 1


async def test_after_a_timeout_nobody_waits_for_the_same_provider_again() -> None:
    server = ScriptedServer(otherwise=Fault(trouble=Trouble.HANG))
    with pytest.raises(ModelError) as told:
        await gateway(server).complete(asked())
    assert (reason(told), len(server.requests)) == (Reason.TIMEOUT.value, 1)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_pause_that_a_provider_names_is_kept(kind: str) -> None:
    clock, server = VirtualClock(), ScriptedServer([Fault(status=429, retry_after_s=7), "256Mi"])
    await gateway(server, KINDS[kind], clock=clock).complete(asked())
    assert 7.0 <= clock.monotonic_s() <= 7.5


async def test_a_pause_that_is_too_long_is_told_and_not_waited_for() -> None:
    clock, server = VirtualClock(), ScriptedServer(otherwise=Fault(status=429, retry_after_s=300))
    with pytest.raises(ModelError) as told:
        await gateway(server, clock=clock).complete(asked())
    assert (reason(told), told.value.retry_after_s) == (Reason.RATE_LIMITED.value, 300)
    assert (clock.monotonic_s(), len(server.requests)) == (0.0, 1)


@pytest.mark.proves("B6")
async def test_the_breaker_opens_and_lets_one_probe_through_later() -> None:
    clock, server = VirtualClock(), ScriptedServer(otherwise=DOWN)
    model = gateway(server, clock=clock)
    for _ in range(3):
        with pytest.raises(ModelError):
            await model.complete(asked())
    asked_until_open = len(server.requests)
    with pytest.raises(ModelError) as told:
        await model.complete(asked())
    assert (reason(told), asked_until_open, len(server.requests)) == (Reason.BREAKER.value, 5, 5)
    assert told.value.retry_after_s
    clock.advance(31)
    server.say("256Mi")
    assert (await model.complete(asked())).text == "256Mi"
    server.say("512Mi")
    assert (await model.complete(asked("more"))).text == "512Mi", "it is closed again"


@pytest.mark.proves("B6")
@pytest.mark.parametrize("first", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("fault", [DOWN, Fault(status=429), Fault(status=401), Fault(trouble=Trouble.HANG),
                                   Fault(trouble=Trouble.GARBAGE)])  # fmt: skip
async def test_the_next_provider_is_asked_when_one_fails(first: dict[str, Any], fault: Fault) -> None:
    server = ScriptedServer([fault, "256Mi"])
    second = ANTHROPIC if first is OPENAI else OPENAI
    reply = await gateway(server, first, second, attempts=1).complete(asked())
    assert (reply.provider, reply.text, reply.calls_made) == ("second", "256Mi", 2)
    assert {got.path for got in server.requests} == {"/v1/chat/completions", "/v1/messages"}


async def test_the_order_of_the_settings_is_the_order_of_asking() -> None:
    server = ScriptedServer(otherwise="256Mi")
    model = gateway(server, OPENAI, ANTHROPIC, order=["second", "first"])
    assert (await model.complete(asked())).provider == "second"
    assert model.models == ("second/claude-sonnet-5-5", "first/gpt-6-sol")


async def test_when_all_fail_the_error_says_what_each_said() -> None:
    server = ScriptedServer([Fault(status=401), DOWN])
    with pytest.raises(ModelError) as told:
        await gateway(server, OPENAI, ANTHROPIC, attempts=1).complete(asked())
    assert told.value.details["providers"] == {"first": "no_key", "second": "down"}
    assert (reason(told), "first" in str(told.value), "second" in str(told.value)) == ("no_key", True, True)


async def test_what_was_begun_is_not_begun_anew_by_another_provider() -> None:
    server = ScriptedServer([Fault(trouble=Trouble.CUT, text="a long answer that breaks off"), "256Mi"])
    with pytest.raises(ModelError) as told:
        await streamed(gateway(server, OPENAI, ANTHROPIC), asked())
    assert (reason(told), len(server.requests)) == (Reason.TRUNCATED.value, 1)


@pytest.mark.req("S5.91")
@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_request_again_takes_no_call_and_costs_nothing(kind: str) -> None:
    server = ScriptedServer(["256Mi", "another"])
    model = gateway(server, KINDS[kind])
    first, second = await model.complete(asked()), await model.complete(asked(purpose="another"))
    assert (first.text, first.calls_made, second.text, second.calls_made) == ("256Mi", 1, "256Mi", 0)
    assert (second.tokens, second.cost_usd, len(server.requests)) == (Tokens(), 0.0, 1)
    assert (model.usage().calls, model.usage().cached) == (1, 1)


@pytest.mark.req("S5.91")
async def test_a_kept_answer_streams_too() -> None:
    server = ScriptedServer(["256Mi"])
    model = gateway(server)
    await model.complete(asked())
    deltas = await streamed(model, asked())
    assert ("".join(delta.text for delta in deltas), len(server.requests)) == ("256Mi", 1)
    assert deltas[-1].reply is not None
    assert deltas[-1].reply.calls_made == 0


@pytest.mark.req("S5.91")
async def test_many_who_ask_the_same_at_once_take_one_call() -> None:
    server = ScriptedServer(["256Mi"])
    model = gateway(server)
    replies = await asyncio.gather(*(model.complete(asked()) for _ in range(20)))
    assert ({reply.text for reply in replies}, len(server.requests)) == ({"256Mi"}, 1)
    assert sorted(reply.calls_made for reply in replies) == [0] * 19 + [1]


@pytest.mark.parametrize(
    "changed",
    [{"system": "x"}, {"examples": "x"}, {"text": "x"}, {"schema": SCHEMA}, {"max_tokens": 1}, {"temperature": 1.0}],
    ids=lambda changed: next(iter(changed)),
)
async def test_another_request_is_asked(changed: dict[str, Any]) -> None:
    server = ScriptedServer(otherwise='{"memory": "256Mi"}')
    model = gateway(server)
    await model.complete(asked())
    assert (await model.complete(asked(**changed))).calls_made == 1


@pytest.mark.parametrize(
    ("turn", "more"),
    [
        (calling(call("plan_show", plan="p")), {"tools": [TOOL]}), ("a turn of a conversation", {"tools": [TOOL]}),
        (ModelReply(text="cut", stop=Stop.LENGTH), {}), (ModelReply(text="no", stop=Stop.REFUSED), {}),
        ("no JSON at all", {"schema": SCHEMA}), ("[1]", {"schema": SCHEMA}), ("[" * 5_000, {"schema": SCHEMA}),
    ],
    ids=["calls", "tools", "cut", "refused", "no-json", "no-object", "deep"],
)  # fmt: skip
async def test_what_is_no_whole_answer_is_not_kept(turn: Any, more: dict[str, Any]) -> None:
    server = ScriptedServer(otherwise=turn)
    model = gateway(server)
    assert [(await model.complete(asked(**more))).calls_made for _ in range(2)] == [1, 1]


async def test_a_kept_answer_runs_out_and_can_be_forgotten() -> None:
    clock, server = VirtualClock(), ScriptedServer(otherwise="256Mi")
    model = gateway(server, clock=clock, cache_s=60)
    await model.complete(asked())
    clock.advance(59)
    assert (await model.complete(asked())).calls_made == 0
    await model.forget(asked())
    assert (await model.complete(asked())).calls_made == 1
    clock.advance(60)
    assert (await model.complete(asked())).calls_made == 1


async def test_only_so_many_answers_are_kept() -> None:
    server = ScriptedServer(otherwise="256Mi")
    model = gateway(server, cache_entries=2, requests_per_minute=0)
    for text in ("a", "b", "a", "c"):
        await model.complete(asked(text))
    assert [(await model.complete(asked(text))).calls_made for text in ("a", "c", "b")] == [0, 0, 1]


async def test_with_no_keeping_time_nothing_is_kept() -> None:
    server = ScriptedServer(otherwise="256Mi")
    model = gateway(server, cache_s=0)
    assert [(await model.complete(asked())).calls_made for _ in range(2)] == [1, 1]


async def test_requests_wait_for_their_turn_and_are_refused_when_that_is_far() -> None:
    clock, server = VirtualClock(), ScriptedServer(otherwise="256Mi")
    model = gateway(server, clock=clock, requests_per_minute=6)
    for number in range(7):
        await model.complete(asked(str(number)))
    assert clock.monotonic_s() == pytest.approx(10.0)
    slow = gateway(server, clock=clock, requests_per_minute=1)
    await slow.complete(asked())
    with pytest.raises(ModelError) as told:
        await slow.complete(asked("more"))
    assert (reason(told), told.value.retry_after_s) == (Reason.RATE_LIMITED.value, 60.0)


async def test_tokens_of_a_minute_count_what_goes_in_and_the_room_for_what_comes_out() -> None:
    clock, server = VirtualClock(), ScriptedServer(otherwise="256Mi")
    model = gateway(server, clock=clock, tokens_per_minute=12_000)
    for number in range(3):
        await model.complete(asked(str(number), max_tokens=4000))
    assert 0 < clock.monotonic_s() < 20


async def test_a_request_larger_than_a_minutes_tokens_takes_a_whole_minute_and_is_not_stuck() -> None:
    server = ScriptedServer(otherwise="256Mi")
    assert (await gateway(server, tokens_per_minute=1000).complete(asked(max_tokens=9000))).text == "256Mi"


async def test_an_answer_is_priced_with_what_the_cache_took_and_gave() -> None:
    tokens = Tokens(input=10_000, output=1000, cache_read=6000, cache_write=2000)
    server = ScriptedServer([ModelReply(text="256Mi", tokens=tokens)])
    model = gateway(server, ANTHROPIC)
    reply = await model.complete(asked())
    assert reply.cost_usd == pytest.approx((2000 * 2.0 + 6000 * 0.1 + 2000 * 2.5 + 1000 * 10.0) / 1e6)
    row = model.usage().rows[0]
    assert (row.provider, row.model, row.purpose) == ("first", "claude-sonnet-5-5", "draft")
    assert (row.tokens, row.cost_usd, model.usage().prices_as_of[:2]) == (tokens, reply.cost_usd, "20")


async def test_an_unknown_price_is_unknown_and_not_nothing() -> None:
    model = gateway(ScriptedServer(["256Mi"]), COMPATIBLE)
    assert (await model.complete(asked())).cost_usd is None
    assert (model.usage().cost_usd, model.usage().rows[0].unpriced) == (None, 1)


async def test_a_server_that_tells_no_numbers_is_counted_roughly_and_not_priced() -> None:
    silent = ModelReply(text="256Mi" * 40, tokens=Tokens())
    reply = await gateway(ScriptedServer([silent]), {**OPENAI}).complete(asked())
    assert (reply.cost_usd, reply.tokens.output) == (None, 51)
    assert reply.tokens.input > 20


async def test_a_price_of_ones_own_beats_the_table() -> None:
    own = {**COMPATIBLE, "input_usd": 1.0, "output_usd": 2.0}
    tokens = Tokens(input=1_000_000, output=500_000)
    reply = await gateway(ScriptedServer([ModelReply(text="x", tokens=tokens)]), own).complete(asked())
    assert reply.cost_usd == pytest.approx(2.0)


@pytest.mark.parametrize("budget", [{"tokens_per_day": 100}, {"usd_per_day": 0.0001}], ids=["tokens", "usd"])
async def test_a_days_budget_ends_asking_until_midnight(budget: dict[str, Any]) -> None:
    clock, server = VirtualClock(), ScriptedServer(otherwise="256Mi")
    model = gateway(server, clock=clock, **budget)
    await model.complete(asked())
    with pytest.raises(ModelError) as told:
        await model.complete(asked("more"))
    assert (reason(told), len(server.requests)) == (Reason.BUDGET.value, 1)
    assert next(iter(budget)) in str(told.value)
    assert told.value.retry_after_s == 15 * 3600, "the clock begins at nine"
    assert (await model.complete(asked())).calls_made == 0, "what is kept costs nothing"
    clock.advance(15 * 3600)
    assert (await model.complete(asked("more"))).calls_made == 1


async def test_under_a_budget_in_dollars_a_model_without_a_price_is_not_asked() -> None:
    server = ScriptedServer(otherwise="256Mi")
    with pytest.raises(ModelError) as told:
        await gateway(server, COMPATIBLE, usd_per_day=5).complete(asked())
    assert (reason(told), server.requests) == (Reason.BUDGET.value, [])
    assert "input_usd" in told.value.next_step


@pytest.mark.parametrize("text", ["", "  \n"])
async def test_an_empty_answer_is_none(text: str) -> None:
    server = ScriptedServer([text, "256Mi"])
    with pytest.raises(ModelError) as told:
        await gateway(server).complete(asked())
    assert reason(told) == Reason.BAD_OUTPUT.value
    assert (await gateway(ScriptedServer([text, "256Mi"]), OPENAI, ANTHROPIC).complete(asked())).provider == "second"


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_that_is_no_json_is_bad_output(kind: str) -> None:
    with pytest.raises(ModelError) as told:
        await gateway(ScriptedServer(otherwise=Fault(trouble=Trouble.GARBAGE)), KINDS[kind]).complete(asked())
    assert reason(told) == Reason.BAD_OUTPUT.value


@pytest.mark.parametrize("kind", KINDS)
async def test_a_field_that_a_model_does_not_take_is_left_out_from_then_on(kind: str) -> None:
    complaint = Fault(status=400, text="temperature: this model takes only its default")
    server = ScriptedServer([complaint, "256Mi", "512Mi"])
    model = gateway(server, KINDS[kind], temperature=0.3)
    assert (await model.complete(asked())).calls_made == 2
    await model.complete(asked("more"))
    assert ["temperature" in got.data for got in server.requests] == [True, False, False]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("schema", [{}, {"type": ["object", "null"]}, {"type": "object", "properties": {"a": {}}}])
async def test_a_schema_that_a_vendor_has_no_form_for_is_no_obstacle(kind: str, schema: dict[str, Any]) -> None:
    before = json.dumps(schema)
    assert (await gateway(ScriptedServer(["{}"]), KINDS[kind]).complete(asked(schema=schema))).text == "{}"
    assert json.dumps(schema) == before


async def test_a_request_that_is_wrong_says_what_the_provider_said() -> None:
    server = ScriptedServer([Fault(status=404, text="The model gpt-6-sol does not exist")])
    with pytest.raises(ModelError, match="gpt-6-sol does not exist"):
        await gateway(server).complete(asked())


async def test_azures_filter_is_a_refusal_and_not_passed_by() -> None:
    class Filtering(ScriptedServer):
        def answer(self, got: Got) -> Wired:
            self.requests.append(got)
            body = {"error": {"code": "content_filter", "message": "filtered", "status": 400}}
            return Wired(400, {"content-type": "application/json"}, (json.dumps(body).encode(),))

    server = Filtering()
    reply = await gateway(server, KINDS["azure"], OPENAI).complete(asked())
    assert (reply.stop, reply.text, len(server.requests)) == (Stop.REFUSED, "", 1)


class Told(ScriptedServer):
    """Answers with these bytes, whatever is asked."""

    def __init__(self, wired: Wired) -> None:
        super().__init__()
        self._wired = wired

    def answer(self, got: Got) -> Wired:
        self.requests.append(got)
        return self._wired


@pytest.mark.proves("B6")
@pytest.mark.parametrize(
    ("kind", "error"),
    [("anthropic", b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}\n\n'),
     ("openai", b'data: {"error": {"type": "server_error", "message": "x"}}\n\n')],
)  # fmt: skip
async def test_an_error_inside_a_stream_is_the_providers_failure(kind: str, error: bytes) -> None:
    server = Told(Wired(200, {"content-type": "text/event-stream"}, (error,)))
    with pytest.raises(ModelError) as told:
        await streamed(gateway(server, KINDS[kind], attempts=2), asked())
    assert (reason(told), len(server.requests)) == (Reason.DOWN.value, 2)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_provider_that_sends_elsewhere_is_not_followed_with_our_key(kind: str) -> None:
    server = Told(Wired(307, {"location": "https://elsewhere.example.com/v1/messages"}, (b"",)))
    with pytest.raises(ModelError) as told:
        await gateway(server, KINDS[kind], attempts=1).complete(asked())
    assert (reason(told), len(server.requests)) == (Reason.DOWN.value, 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("page", [b"<html>busy</html>", b"", b"null", b"[]", b'"x"', b"[" * 5_000])
async def test_a_page_in_place_of_an_answer_is_bad_output(kind: str, page: bytes) -> None:
    for content_type in ("text/html", "application/json"):
        server = Told(Wired(200, {"content-type": content_type}, (page,)))
        with pytest.raises(ModelError) as told:
            await gateway(server, KINDS[kind], attempts=1).complete(asked())
        assert reason(told) == Reason.BAD_OUTPUT.value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("page", [b"<html>", b"", b"data: [1]\n\n", b"data: {\n\n", b'event: x\ndata: "x"\n\n'])
async def test_a_stream_of_something_else_is_never_an_answer(kind: str, page: bytes) -> None:
    server = Told(Wired(200, {"content-type": "text/event-stream"}, (page,)))
    with pytest.raises(ModelError) as told:
        await streamed(gateway(server, KINDS[kind], attempts=1), asked())
    assert reason(told) in (Reason.TRUNCATED.value, Reason.BAD_OUTPUT.value)


class Endless(httpx2.AsyncBaseTransport, httpx2.AsyncByteStream):
    """A stream that always goes on."""

    def __init__(self, kind: str) -> None:
        reply = ModelReply(text="on and on")
        wire = anthropic_stream(reply, "m") if kind == "anthropic" else openai_stream(reply, "m", with_usage=False)
        self._begin = list(wire)[:3]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=self, request=request)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._begin:
            yield piece
        while True:
            await asyncio.sleep(0)
            yield b": still here\n\n"


@pytest.mark.proves("B6")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_that_never_ends_is_given_up_in_time(kind: str) -> None:
    model = open_model(settings_of(KINDS[kind], total_timeout_s=0.2), VirtualClock(), str, environ={"KEY": KEY},
                       http=httpx2.AsyncClient(transport=Endless(kind)))  # fmt: skip
    with pytest.raises(ModelError) as told:
        await streamed(model, asked())
    assert reason(told) == Reason.TIMEOUT.value


class Slow(httpx2.AsyncBaseTransport):
    """Its first request is never answered; the others go to the script."""

    def __init__(self, server: ScriptedServer) -> None:
        self.begun, self._rest = asyncio.Event(), client_of(server)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if not self.begun.is_set():
            self.begun.set()
            await asyncio.Event().wait()
        return await self._rest.send(request, stream=True)


async def test_who_is_cancelled_holds_up_nobody_and_is_no_failure() -> None:
    slow = Slow(ScriptedServer(otherwise="256Mi"))
    model = open_model(settings_of(OPENAI), VirtualClock(), str, environ={"KEY": KEY},
                       http=httpx2.AsyncClient(transport=slow))  # fmt: skip
    first, second = (asyncio.create_task(model.complete(asked())) for _ in range(2))
    await slow.begun.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert ((await second).text, (await second).calls_made) == ("256Mi", 1)
    assert model.usage().rows[0].failed == 0


async def test_who_stops_reading_holds_up_nobody() -> None:
    model = gateway(ScriptedServer(otherwise="an answer of some words"))
    stream = model.stream(asked())
    assert (await anext(stream)).text
    await stream.aclose()  # type: ignore[attr-defined]
    assert (await model.complete(asked())).calls_made == 1
