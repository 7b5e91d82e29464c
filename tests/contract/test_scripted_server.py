"""The scripted server over real connections of this machine, with every provider: answers, faults and no network."""

from typing import Any

import httpx2
import pytest

from opstwin.agent.models.failures import Reason
from opstwin.agent.models.opening import open_model
from opstwin.agent.models.scripted import Fault, Trouble, call, calling
from opstwin.agent.models.scripted_server import ScriptedServer, serving
from opstwin.clock import VirtualClock
from opstwin.errors import ModelError
from tests.respx2 import SocketBlocked, only_loopback
from tests.unit.agent.models.requests import KEY, TOOL, asked, settings_of, streamed


@pytest.fixture(params=["openai", "azure", "compatible", "anthropic"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def place(kind: str, url: str) -> dict[str, Any]:
    base = url if kind in ("azure", "anthropic") else f"{url}/v1"
    return {"kind": kind, "model": "m-1", "base_url": base, "credential": "env:KEY"}


@pytest.mark.req("S5.9")
async def test_the_server_answers_over_a_real_connection(kind: str) -> None:
    server = ScriptedServer(["256Mi", calling(call("plan_show", plan="p"), text="Look.")])
    with only_loopback():
        async with serving(server) as url:
            settings = settings_of(place(kind, url))
            model = open_model(settings, VirtualClock(), str, environ={"KEY": KEY})
            assert (await model.complete(asked())).text == "256Mi"
            deltas = await streamed(model, asked(tools=[TOOL]))
            await model.close()
    assert deltas[-1].reply is not None
    assert [item.arguments for item in deltas[-1].reply.calls] == [{"plan": "p"}]
    assert "".join(delta.text for delta in deltas) == "Look."


@pytest.mark.proves("B6")
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("fault", "reasons"),
    [
        (Fault(trouble=Trouble.CUT, text="as far as it goes"), {Reason.TRUNCATED, Reason.DOWN}),
        (Fault(trouble=Trouble.CLOSED), {Reason.DOWN, Reason.TRUNCATED}),
        (Fault(trouble=Trouble.HANG), {Reason.TIMEOUT}), (Fault(status=529), {Reason.DOWN}),
        (Fault(status=429), {Reason.RATE_LIMITED}),
    ],
    ids=["cut", "closed", "hang", "529", "429"],
)  # fmt: skip
async def test_faults_happen_on_a_real_connection(
    kind: str, streaming: bool, fault: Fault, reasons: set[Reason]
) -> None:
    server = ScriptedServer(otherwise=fault)
    with only_loopback():
        async with serving(server) as url:
            own = settings_of(place(kind, url), attempts=1, read_timeout_s=0.2)
            model = open_model(own, VirtualClock(), str, environ={"KEY": KEY})
            with pytest.raises(ModelError) as told:
                await (streamed(model, asked()) if streaming else model.complete(asked()))
            await model.close()
    assert Reason(str(told.value.details["reason"])) in reasons
    if fault.trouble is Trouble.CUT and streaming:
        assert told.value.details["reason"] == Reason.TRUNCATED.value


@pytest.mark.proves("B6")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
async def test_an_answer_that_does_not_begin_is_given_up_in_time(kind: str, streaming: bool) -> None:
    with only_loopback():
        async with serving(ScriptedServer(otherwise=Fault(trouble=Trouble.HANG))) as url:
            own = settings_of(place(kind, url), attempts=1, read_timeout_s=60, total_timeout_s=0.2)
            model = open_model(own, VirtualClock(), str, environ={"KEY": KEY})
            with pytest.raises(ModelError) as told:
                await (streamed(model, asked()) if streaming else model.complete(asked()))
            await model.close()
    assert told.value.details["reason"] == Reason.TIMEOUT.value


@pytest.mark.proves("B6")
async def test_where_nobody_listens_the_model_is_down(kind: str) -> None:
    async with serving(ScriptedServer()) as url:
        pass
    model = open_model(settings_of(place(kind, url)), VirtualClock(), str, environ={"KEY": KEY})
    with only_loopback(), pytest.raises(ModelError) as told:
        await model.complete(asked())
    await model.close()
    assert told.value.details["reason"] == Reason.DOWN.value


async def test_the_network_is_closed_to_these_tests() -> None:
    model = open_model(
        settings_of({"kind": "openai", "credential": "env:KEY"}), VirtualClock(), str, environ={"KEY": KEY}
    )
    with only_loopback(), pytest.raises(SocketBlocked, match=r"api\.openai\.com"):
        await model.complete(asked())


@pytest.mark.proves("J5")
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize(
    "body",
    [
        {"model": "m", "messages": [], "metadata": {"target": "prod"}},
        {"model": "m", "messages": [{"role": "user", "content": "x", "name": "anna"}]},
    ],
    ids=["beside", "in a message"],
)
async def test_a_field_that_no_provider_may_be_sent_is_refused_in_every_test(path: str, body: dict[str, Any]) -> None:
    server = ScriptedServer(["never said"])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(server), base_url="http://local") as http:
        answer = await http.post(path, json=body)
    assert answer.status_code == 400
    assert "Unknown fields" in answer.text
