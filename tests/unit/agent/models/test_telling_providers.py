"""Which providers there are, as people see it: no key is shown, and nobody is asked unless it is wanted."""

import httpx2
import pytest

from opstwin.agent.models.gateway import Gateway
from opstwin.agent.models.opening import open_model
from opstwin.clock import VirtualClock
from tests.unit.agent.models.requests import ANTHROPIC, KEY, OPENAI, settings_of


def gateway(status: int, environ: dict[str, str]) -> tuple[list[httpx2.Request], Gateway]:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(status, json={})

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    return seen, open_model(settings_of(OPENAI, ANTHROPIC), VirtualClock(), str, environ=environ, http=http)


@pytest.mark.parametrize(("status", "answers"), [(200, True), (401, False), (503, False)])
async def test_providers_are_asked_only_when_it_is_wanted(status: int, answers: bool) -> None:
    seen, model = gateway(status, {"KEY": KEY})
    quiet = await model.about(ask=False)
    assert [item.answers for item in quiet] == [None, None]
    assert not seen
    asked = await model.about(ask=True)
    assert [item.answers for item in asked] == [answers, answers]
    assert len(seen) == 2
    assert all(item.has_key and item.credential == "env:KEY" for item in asked)
    assert KEY not in f"{quiet} {asked}"


async def test_a_missing_key_is_told_by_where_it_should_be_and_nobody_is_asked() -> None:
    seen, model = gateway(200, {})
    found = await model.about(ask=True)
    assert [(item.has_key, item.answers) for item in found] == [(False, None), (False, None)]
    assert all("KEY" in item.why for item in found)
    assert not seen
