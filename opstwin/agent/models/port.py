"""What every language model is to Opstwin: messages in, a text or tool calls out."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from opstwin.domain.values import Json

DRAFT: Final = "draft"
"""The purpose of requests that fill in what nobody said of a workload."""


class Role(StrEnum):
    """Who says a message. What a tool answered is data, never an instruction."""

    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Stop(StrEnum):
    """Why a model stopped: it was done, it calls tools, it was cut off at `max_tokens`, or it refused."""

    END = "end"
    TOOLS = "tools"
    LENGTH = "length"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call that a model asks for. `arguments` is None when `raw`, what it wrote, is no JSON object."""

    id: str
    name: str
    arguments: Mapping[str, Json] | None
    raw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message; `calls` are an assistant's, `call_id` says which call a tool's message answers."""

    role: Role
    text: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOffer:
    """A tool as a model sees it; `schema` is a JSON Schema object."""

    name: str
    description: str
    schema: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One request. `system` and `examples` are the stable prefix that providers may cache; what changes follows it.

    `purpose` (draft, chat, …) is for metering. With `schema` the answer is asked for as JSON of that shape; it is
    checked by the caller all the same. `temperature` None leaves it to the provider.
    """

    purpose: str
    system: str
    messages: Sequence[Message]
    examples: str = ""
    tools: Sequence[ToolOffer] = ()
    schema: Mapping[str, Json] | None = None
    max_tokens: int = 4096
    temperature: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a request took. `cache_read` and `cache_write` are parts of `input`."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply:
    """An answer. `cost_usd` is None when the price is not known; `calls_made` counts what providers got (0: cached)."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    stop: Stop = Stop.END
    tokens: Tokens = field(default_factory=Tokens)
    provider: str = ""
    model: str = ""
    cost_usd: float | None = None
    calls_made: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of an answer as it is written; the last one carries the whole `reply`."""

    text: str = ""
    reply: ModelReply | None = None


class LanguageModel(Protocol):
    """One model, or several behind one name. Both methods raise `ModelError`, whose details name the reason."""

    async def complete(self, request: ModelRequest) -> ModelReply:
        """The whole answer."""
        ...

    def stream(self, request: ModelRequest) -> AsyncIterator[Delta]:
        """The answer as it is written; a stream that breaks off raises, and what came of it is not an answer."""
        ...
