"""Scripted answers as both vendors' servers write them: whole, streamed, and as errors. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from opstwin.agent.models.port import ModelReply, Stop, ToolCall
from opstwin.domain.values import to_json

MOMENT: Final = 1_767_225_600
"""When every scripted answer was made: 2026-01-01 in UTC."""

_OPENAI: Final = {
    Stop.END: "stop", Stop.TOOLS: "tool_calls", Stop.LENGTH: "length", Stop.REFUSED: "content_filter"
}  # fmt: skip
_ANTHROPIC: Final = {
    Stop.END: "end_turn", Stop.TOOLS: "tool_use", Stop.LENGTH: "max_tokens", Stop.REFUSED: "refusal"
}  # fmt: skip
_KINDS: Final[Mapping[int, str]] = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    429: "rate_limit_error", 500: "api_error", 529: "overloaded_error",
}  # fmt: skip
OPENAI_FIELDS: Final = frozenset(
    {
        "model", "max_completion_tokens", "tools", "messages", "prompt_cache_key", "temperature", "response_format",
        "stream", "stream_options",
    }
)  # fmt: skip
COMPATIBLE_FIELDS: Final = OPENAI_FIELDS - {"max_completion_tokens", "prompt_cache_key"} | {"max_tokens"}
ANTHROPIC_FIELDS: Final = frozenset(
    {"model", "max_tokens", "tools", "system", "messages", "output_config", "temperature", "stream"}
)
"""All that a provider may be sent. Their servers refuse fields that they do not know, and so does the script."""

_OPENAI_MESSAGE: Final = frozenset({"role", "content", "tool_calls", "tool_call_id"})
_ANTHROPIC_MESSAGE: Final = frozenset({"role", "content"})
_PIECE: Final = 7
"""Characters of one piece of a stream."""


def unlisted(body: Mapping[str, Any], *, anthropic: bool) -> list[str]:
    """The fields of a request, and of its messages, that no provider may be sent."""
    allowed = ANTHROPIC_FIELDS if anthropic else OPENAI_FIELDS | COMPATIBLE_FIELDS
    within = _ANTHROPIC_MESSAGE if anthropic else _OPENAI_MESSAGE
    messages = [item for item in body.get("messages") or () if isinstance(item, Mapping)]
    return sorted({*(set(body) - allowed), *(f"messages.{key}" for item in messages for key in set(item) - within)})


def openai_body(reply: ModelReply, model: str) -> dict[str, Any]:
    """A whole answer of Chat Completions."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None, "refusal": None}
    if reply.calls:
        message["tool_calls"] = [_openai_call(call) for call in reply.calls]
    choice = {"index": 0, "message": message, "finish_reason": _OPENAI[reply.stop], "logprobs": None}
    return {**_openai_head(model, "chat.completion"), "choices": [choice], "usage": _openai_usage(reply)}


