"""Both wires as data: what is sent, in which order, and what is made of odd answers."""

import json
from typing import Any

import pytest

from opstwin.agent.models import anthropic_wire, openai_wire, scripted_wire
from opstwin.agent.models.port import Message, ModelReply, ModelRequest, Role, Stop, Tokens
from opstwin.agent.models.reading import BrokenOff, Malformed
from opstwin.agent.models.scripted import call, calling
from tests.unit.agent.models.requests import SCHEMA, TOOL, asked


def to_openai(request: ModelRequest, *, compatible: bool = False, streaming: bool = False) -> dict[str, Any]:
    return openai_wire.body_of(request, "m-1", compatible=compatible, room=1000, streaming=streaming)


def to_anthropic(request: ModelRequest, *, streaming: bool = False) -> dict[str, Any]:
    return anthropic_wire.body_of(request, "m-1", shape=lambda schema: schema, room=1000, streaming=streaming)


@pytest.mark.proves("J5")
def test_a_body_has_the_fields_of_the_list_and_no_others() -> None:
    full = asked(tools=[TOOL], schema=SCHEMA, temperature=0.3, purpose="purpose-stays-here")
    assert set(to_openai(full, streaming=True)) == scripted_wire.OPENAI_FIELDS
    assert set(to_openai(full, compatible=True, streaming=True)) == scripted_wire.COMPATIBLE_FIELDS
    assert set(to_anthropic(full, streaming=True)) == scripted_wire.ANTHROPIC_FIELDS
    for body in (to_openai(full), to_openai(full, compatible=True), to_anthropic(full)):
        assert "purpose-stays-here" not in json.dumps(body)


def test_what_stays_the_same_comes_first_and_is_marked_for_the_providers_cache() -> None:
    first, second = (to_anthropic(asked(text, tools=[TOOL, TOOL])) for text in ("one", "two"))
    assert list(first)[2:] == ["tools", "system", "messages"]
    assert (first["tools"], first["system"]) == (second["tools"], second["system"])
    assert ["cache_control" in tool for tool in first["tools"]] == [False, True]
    assert [block["cache_control"] for block in first["system"]] == [{"type": "ephemeral"}] * 2
    assert [block["text"] for block in first["system"]] == ["You are Opstwin.", "Past deployments: none."]
    marks = json.dumps(first).count("cache_control")
    assert marks <= 4, "the provider takes at most four"


def test_openais_prefix_and_cache_key_do_not_change_with_the_question() -> None:
    first, second = (to_openai(asked(text, tools=[TOOL])) for text in ("one", "two"))
    assert first["prompt_cache_key"] == second["prompt_cache_key"] != to_openai(asked("one"))["prompt_cache_key"]
    assert first["messages"][0] == second["messages"][0]
    assert first["messages"][0] == {"role": "system", "content": "You are Opstwin.\n\nPast deployments: none."}
    assert len(first["prompt_cache_key"]) <= 64


def test_room_for_thinking_is_added_where_the_provider_counts_it() -> None:
    request = asked(max_tokens=500)
    assert to_openai(request)["max_completion_tokens"] == 1500
    assert to_anthropic(request)["max_tokens"] == 1500
    assert to_openai(request, compatible=True)["max_tokens"] == 500


def test_turns_of_one_side_are_one_for_anthropic_and_empty_texts_are_left_out() -> None:
    thread = [
        Message(role=Role.USER, text="one"), Message(role=Role.USER, text="two"),
        Message(role=Role.ASSISTANT, text=" ", calls=(call("f", "a"), call("g", "b"))),
        Message(role=Role.TOOL, text="", call_id="a"), Message(role=Role.TOOL, text="done", call_id="b"),
        Message(role=Role.ASSISTANT, text=""), Message(role=Role.USER, text="three"),
    ]  # fmt: skip
    sent = to_anthropic(asked(messages=thread))["messages"]
    assert [turn["role"] for turn in sent] == ["user", "assistant", "user"]
    assert [block["type"] for block in sent[1]["content"]] == ["tool_use", "tool_use"]
    assert [block["type"] for block in sent[2]["content"]][:2] == ["tool_result", "tool_result"]
    assert "" not in [block.get("text") for turn in sent for block in turn["content"]]


def test_a_call_with_broken_arguments_goes_back_as_one_without() -> None:
    broken = Message(role=Role.ASSISTANT, text="", calls=(call("f", "a"),))
    thread = [Message(role=Role.USER, text="x"), broken, Message(role=Role.TOOL, text="no JSON", call_id="a")]
    assert to_openai(asked(messages=thread))["messages"][2]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert to_anthropic(asked(messages=thread))["messages"][1]["content"][0]["input"] == {}


