"""Anthropic's Messages as data: what is sent, and what comes back. No I/O."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from opstwin.agent.models.port import Message, ModelReply, ModelRequest, Role, Stop, Tokens, ToolCall
from opstwin.agent.models.reading import BrokenOff, Malformed, count, listed, mapping, text, tool_call
from opstwin.domain.values import to_json

OPTIONAL: Final = ("temperature", "output_config")
"""Fields that a model may refuse, and without which the answer is as good."""

_STOPS: Final[Mapping[str, Stop]] = {
    "end_turn": Stop.END, "stop_sequence": Stop.END, "tool_use": Stop.TOOLS, "refusal": Stop.REFUSED,
    "max_tokens": Stop.LENGTH, "model_context_window_exceeded": Stop.LENGTH, "pause_turn": Stop.LENGTH,
}  # fmt: skip
_MARK: Final = {"type": "ephemeral"}
"""Marks the end of a part that is kept at the provider for five minutes after its last use."""

Shape = Callable[[dict[str, Any]], dict[str, Any] | None]


def body_of(request: ModelRequest, model: str, *, shape: Shape, room: int, streaming: bool) -> dict[str, Any]:
    """The body of a request; tools, system and examples are marked as what stays the same.

    `shape` turns a JSON Schema into one that the provider takes, or None: then the prompt alone asks for the form.
    `room` tokens are added for what a model thinks.
    """
    body: dict[str, Any] = {"model": model, "max_tokens": request.max_tokens + room}
    if request.tools:
        body["tools"] = _tools(request)
    if parts := [part for part in (request.system, request.examples) if part]:
        body["system"] = [{"type": "text", "text": part, "cache_control": _MARK} for part in parts]
    body["messages"] = _messages(request.messages)
    shaped = None if request.schema is None else shape(dict(request.schema))
    if shaped is not None:
        body["output_config"] = {"format": {"type": "json_schema", "schema": shaped}}
    if request.temperature is not None:
        body["temperature"] = min(request.temperature, 1.0)
    return body | ({"stream": True} if streaming else {})


def reply_of(data: Mapping[str, Any]) -> ModelReply:
    """The answer in a body. Raises `Malformed`."""
    if not isinstance(data.get("content"), list):
        raise Malformed("content is no list")
    blocks = [mapping(item, "content") for item in listed(data.get("content"), "content")]
    calls = [
        _call(block, _written(block.get("input")), place)
        for place, block in enumerate(blocks)
        if block.get("type") == "tool_use"
    ]
    words = [text(block.get("text"), "text") for block in blocks if block.get("type") == "text"]
    return ModelReply(
        text="".join(words), calls=tuple(calls), stop=_stop(data.get("stop_reason"), calls),
        tokens=_tokens(mapping(data.get("usage") or {}, "usage")), model=text(data.get("model"), "model"),
    )  # fmt: skip


class Events:
    """A streamed answer, put together from its events."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._calls: dict[int, tuple[Mapping[str, Any], list[str]]] = {}
        self._usage: dict[str, Any] = {}
        self._model, self._is_whole = "", False
        self._stop: object = None

    def take(self, event: Mapping[str, Any]) -> str:
        """One event; returns the text that it adds. Raises `Malformed`."""
        kind = event.get("type")
        if kind == "message_start":
            message = mapping(event.get("message"), "message")
            self._model = text(message.get("model"), "model")
            self._usage |= _given(message.get("usage"))
        elif kind == "message_delta":
            self._stop = mapping(event.get("delta"), "delta").get("stop_reason")
            self._usage |= _given(event.get("usage"))
        elif kind == "message_stop":
            self._is_whole = True
        elif kind == "content_block_start":
            return self._begin(event.get("index"), mapping(event.get("content_block"), "content_block"))
        elif kind == "content_block_delta":
            return self._add(event.get("index"), mapping(event.get("delta"), "delta"))
        return ""

    def reply(self) -> ModelReply:
        """The whole answer. Raises `BrokenOff` when its last event did not come."""
        if not self._is_whole or self._stop is None:
            raise BrokenOff("no message_stop")
        calls = [
            _call(block, "".join(pieces), place) for place, (block, pieces) in enumerate(self._calls.values())
        ]  # fmt: skip
        return ModelReply(
            text="".join(self._text), calls=tuple(calls), stop=_stop(self._stop, calls),
            tokens=_tokens(self._usage), model=self._model,
        )  # fmt: skip

    def _begin(self, place: object, block: Mapping[str, Any]) -> str:
        if block.get("type") == "tool_use" and isinstance(place, int):
            self._calls[place] = (block, [])
        return self._said(block.get("text")) if block.get("type") == "text" else ""

    def _add(self, place: object, delta: Mapping[str, Any]) -> str:
        if delta.get("type") == "input_json_delta" and isinstance(place, int) and place in self._calls:
            self._calls[place][1].append(text(delta.get("partial_json"), "partial_json"))
        return self._said(delta.get("text")) if delta.get("type") == "text_delta" else ""

    def _said(self, value: object) -> str:
        added = text(value, "text")
        self._text.append(added)
        return added


def _messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Turns of two sides, each of which may hold several messages; what a tool answered is said by the user's side."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.role is Role.ASSISTANT else "user"
        blocks = list(_blocks(message))
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    """Empty texts are left out: the provider refuses them."""
    if message.role is Role.TOOL:
        yield {"type": "tool_result", "tool_use_id": message.call_id, "content": message.text or "(nothing)"}
        return
    if message.text.strip():
        yield {"type": "text", "text": message.text}
    for call in message.calls:
        yield {"type": "tool_use", "id": call.id, "name": call.name, "input": to_json(dict(call.arguments or {}))}


def _tools(request: ModelRequest) -> list[dict[str, Any]]:
    tools = [
        {"name": tool.name, "description": tool.description, "input_schema": dict(tool.schema)}
        for tool in request.tools
    ]  # fmt: skip
    return [*tools[:-1], {**tools[-1], "cache_control": _MARK}]


def _call(block: Mapping[str, Any], raw: str, place: int) -> ToolCall:
    return tool_call(text(block.get("id"), "id"), text(block.get("name"), "name"), raw, place)


def _written(arguments: object) -> str:
    """As a model wrote it; a text in place of an object is what could not be read on the way."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _stop(reason: object, calls: Sequence[ToolCall]) -> Stop:
    stop = _STOPS.get(str(reason), Stop.END)
    return Stop.TOOLS if calls and stop is Stop.END else stop


def _given(usage: object) -> dict[str, Any]:
    """What an event says of usage; a later one says only what changed."""
    return {key: value for key, value in mapping(usage or {}, "usage").items() if value is not None}


def _tokens(usage: Mapping[str, Any]) -> Tokens:
    """The provider counts what its cache took and gave apart from the rest of the input."""
    read, write = count(usage.get("cache_read_input_tokens")), count(usage.get("cache_creation_input_tokens"))
    return Tokens(
        input=count(usage.get("input_tokens")) + read + write, output=count(usage.get("output_tokens")),
        cache_read=read, cache_write=write,
    )  # fmt: skip
