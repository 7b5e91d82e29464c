"""A model's answer from a provider's wire to a client's screen, piece by piece, while the model still writes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from opstwin.agent.models.opening import open_model
from opstwin.agent.models.port import LanguageModel, ModelReply
from opstwin.agent.models.scripted_server import Got, ScriptedServer, Wired
from opstwin.clock import VirtualClock
from opstwin.server.chat.port import Talk
from opstwin.server.chat.scripted import ScriptedTalk
from opstwin.wiring.agent import Talking
from tests.interaction.chat_home import Home, check_order, everything, types
from tests.interaction.house import House
from tests.interaction.mcp_house import open_house
from tests.interaction.test_chat import until
from tests.interaction.test_chat_verbs import Desk
from tests.unit.agent.models.requests import ANTHROPIC, OPENAI, settings_of

ANSWER = "Every container of web is well, and nothing differs from what should run."
WIRES = {"openai": OPENAI, "anthropic": ANTHROPIC}
HALF = 60


@dataclass
class Halting(httpx2.AsyncBaseTransport):
    """A provider that sends the first half of each stream, and the rest when it is let go on."""

    server: ScriptedServer
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    closed: int = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        wired = self.server.answer(Got(request.url.path, headers, await request.aread()))
        assert isinstance(wired, Wired)
        return httpx2.Response(200, headers=dict(wired.headers), stream=_Halves(wired, self), request=request)


@dataclass
class _Halves(httpx2.AsyncByteStream):
    wired: Wired
    owner: Halting

    async def __aiter__(self) -> AsyncIterator[bytes]:
        half = len(self.wired.pieces) * HALF // 100
        for piece in self.wired.pieces[:half]:
            yield piece
        await self.owner.gate.wait()
        for piece in self.wired.pieces[half:]:
            yield piece

    async def aclose(self) -> None:
        self.owner.closed += 1


@dataclass
class Chatting:
    """A house whose conversations ask a provider that halts in the middle of its answer."""

    home: Home
    provider: Halting

    @property
    def house(self) -> House:
        return self.home.house


@asynccontextmanager
async def chatting(folder: Path, wire: str = "openai") -> AsyncIterator[Chatting]:
    provider = Halting(ScriptedServer(otherwise=ModelReply(text=ANSWER)))
    async with httpx2.AsyncClient(transport=provider) as http:
        model: LanguageModel = open_model(
            settings_of(WIRES[wire]), VirtualClock(), str, environ={"KEY": "k3y-of-it"}, http=http
        )
        opened: list[Talking] = []

        async def talks() -> Talk:
            return await opened[0]()

        house = House(folder, clock=VirtualClock(), talks=talks)
        talking = Talking((await house.furnish()).services, model)
        opened.append(talking)
        try:
            yield Chatting(Home(house, ScriptedTalk()), provider)
        finally:
            provider.gate.set()
            await talking.close()


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.req("S5.9")
async def test_an_ag_ui_client_reads_the_first_words_while_the_model_writes_the_last(tmp_path: Path, wire: str) -> None:
    async with chatting(tmp_path, wire) as chat, chat.home.chat({"text": "how is everything?", "threadId": "t1"}) as on:
        events: list[dict[str, object]] = []
        while "TEXT_MESSAGE_CONTENT" not in types(events):
            frame = await on.frame()
            assert frame is not None
            events.append(frame["data"])
        assert not chat.provider.gate.is_set()
        chat.provider.gate.set()
        events += await everything(on)
        check_order(events)
        deltas = [str(event["delta"]) for event in events if event["type"] == "TEXT_MESSAGE_CONTENT"]
        assert "".join(deltas).strip() == ANSWER
        assert len(deltas) > 5
        assert types(events).count("TEXT_MESSAGE_START") == 1
    assert len(chat.provider.server.requests) == 1
    assert chat.provider.server.requests[0].data["stream"] is True


@pytest.mark.parametrize("wire", WIRES)
async def test_when_the_client_goes_away_for_good_the_providers_stream_is_closed(tmp_path: Path, wire: str) -> None:
    async with chatting(tmp_path, wire) as chat:
        async with chat.home.chat({"text": "how is everything?", "threadId": "t1"}) as on:
            while (frame := await on.frame()) is not None and frame["data"]["type"] != "TEXT_MESSAGE_CONTENT":
                continue
            assert chat.provider.closed == 0
        await until(lambda: chat.provider.closed == 1)
        assert len(chat.provider.server.requests) == 1


async def test_on_the_command_line_the_first_words_stand_there_while_the_model_writes_the_last(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat, open_house(chat.house) as url:
        process = await Desk(chat.home, url).start("ask", "how is everything?")
        assert process.stdout is not None
        first = await asyncio.wait_for(process.stdout.readexactly(len("Every container")), 60)
        assert first == b"Every container"
        assert process.returncode is None
        chat.provider.gate.set()
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert (first + out).decode().strip() == ANSWER, err


async def test_for_programs_the_answer_is_still_one_document(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat, open_house(chat.house) as url:
        chat.provider.gate.set()
        ran = await Desk(chat.home, url).run("ask", "how is everything?", "-o", "json")
        assert (json.loads(ran.out)["text"], ran.code) == (ANSWER, 0)