@pytest.mark.parametrize(
    "data",
    [
        {}, {"choices": []}, {"choices": {}}, {"choices": ["x"]}, {"choices": [{}]}, {"choices": [{"message": "x"}]},
        {"choices": [{"message": {"content": 1}}]}, {"choices": [{"message": {"tool_calls": {}}}]},
        {"choices": [{"message": {"tool_calls": [1]}}]}, {"choices": [{"message": {"tool_calls": [{}]}}]},
        {"choices": [{"message": {"content": "x"}}], "usage": [1]},
    ],
)  # fmt: skip
def test_what_is_not_of_openais_form_is_malformed(data: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        openai_wire.reply_of(data)


@pytest.mark.parametrize(
    "data",
    [
        {}, {"content": "x"}, {"content": ["x"]}, {"content": [{"type": "text", "text": 1}]},
        {"content": [{"type": "tool_use", "id": 1, "name": "f", "input": {}}]}, {"content": [], "usage": "x"},
    ],
)  # fmt: skip
def test_what_is_not_of_anthropics_form_is_malformed(data: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        anthropic_wire.reply_of(data)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (None, Tokens()), ({}, Tokens()), ({"prompt_tokens": "x", "completion_tokens": -1}, Tokens()),
        ({"prompt_tokens": 5, "completion_tokens": True}, Tokens(input=5)),
        ({"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}},
         Tokens(input=9, output=2, cache_read=4)),
    ],
)  # fmt: skip
def test_servers_may_tell_no_numbers_or_odd_ones(usage: Any, tokens: Tokens) -> None:
    message = {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    reply = openai_wire.reply_of({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})
    assert (reply.text, reply.tokens) == ("ab", tokens)


def test_a_server_that_calls_tools_and_says_stop_calls_tools() -> None:
    function = {"name": "f", "arguments": {"a": 1}}
    message = {"content": None, "tool_calls": [{"function": function}, {"function": {"name": "g", "arguments": ""}}]}
    reply = openai_wire.reply_of({"choices": [{"message": message, "finish_reason": "stop"}]})
    assert reply.stop is Stop.TOOLS
    assert [(item.id, item.arguments) for item in reply.calls] == [("call_0", {"a": 1}), ("call_1", {})]


def test_chunks_of_a_call_without_numbers_are_put_together() -> None:
    chunks = openai_wire.Chunks()
    for item in ({"id": "a", "function": {"name": "f", "arguments": '{"a"'}}, {"function": {"arguments": ": 1}"}},
                 {"id": "b", "function": {"name": "g", "arguments": "{}"}}):  # fmt: skip
        chunks.take({"choices": [{"delta": {"tool_calls": [item]}}]})
    chunks.take({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]})
    assert [(item.id, item.arguments) for item in chunks.reply().calls] == [("a", {"a": 1}), ("b", {})]


def test_a_stream_without_its_end_is_broken_off_at_every_place() -> None:
    reply = calling(call("f", "a", x=1), text="some words that come in pieces")
    openai_events = [json.loads(line[6:]) for line in scripted_wire.openai_stream(reply, "m", with_usage=True)
                     if line.startswith(b"data: {")]  # fmt: skip
    anthropic_events = [json.loads(line.split(b"data: ")[1]) for line in scripted_wire.anthropic_stream(reply, "m")]
    # OpenAI's answer is whole with its finish_reason: behind it comes only what it took.
    for assembler, events, whole_at in (
        (openai_wire.Chunks, openai_events, len(openai_events) - 1),
        (anthropic_wire.Events, anthropic_events, len(anthropic_events)),
    ):
        for count in range(len(events) + 1):
            made = assembler()
            for event in events[:count]:
                made.take(event)
            if count >= whole_at:
                assert made.reply().text == reply.text
            else:
                with pytest.raises(BrokenOff):
                    made.reply()


REPLIES = [
    ModelReply(text="Hello, 안녕", tokens=Tokens(input=10, output=3, cache_read=2)),
    calling(call("f", "a", x=1), call("g", "b"), text="Look:"), calling(call("f", "a")),
    ModelReply(text="cut", stop=Stop.LENGTH), ModelReply(text="no", stop=Stop.REFUSED),
]  # fmt: skip


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: reply.stop.value)
def test_the_scripted_wire_is_the_vendors_own(reply: ModelReply) -> None:
    from anthropic.types import Message as AnthropicMessage
    from anthropic.types import RawMessageStreamEvent
    from openai.types.chat import ChatCompletion, ChatCompletionChunk
    from pydantic import TypeAdapter

    ChatCompletion.model_validate(scripted_wire.openai_body(reply, "m"))
    AnthropicMessage.model_validate(scripted_wire.anthropic_body(reply, "m"))
    for line in scripted_wire.openai_stream(reply, "m", with_usage=True):
        if not line.startswith(b"data: [DONE]"):
            ChatCompletionChunk.model_validate_json(line.removeprefix(b"data: "))
    event: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    for line in scripted_wire.anthropic_stream(reply, "m"):
        name, data = line.decode().strip().split("\n")
        value = json.loads(data.removeprefix("data: "))
        assert name == f"event: {value['type']}"
        if value["type"] != "ping":
            event.validate_python(value)
