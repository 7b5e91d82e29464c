"""What leaves for a provider: every text of a request, without secrets. Nothing else of ours is on the wire."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

from opstwin.agent.models.port import DRAFT, Message, ModelRequest, Role, ToolCall, ToolOffer
from opstwin.domain.secret_text import without_secrets
from opstwin.domain.spoken_secrets import without_spoken
from opstwin.domain.values import Json
from opstwin.logs import MASK, looks_secret

Cover = Callable[[str], str]


def covering(veil_text: Cover) -> Cover:
    """`veil_text`, which knows the secrets of this hub, and after it everything that looks like a secret."""
    return lambda text: _without_looks(veil_text(text)) if text else text


@lru_cache(maxsize=256)
def _without_looks(text: str) -> str:
    """Most of a request (system, tools, examples) comes again in the next one. What the veil knows may have changed."""
    return without_secrets(text)


def outward(request: ModelRequest, cover: Cover) -> ModelRequest:
    """The request as it may leave: the same with `cover` over every text in it, at any depth.

    What a person says in a conversation is read for passwords told in a sentence too; drafts are composed of parts of
    which those that a person wrote are read so by whoever composes them.
    """
    is_talk = request.purpose != DRAFT
    return replace(
        request,
        system=cover(request.system),
        examples=cover(request.examples),
        messages=tuple(_message(message, cover, is_talk) for message in request.messages),
        tools=tuple(_offer(tool, cover) for tool in request.tools),
        schema=None if request.schema is None else _mapping(request.schema, cover),
    )


def _message(message: Message, cover: Cover, is_talk: bool) -> Message:
    calls = tuple(_call(call, cover) for call in message.calls)
    said = without_spoken(message.text) if is_talk and message.role is Role.USER else message.text
    return replace(message, text=cover(said), calls=calls, call_id=cover(message.call_id))


def _call(call: ToolCall, cover: Cover) -> ToolCall:
    arguments = None if call.arguments is None else _mapping(call.arguments, cover)
    return replace(call, id=cover(call.id), name=cover(call.name), arguments=arguments, raw=cover(call.raw))


def _offer(tool: ToolOffer, cover: Cover) -> ToolOffer:
    return replace(
        tool, name=cover(tool.name), description=cover(tool.description), schema=_mapping(tool.schema, cover)
    )


def _mapping(value: Mapping[str, Json], cover: Cover) -> dict[str, Json]:
    return {cover(key): _value(key, item, cover) for key, item in value.items()}


def _value(key: str, value: Json, cover: Cover) -> Json:
    if isinstance(value, str):
        return _text(key, value, cover)
    if isinstance(value, dict):
        return _mapping(value, cover)
    if isinstance(value, list):
        return [_value(key, item, cover) for item in value]
    return value


def _text(key: str, value: str, cover: Cover) -> str:
    """A value whose name says secret is masked, unless it only says where the secret is."""
    if looks_secret(key) and value and not value.startswith(("env:", "file:")):
        return MASK
    return cover(value)
