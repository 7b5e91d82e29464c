"""OpenAI's Chat Completions as data: what is sent, and what comes back. No I/O."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from opstwin.agent.models.port import Message, ModelReply, ModelRequest, Role, Stop, Tokens, ToolCall
from opstwin.agent.models.reading import BrokenOff, Malformed, count, listed, mapping, text, tool_call
from opstwin.domain.values import canonical, to_json

OPTIONAL: Final = ("temperature", "prompt_cache_key", "response_format", "stream_options")
"""Fields that a server may refuse, and without which the answer is as good."""

_STOPS: Final[Mapping[str, Stop]] = {
    "stop": Stop.END, "length": Stop.LENGTH, "tool_calls": Stop.TOOLS, "function_call": Stop.TOOLS,
    "content_filter": Stop.REFUSED,
}  # fmt: skip


def body_of(request: ModelRequest, model: str, *, compatible: bool, room: int, streaming: bool) -> dict[str, Any]:
    """The body of a request. What stays the same comes first (tools, system, examples), so that it can be cached.

    `room` tokens are added for what a model thinks before it answers. Other servers (`compatible`) get the older
    `max_tokens`, which all of them know, and no `prompt_cache_key`.
    """
    prefix = [part for part in (request.system, request.examples) if part]
    system = [{"role": "system", "content": "\n\n".join(prefix)}] if prefix else []
    limit = "max_tokens" if compatible else "max_completion_tokens"
    body: dict[str, Any] = {"model": model, limit: request.max_tokens + (0 if compatible else room)}
    if request.tools:
        body["tools"] = _tools(request)
    body["messages"] = [*system, *map(_message, request.messages)]
    if not compatible:
        body["prompt_cache_key"] = _cache_key(request)
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.schema is not None:
        shape = {"name": "answer", "schema": dict(request.schema), "strict": False}
        body["response_format"] = {"type": "json_schema", "json_schema": shape}
    return body | ({"stream": True, "stream_options": {"include_usage": True}} if streaming else {})


def reply_of(data: Mapping[str, Any]) -> ModelReply:
    """The answer in a body. Raises `Malformed`."""
    choices = listed(data.get("choices"), "choices")
    if not choices:
        raise Malformed("choices is empty")
    choice = mapping(choices[0], "choices[0]")
    message = mapping(choice.get("message"), "message")
    calls = [
        _call(mapping(item, "tool_calls"), place)
        for place, item in enumerate(listed(message.get("tool_calls"), "tool_calls"))
    ]
    refusal = text(message.get("refusal"), "refusal")
    return ModelReply(
        text=_content(message.get("content")) or refusal, calls=tuple(calls),
        stop=_stop(choice.get("finish_reason"), calls, refused=bool(refusal)),
        tokens=_tokens(data.get("usage")), model=text(data.get("model"), "model"),
    )  # fmt: skip


class Chunks:
    """A streamed answer, put together from its chunks."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._refused = False
        self._calls: dict[int, list[str]] = {}
        self._stop: str | None = None
        self._tokens, self._model = Tokens(), ""

    def take(self, data: Mapping[str, Any]) -> str:
        """One chunk; returns the text that it adds. Raises `Malformed`."""
        self._model = text(data.get("model"), "model") or self._model
        if data.get("usage"):
            self._tokens = _tokens(data["usage"])
        for choice in listed(data.get("choices"), "choices")[:1]:
            self._stop = text(mapping(choice, "choice").get("finish_reason"), "finish_reason") or self._stop
            return self._delta(mapping(choice.get("delta") or {}, "delta"))
        return ""

    def reply(self) -> ModelReply:
        """The whole answer. Raises `BrokenOff` when no chunk said that it is whole."""
        if self._stop is None:
            raise BrokenOff("no finish_reason")
        calls = [tool_call(id, name, raw, place) for place, (id, name, raw) in sorted(self._calls.items())]
        return ModelReply(
            text="".join(self._text), calls=tuple(calls), stop=_stop(self._stop, calls, refused=self._refused),
            tokens=self._tokens, model=self._model,
        )  # fmt: skip

    def _delta(self, delta: Mapping[str, Any]) -> str:
        for item in listed(delta.get("tool_calls"), "tool_calls"):
            self._add_call(mapping(item, "tool_calls"))
        refusal = text(delta.get("refusal"), "refusal")
        self._refused = self._refused or bool(refusal)
        added = _content(delta.get("content")) + refusal
        self._text.append(added)
        return added

    def _add_call(self, item: Mapping[str, Any]) -> None:
        place, function = item.get("index"), mapping(item.get("function") or {}, "function")
        if not isinstance(place, int):
            place = len(self._calls) if item.get("id") else max(self._calls, default=0)
        call = self._calls.setdefault(place, ["", "", ""])
        call[0] = call[0] or text(item.get("id"), "id")
        call[1] += text(function.get("name"), "name")
        call[2] += text(function.get("arguments"), "arguments")


def _message(message: Message) -> dict[str, Any]:
    if message.role is Role.TOOL:
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
    if message.role is Role.USER or not message.calls:
        return {"role": message.role.value, "content": message.text}
    return {"role": "assistant", "content": message.text or None, "tool_calls": list(_calls(message.calls))}


def _calls(calls: Sequence[ToolCall]) -> Iterator[dict[str, Any]]:
    """Broken arguments go back as none: servers that read them would refuse the whole conversation."""
    for call in calls:
        arguments = json.dumps(to_json(dict(call.arguments or {})), ensure_ascii=False)
        yield {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _tools(request: ModelRequest) -> list[dict[str, Any]]:
    return [
        {"type": "function", "function": {
            "name": tool.name, "description": tool.description, "parameters": dict(tool.schema)}}
        for tool in request.tools
    ]  # fmt: skip


def _cache_key(request: ModelRequest) -> str:
    """One key for requests with the same beginning, so that they reach the same cache."""
    beginning = canonical(to_json({"system": request.system, "tools": list(request.tools)}))
    return "opstwin-" + hashlib.sha256(beginning.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _call(item: Mapping[str, Any], place: int) -> ToolCall:
    function = mapping(item.get("function"), "function")
    raw = function.get("arguments")
    # Some servers send the object itself.
    written = json.dumps(raw) if isinstance(raw, dict) else text(raw, "arguments")
    return tool_call(text(item.get("id"), "id"), text(function.get("name"), "name"), written, place)


def _content(value: object) -> str:
    if not isinstance(value, list):
        return text(value, "content")
    return "".join(text(mapping(part, "content").get("text"), "content") for part in value)


def _stop(reason: object, calls: Sequence[ToolCall], *, refused: bool) -> Stop:
    stop = Stop.REFUSED if refused else _STOPS.get(str(reason), Stop.END)
    # Some servers say `stop` although they call tools.
    return Stop.TOOLS if calls and stop is Stop.END else stop


def _tokens(value: object) -> Tokens:
    usage = mapping(value or {}, "usage")
    details = usage.get("prompt_tokens_details")
    parts = details if isinstance(details, Mapping) else {}
    return Tokens(
        input=count(usage.get("prompt_tokens")), output=count(usage.get("completion_tokens")),
        cache_read=count(parts.get("cached_tokens")), cache_write=count(parts.get("cache_write_tokens")),
    )  # fmt: skip
