"""Tools of the conversation: saying something, and the threads in which it was said."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from opstwin.domain.access import Scope
from opstwin.errors import InvalidInput, ModelError
from opstwin.tools.chat_views import Chat, ChatView, ThreadRow, ThreadView, Turn
from opstwin.tools.fields import Paging, offset_of
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, StreamItem, Tool
from opstwin.tools.services import Services
from opstwin.tools.views import Listed

MAX_WORDS: Final = 4000
_MAX_MESSAGES: Final = 2000

ThreadName: TypeAlias = Annotated[
    str, Field(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", examples=["thread_7f3k2m9x1q"])
]
RunName: TypeAlias = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


class _Wire(Ask):
    """Fields as AG-UI writes them."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class MessageAsk(_Wire):
    """A message as AG-UI clients send it. Only the last one is read, and only where a `user` says it."""

    model_config = ConfigDict(extra="ignore")

    id: Annotated[str, Field(max_length=200)] = ""
    role: Annotated[str, Field(max_length=32)]
    content: Any = None


class ResumeAsk(_Wire):
    """An answer to an interrupt: `resolved` goes on, `cancelled` puts it off to say something else.

    `payload` is not read: only a decision that stands in the twin counts.
    """

    interrupt_id: Annotated[str, Field(max_length=64)]
    status: Literal["resolved", "cancelled"]
    payload: Any = None
    metadata: Any = None


class ChatAsk(_Wire):
    """What is said: `text`, or the last of `messages`; or `resume`, to go on after a human has decided.

    Any AG-UI client's input fits. Without a `threadId` a new thread begins. The same `runId` again gives the same turn
    again and begins no second one. What the fields behind `resume` hold is not used: the hub keeps the conversation.
    """

    text: Annotated[str | None, Field(max_length=MAX_WORDS, examples=["deploy nginx:1.27 as web"])] = None
    thread_id: ThreadName | None = None
    run_id: RunName | None = None
    messages: Annotated[list[MessageAsk], Field(default_factory=list, max_length=_MAX_MESSAGES)]
    resume: Annotated[list[ResumeAsk] | None, Field(max_length=20)] = None
    state: Any = None
    tools: Any = None
    context: Any = None
    forwarded_props: Any = None
    parent_run_id: Annotated[str | None, Field(max_length=200)] = None
    protocol_version: Annotated[str | None, Field(max_length=32)] = None


class OfThread(Ask):
    """One thread of the caller's own."""

    id: ThreadName


class ThreadAsk(OfThread):
    """One thread. As an event stream, the events of its last turn behind `after`, as `Last-Event-ID` names it."""

    after: Annotated[str, Field(max_length=96, pattern=r"^[A-Za-z0-9_-]*(:[0-9]{1,7})?$")] = ""


def turn_of(ask: ChatAsk) -> Turn:
    """What is asked. Raises `InvalidInput` unless it is words, a resume, or words that put interrupts off."""
    thread, run_id = ask.thread_id or "", ask.run_id or ""
    resume = ask.resume or []
    resumed = tuple(item.interrupt_id for item in resume)
    if any(item.status == "resolved" for item in resume):
        if ask.text is not None:
            raise InvalidInput(
                "text and resume do not go together.", field="resume", next_step="Go on first, then say more."
            )
        return Turn(thread=thread, run_id=run_id, resume=resumed)
    said = MessageAsk(role="user", content=ask.text) if ask.text is not None else _last(ask.messages)
    words = "" if said is None else _text_of(said)
    if not words.strip() and not resume:
        raise InvalidInput("Nothing was said.", field="text", next_step='Such as {"text": "scale web to 3"}.')
    return Turn(thread=thread, run_id=run_id, words=words, words_id=said.id if said else "", resume=resumed)


def _last(messages: list[MessageAsk]) -> MessageAsk | None:
    if messages and messages[-1].role != "user":
        raise InvalidInput(
            "The last message is not a user's.", field="messages", next_step="Send what the user says last."
        )
    return messages[-1] if messages else None


