"""Drafts of a hub whose model is a provider's wire, over a real connection of this machine."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from opstwin.agent.drafting.drafter import Drafter
from opstwin.agent.drafting.service import Drafting
from opstwin.agent.models.opening import open_model
from opstwin.agent.models.scripted import Fault, Trouble, Turn
from opstwin.agent.models.scripted_server import ScriptedServer, serving
from opstwin.clock import VirtualClock
from opstwin.control.drafts import DraftAsked
from opstwin.control.generating import Learned, Part, Wish
from opstwin.manifests.generating.info import ContainerInfo
from tests.interaction.house import House
from tests.respx2 import only_loopback
from tests.unit.agent.drafting.briefs import CANARY, answer
from tests.unit.agent.models.requests import settings_of

KEY = "k3y-of-the-provider-71"
API = ContainerInfo(name="api", image="acme/api:2.1", ports=(8080,), env_vars={"API_TOKEN": CANARY})
both = pytest.mark.parametrize("kind", ["openai", "anthropic"])


def asked() -> DraftAsked:
    return DraftAsked(wish=Wish(parts=(Part(info=API),), release="1.29"), learned=Learned(), words=f"password={CANARY}")


@asynccontextmanager
async def drafting(house: House, kind: str, *turns: Turn) -> AsyncIterator[tuple[Drafting, ScriptedServer]]:
    """The drafting of this hub on a gateway to a server that gives these turns."""
    own, server = house.services.drafts, ScriptedServer(turns)
    assert isinstance(own, Drafting)
    veil = house.services.veil
    with only_loopback():
        async with serving(server) as url:
            base = url if kind == "anthropic" else f"{url}/v1"
            settings = settings_of({"kind": kind, "model": "m-1", "base_url": base, "credential": "env:KEY"},
                                   read_timeout_s=0.5)  # fmt: skip
            model = open_model(settings, VirtualClock(), veil.over, ready=veil.ready, environ={"KEY": KEY})
            yield replace(own, drafter=Drafter(model, veil=veil)), server
            await model.close()


@both
@pytest.mark.req("S5.9", "S5.91")
async def test_the_second_draft_of_the_same_container_takes_no_request(house: House, kind: str) -> None:
    async with drafting(house, kind, json.dumps(answer(examples=[]))) as (drafts, server):
        first, second = await drafts.filled(asked()), await drafts.filled(asked())
    assert (first.source, second.source, len(server.requests)) == ("model", "cache", 1)
    assert first.wish == second.wish
    assert first.wish.parts[0].info.replicas == 2
    assert (second.tokens, second.cost_usd) == (0, 0.0)


@both
@pytest.mark.req("S5.G4")
@pytest.mark.proves("J1", "J5")
async def test_no_secret_of_the_container_or_the_words_reaches_the_provider(house: House, kind: str) -> None:
    async with drafting(house, kind, json.dumps(answer(examples=[]))) as (drafts, server):
        await drafts.filled(asked())
    sent = server.requests[0].body.decode()
    assert "API_TOKEN" in sent
    assert "acme/api:2.1" in sent
    assert (CANARY in sent, KEY in sent) == (False, False)


@both
@pytest.mark.req("S5.119", "S5.120")
@pytest.mark.proves("B6")
@pytest.mark.parametrize(
    "fault",
    [Fault(status=429), Fault(status=500), Fault(status=529), Fault(status=401), Fault(trouble=Trouble.HANG),
     Fault(trouble=Trouble.CLOSED), Fault(trouble=Trouble.GARBAGE)],
    ids=["429", "500", "529", "401", "hang", "closed", "garbage"],
)  # fmt: skip
async def test_when_the_provider_fails_the_template_says_so(house: House, kind: str, fault: Fault) -> None:
    async with drafting(house, kind, *[fault] * 3) as (drafts, server):
        found = await drafts.filled(asked())
    assert (found.source, found.wish.parts[0].info.image) == ("template", API.image)
    assert found.why
    assert 1 <= len(server.requests) <= 3
