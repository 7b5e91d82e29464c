"""The scripted model, which others build their tests on."""

from typing import Any

import pytest

from opstwin.agent.models.port import ModelRequest
from opstwin.agent.models.scripted import ScriptedModel, call, calling
from opstwin.errors import ModelError
from tests.unit.agent.models.requests import TOOL, asked


async def test_turns_come_in_order_and_requests_are_kept() -> None:
    model = ScriptedModel(["one", lambda request: f"you said {request.messages[0].text}"], otherwise="more")
    assert [(await model.complete(asked(text))).text for text in "abc"] == ["one", "you said b", "more"]
    assert [request.messages[0].text for request in model.requests] == ["a", "b", "c"]


async def test_at_its_end_a_script_is_down() -> None:
    with pytest.raises(ModelError, match="its script is at its end"):
        await ScriptedModel().complete(asked())


async def test_pieces_of_a_stream_make_up_the_text() -> None:
    text = "  one  two\n\nthree \n 넷"
    deltas = [delta async for delta in ScriptedModel([text]).stream(asked())]
    assert "".join(delta.text for delta in deltas) == text
    assert len(deltas) > 4


async def test_a_model_may_obey_whatever_it_reads() -> None:
    def obey(request: ModelRequest) -> Any:
        return calling(call(request.tools[0].name, plan="all"))

    reply = await ScriptedModel(otherwise=obey).complete(asked(tools=[TOOL]))
    assert [(item.name, item.arguments) for item in reply.calls] == [("plan_show", {"plan": "all"})]
