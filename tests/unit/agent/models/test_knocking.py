"""Whether a provider is there, without asking it for an answer."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from opstwin.agent.models.failures import Reason, reason_of
from opstwin.agent.models.gateway import Gateway
from opstwin.agent.models.opening import open_model
from opstwin.agent.models.scripted import Fault
from opstwin.agent.models.scripted_client import client_of
from opstwin.agent.models.scripted_server import ScriptedServer
from opstwin.clock import VirtualClock
from opstwin.errors import ModelError
from tests.unit.agent.models.requests import (
    ANTHROPIC,
    AZURE,
    COMPATIBLE,
    KEY,
    KINDS,
    OPENAI,
    asked,
    gateway,
    settings_of,
)

Answer = Callable[[httpx2.Request], httpx2.Response]


def model(answer: Answer, *providers: dict[str, Any]) -> Gateway:
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    return open_model(settings_of(*(providers or (OPENAI,))), VirtualClock(), str, environ={"KEY": KEY}, http=http)


def says(status: int, seen: list[httpx2.Request] | None = None) -> Answer:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if seen is not None:
            seen.append(request)
        return httpx2.Response(status, json={"error": {"message": f"no {KEY}"}})

    return answer


def gone(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("refused", request=request)


def silent(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadTimeout("nothing", request=request)


@pytest.mark.req("S5.19")
@pytest.mark.parametrize(
    ("provider", "address", "header", "value"),
    [
        (OPENAI, "https://api.openai.com/v1/models", "authorization", f"Bearer {KEY}"),
        (ANTHROPIC, "https://api.anthropic.com/v1/models?limit=1", "x-api-key", KEY),
        (AZURE, "https://ours.openai.azure.com/openai/models?api-version=2025-04-01-preview", "api-key", KEY),
        (
            {**AZURE, "base_url": "https://ours.openai.azure.com/openai/v1"},
            "https://ours.openai.azure.com/openai/v1/models",
            "authorization",
            f"Bearer {KEY}",
        ),
        (COMPATIBLE, "http://127.0.0.1:1/v1/models", "authorization", None),
    ],
)
async def test_each_kind_is_asked_for_its_models_with_its_key(
    provider: dict[str, Any], address: str, header: str, value: str | None
) -> None:
    seen: list[httpx2.Request] = []
    await model(says(200, seen), provider).check()
    assert [(item.method, str(item.url), item.headers.get(header)) for item in seen] == [("GET", address, value)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [200, 400, 404, 405, 429, 402])
async def test_a_provider_that_answers_is_there_whatever_it_thinks_of_the_question(kind: str, status: int) -> None:
    await model(says(status), KINDS[kind]).check()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (gone, Reason.DOWN),
        (silent, Reason.TIMEOUT),
        (says(401), Reason.NO_KEY),
        (says(403), Reason.NO_KEY),
        (says(500), Reason.DOWN),
        (says(503), Reason.DOWN),
        (says(504), Reason.TIMEOUT),
    ],
)
async def test_a_provider_that_is_away_or_refuses_the_key_is_named_and_the_key_is_not(
    answer: Answer, reason: Reason
) -> None:
    with pytest.raises(ModelError) as caught:
        await model(answer).check()
    assert reason_of(caught.value) is reason
    assert "first" in caught.value.message
    assert KEY not in str(caught.value)


async def test_without_its_key_nothing_is_asked() -> None:
    seen: list[httpx2.Request] = []
    with pytest.raises(ModelError, match="OTHER"):
        await model(says(200, seen), {**OPENAI, "credential": "env:OTHER"}).check()
    assert not seen


async def test_one_provider_that_answers_is_enough_and_none_names_them_all() -> None:
    def half(request: httpx2.Request) -> httpx2.Response:
        return gone(request) if request.url.host == "api.openai.com" else httpx2.Response(200)

    await model(half, OPENAI, ANTHROPIC).check()
    with pytest.raises(ModelError) as caught:
        await model(gone, OPENAI, ANTHROPIC).check()
    assert caught.value.details["providers"] == {"first": "down", "second": "down"}


async def test_a_provider_whose_calls_are_paused_is_away_and_is_not_asked() -> None:
    server = ScriptedServer(otherwise=Fault(status=500))
    shut = gateway(server, OPENAI, attempts=6)
    with pytest.raises(ModelError):
        await shut.complete(asked())
    asked_before = len(server.requests)
    with pytest.raises(ModelError) as caught:
        await shut.check()
    assert reason_of(caught.value) is Reason.BREAKER
    assert len(server.requests) == asked_before


@pytest.mark.req("S5.75")
@pytest.mark.parametrize("kind", KINDS)
async def test_no_answer_may_be_longer_than_the_settings_say(kind: str) -> None:
    server = ScriptedServer(["a", "b"])
    for most in (2000, 999_999):
        bounded = open_model(
            settings_of({**KINDS[kind], "thinking_tokens": 0}, max_tokens=most),
            VirtualClock(),
            str,
            environ={"KEY": KEY},
            http=client_of(server),
        )
        await bounded.complete(asked(str(most), max_tokens=4096))
    sent = [item.data.get("max_tokens") or item.data["max_completion_tokens"] for item in server.requests]
    assert sent == [2000, 4096]