def openai_stream(reply: ModelReply, model: str, *, with_usage: bool) -> Iterator[bytes]:
    """The same in pieces, with `[DONE]` last."""
    yield _openai_chunk(model, {"role": "assistant", "content": ""})
    for piece in _pieces(reply.text):
        yield _openai_chunk(model, {"content": piece})
    for index, call in enumerate(reply.calls):
        whole = _openai_call(call)
        first = {**whole, "index": index, "function": {"name": call.name, "arguments": ""}}
        yield _openai_chunk(model, {"tool_calls": [first]})
        for piece in _pieces(whole["function"]["arguments"]):
            yield _openai_chunk(model, {"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield _openai_chunk(model, {}, _OPENAI[reply.stop])
    if with_usage:
        yield _data({**_openai_head(model, "chat.completion.chunk"), "choices": [], "usage": _openai_usage(reply)})
    yield b"data: [DONE]\n\n"


def openai_error(status: int, message: str) -> dict[str, Any]:
    """The body of an answer with this status."""
    return {"error": {"message": message, "type": _KINDS.get(status, "server_error"), "param": None, "code": None}}


def anthropic_body(reply: ModelReply, model: str) -> dict[str, Any]:
    """A whole answer of Messages."""
    return {
        **_anthropic_head(model), "content": _blocks(reply), "stop_reason": _ANTHROPIC[reply.stop],
        "usage": _anthropic_usage(reply),
    }  # fmt: skip


def anthropic_stream(reply: ModelReply, model: str) -> Iterator[bytes]:
    """The same in events."""
    usage = _anthropic_usage(reply)
    yield _event("message_start", message={**_anthropic_head(model), "usage": {**usage, "output_tokens": 1}})
    yield _event("ping")
    for index, block in enumerate(_blocks(reply)):
        yield from _anthropic_block(index, block, reply)
    delta = {"stop_reason": _ANTHROPIC[reply.stop], "stop_sequence": None}
    yield _event("message_delta", delta=delta, usage={"output_tokens": usage["output_tokens"]})
    yield _event("message_stop")


def anthropic_error(status: int, message: str) -> dict[str, Any]:
    """The body of an answer with this status."""
    return {"type": "error", "error": {"type": _KINDS.get(status, "api_error"), "message": message}}


def _openai_head(model: str, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-scripted", "object": kind, "created": MOMENT, "model": model}


def _openai_call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _arguments(call)}}


def _openai_chunk(model: str, delta: Mapping[str, Any], stop: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": stop, "logprobs": None}
    return _data({**_openai_head(model, "chat.completion.chunk"), "choices": [choice]})


def _openai_usage(reply: ModelReply) -> dict[str, Any]:
    tokens = reply.tokens
    return {
        "prompt_tokens": tokens.input, "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cache_read, "cache_write_tokens": tokens.cache_write},
    }  # fmt: skip


def _anthropic_head(model: str) -> dict[str, Any]:
    return {
        "id": "msg_scripted", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": None, "stop_sequence": None,
    }  # fmt: skip


def _anthropic_usage(reply: ModelReply) -> dict[str, int]:
    tokens = reply.tokens
    return {
        "input_tokens": tokens.input - tokens.cache_read - tokens.cache_write, "output_tokens": tokens.output,
        "cache_read_input_tokens": tokens.cache_read, "cache_creation_input_tokens": tokens.cache_write,
    }  # fmt: skip


def _blocks(reply: ModelReply) -> list[dict[str, Any]]:
    """What a model wrote as arguments is an object on this wire; text that is none can only come in a stream."""
    said = [{"type": "text", "text": reply.text}] if reply.text else []
    return said + [
        {"type": "tool_use", "id": call.id, "name": call.name,
         "input": call.raw if call.arguments is None else to_json(dict(call.arguments))}
        for call in reply.calls
    ]  # fmt: skip


def _anthropic_block(index: int, block: Mapping[str, Any], reply: ModelReply) -> Iterator[bytes]:
    is_text = block["type"] == "text"
    start = {**block, "text": ""} if is_text else {**block, "input": {}}
    yield _event("content_block_start", index=index, content_block=start)
    whole = reply.text if is_text else _arguments(reply.calls[index - bool(reply.text)])
    for piece in _pieces(whole):
        delta = {"type": "text_delta", "text": piece} if is_text else {
            "type": "input_json_delta", "partial_json": piece
        }  # fmt: skip
        yield _event("content_block_delta", index=index, delta=delta)
    yield _event("content_block_stop", index=index)


def _arguments(call: ToolCall) -> str:
    return call.raw if call.arguments is None else json.dumps(to_json(dict(call.arguments)))


def _pieces(text: str) -> Iterator[str]:
    return (text[place : place + _PIECE] for place in range(0, len(text), _PIECE))


def _data(value: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def _event(type: str, **fields: Any) -> bytes:
    return f"event: {type}\n".encode() + _data({"type": type, **fields})