def _text_of(message: MessageAsk) -> str:
    parts = message.content if isinstance(message.content, list) else [{"type": "text", "text": message.content}]
    if any(not isinstance(part, dict) or part.get("type") != "text" for part in parts):
        raise InvalidInput(
            "A message holds something that is no text.", field="messages", next_step="Send text parts only."
        )
    words = "\n".join(str(part.get("text") or "") for part in parts)
    if len(words) > MAX_WORDS:
        raise InvalidInput(
            f"The message is longer than {MAX_WORDS} characters.", field="messages",
            next_step="Say it shorter, or put what you want into a file and plan from that.",
        )  # fmt: skip
    return words


def _chat(services: Services) -> Chat:
    if services.chat is None:
        raise ModelError("This hub has no chat.", next_step='Plan in words instead: opstwin plan "scale web to 3"')
    return services.chat


async def _answer(services: Services, caller: Caller, ask: ChatAsk) -> ChatView:
    turn = turn_of(ask)
    return await _chat(services).answer(caller, turn)


async def _stream(services: Services, caller: Caller, ask: ChatAsk) -> AsyncIterator[StreamItem]:
    turn = turn_of(ask)
    return await _chat(services).stream(caller, turn)


async def _list(services: Services, caller: Caller, ask: Paging) -> Listed[ThreadRow]:
    start = offset_of(ask.cursor)
    found = await _chat(services).threads(caller)
    end = start + ask.limit
    return Listed(items=tuple(found[start:end]), next=str(end) if len(found) > end else None)


async def _show(services: Services, caller: Caller, ask: ThreadAsk) -> ThreadView:
    return await _chat(services).show(caller, ask.id)


async def _follow(services: Services, caller: Caller, ask: ThreadAsk) -> AsyncIterator[StreamItem]:
    return await _chat(services).follow(caller, ask.id, ask.after)


async def _stop(services: Services, caller: Caller, ask: OfThread) -> ThreadView:
    return await _chat(services).end(caller, ask.id, forget=False)


async def _delete(services: Services, caller: Caller, ask: OfThread) -> ThreadView:
    return await _chat(services).end(caller, ask.id, forget=True)


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="chat",
        title="Say something",
        purpose="Ask in words to deploy, change, diagnose, compare, explain or undo; as an AG-UI event stream too.",
        effect=Effect.PLAN,
        scope=Scope.READ,
        ends_with_caller=True,
        input=ChatAsk,
        output=ChatView,
        quotes="what targets and containers said",
        handler=_answer,
        stream=_stream,
        route=Route(method="POST", path="/chat"),
    ),
    Tool(
        name="threads_list",
        title="List conversations",
        purpose="The caller's own conversations, the newest first.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=Paging,
        output=Listed[ThreadRow],
        handler=_list,
        route=Route(method="GET", path="/threads"),
    ),
    Tool(
        name="thread_get",
        title="Show a conversation",
        purpose="What was said in it and what it waits for; as an AG-UI event stream, its last turn once more.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=ThreadAsk,
        output=ThreadView,
        quotes="what targets and containers said",
        handler=_show,
        stream=_follow,
        route=Route(method="GET", path="/threads/{id}"),
    ),
    Tool(
        name="thread_stop",
        title="Stop a turn",
        purpose="End the turn that is under way. What is applied already goes on.",
        effect=Effect.PLAN,
        scope=Scope.READ,
        repeatable=True,
        input=OfThread,
        output=ThreadView,
        handler=_stop,
        route=Route(method="POST", path="/threads/{id}:stop"),
    ),
    Tool(
        name="thread_delete",
        title="Delete a conversation",
        purpose="Forget what was said. Plans, approvals and executions that came of it stay.",
        effect=Effect.PLAN,
        scope=Scope.READ,
        input=OfThread,
        output=ThreadView,
        handler=_delete,
        route=Route(method="POST", path="/threads/{id}:delete"),
    ),
)
