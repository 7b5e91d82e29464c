"""A turn's events as the AG-UI protocol 1.0 writes them. Its types are imported with the first turn: they are large."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from opstwin.agent import events as agent
from opstwin.agent.events import AgentEvent
from opstwin.domain.thread import Remark
from opstwin.domain.values import Json
from opstwin.errors import OpstwinError
from opstwin.logs import redacted

if TYPE_CHECKING:
    from ag_ui.core import BaseEvent

PROTOCOL: Final = "1.0"
APPLY: Final = "plan_apply"
PLAN: Final = "plan"
"""The activity that shows a plan's card."""


def apply_call(plan_id: str) -> str:
    """The id of the call that waits for a plan's approval."""
    return f"call_{plan_id}"


class Scribe:
    """Writes the events of one run. One text message is open at a time, and nothing comes between its pieces."""

    def __init__(self, thread: str, run_id: str) -> None:
        self._thread = thread
        self._run_id = run_id
        self._number = 0
        self._text_id = ""
        self._text = ""
        self._steps: list[str] = []
        self._calls: list[str] = []
        self.messages: list[dict[str, Any]] = []
        """What was said and called in this run, as AG-UI messages."""

    @property
    def answers(self) -> Sequence[tuple[str, str]]:
        """The texts of this run with their ids, the last also where it broke off."""
        over = [(str(item["id"]), str(item["content"])) for item in self.messages if item["role"] == "assistant"
                and "content" in item]  # fmt: skip
        return [*over, (self._text_id, self._text)] if self._text_id else over

    def started(self) -> "Iterator[BaseEvent]":
        """The first event."""
        from ag_ui.core import RunStartedEvent

        yield RunStartedEvent(thread_id=self._thread, run_id=self._run_id, protocol_version=PROTOCOL)

    def of(self, event: AgentEvent) -> "Iterator[BaseEvent]":
        """The events for one event of the conversation; none for its end, which `finished` and `failed` write."""
        if isinstance(event, agent.Said):
            yield from self._said(event.text)
            return
        write = _WRITES.get(type(event))
        if write is not None:
            yield from self._text_over()
            yield from write(self, event)

    def snapshots(self, earlier: Sequence[Remark], state: Mapping[str, Json]) -> "Iterator[BaseEvent]":
        """The whole conversation and how it stands."""
        from ag_ui.core import MessagesSnapshotEvent, StateSnapshotEvent

        yield from self._all_over()
        yield MessagesSnapshotEvent.model_validate({"messages": [*_said_before(earlier), *self.messages]})
        yield StateSnapshotEvent(snapshot=dict(state))

    def waits(self, plan_id: str) -> "Iterator[BaseEvent]":
        """The call that stands until a human has decided."""
        yield from self._all_over()
        yield from self._called(apply_call(plan_id), APPLY, {"plan_id": plan_id})
        self._calls.remove(apply_call(plan_id))

    def went_on(self, plan_id: str, outcome: str) -> "Iterator[BaseEvent]":
        """What came of the call that stood."""
        yield from self._text_over()
        yield from self._answered(apply_call(plan_id), outcome)

    def finished(self, **fields: Any) -> "Iterator[BaseEvent]":
        """The last event of a run that did not fail: `outcome`, `result` and `usage` as AG-UI has them."""
        from ag_ui.core import RunFinishedEvent

        yield from self._all_over()
        given = {key: value for key, value in fields.items() if value is not None}
        yield RunFinishedEvent(thread_id=self._thread, run_id=self._run_id, **given)

    def failed(self, error: OpstwinError, code: str = "") -> "Iterator[BaseEvent]":
        """The last event of a run that failed: what happened and what to do, free of secrets."""
        from ag_ui.core import RunErrorEvent

        yield from self._all_over()
        words = redacted(f"{error.message} {error.next_step}".strip())
        more = {"next_step": redacted(error.next_step), "thread_id": self._thread, "run_id": self._run_id}
        yield RunErrorEvent(message=words, code=code or error.code, metadata=more)

    def _said(self, text: str) -> "Iterator[BaseEvent]":
        from ag_ui.core import TextMessageContentEvent, TextMessageStartEvent

        if not text:
            return
        if not self._text_id:
            self._text_id = self._id("text")
            yield TextMessageStartEvent(message_id=self._text_id, role="assistant")
        self._text += text
        yield TextMessageContentEvent(message_id=self._text_id, delta=text)

    def _text_over(self) -> "Iterator[BaseEvent]":
        from ag_ui.core import TextMessageEndEvent

        if self._text_id:
            self.messages.append({"id": self._text_id, "role": "assistant", "content": self._text})
            yield TextMessageEndEvent(message_id=self._text_id)
            self._text_id = self._text = ""

    def _all_over(self) -> "Iterator[BaseEvent]":
        """Close what is open: a run ends with no message, call or step left open."""
        from ag_ui.core import StepFinishedEvent

        yield from self._text_over()
        for call_id in list(self._calls):
            yield from self._answered(call_id, "It was not finished.")
        for name in reversed(self._steps):
            yield StepFinishedEvent(step_name=name)
        self._steps.clear()

    def _called(self, call_id: str, name: str, arguments: Mapping[str, Json], title: str = "") -> "Iterator[BaseEvent]":
        from ag_ui.core import ToolCallArgsEvent, ToolCallEndEvent, ToolCallStartEvent

        said = json.dumps(dict(arguments), ensure_ascii=False, default=str)
        call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": said}}
        # AG-UI's clients call the message by the call's id, where no other message is named as its parent.
        self.messages.append({"id": call_id, "role": "assistant", "toolCalls": [call]})
        self._calls.append(call_id)
        more = {"title": title} if title else None
        yield ToolCallStartEvent(tool_call_id=call_id, tool_call_name=name, metadata=more)
        yield ToolCallArgsEvent(tool_call_id=call_id, delta=said)
        yield ToolCallEndEvent(tool_call_id=call_id)

    def _answered(self, call_id: str, summary: str, *, failed: bool = False) -> "Iterator[BaseEvent]":
        from ag_ui.core import ToolCallResultEvent

        id = self._id("result")
        message = {"id": id, "role": "tool", "toolCallId": call_id, "content": summary}
        self.messages.append(message | ({"error": summary} if failed else {}))
        if call_id in self._calls:
            self._calls.remove(call_id)
        more = {"failed": True} if failed else None
        yield ToolCallResultEvent(message_id=id, tool_call_id=call_id, content=summary, role="tool", metadata=more)

    def _step(self, event: agent.StepBegan) -> "Iterator[BaseEvent]":
        from ag_ui.core import StepStartedEvent

        self._steps.append(event.name)
        yield StepStartedEvent(step_name=event.name)

    def _step_over(self, event: agent.StepEnded) -> "Iterator[BaseEvent]":
        from ag_ui.core import StepFinishedEvent

        if event.name in self._steps:
            self._steps.remove(event.name)
            yield StepFinishedEvent(step_name=event.name)

    def _tool(self, event: agent.ToolBegan) -> "Iterator[BaseEvent]":
        yield from self._called(self._own(event.call_id), event.name, event.arguments, event.title)

    def _tool_over(self, event: agent.ToolEnded) -> "Iterator[BaseEvent]":
        if self._own(event.call_id) in self._calls:
            yield from self._answered(self._own(event.call_id), event.summary, failed=event.failed)

    def _plan(self, event: agent.PlanShown) -> "Iterator[BaseEvent]":
        from ag_ui.core import ActivitySnapshotEvent

        id = self._id(PLAN)
        self.messages.append({"id": id, "role": "activity", "activityType": PLAN, "content": dict(event.card)})
        yield ActivitySnapshotEvent(message_id=id, activity_type=PLAN, content=dict(event.card))

    def _progress(self, event: agent.Progress) -> "Iterator[BaseEvent]":
        from ag_ui.core import CustomEvent

        yield CustomEvent(name="progress", value={"executionId": event.execution_id, "message": event.message})

    def _own(self, call_id: str) -> str:
        """The id of a call that no other run has: clients keep calls of all runs side by side."""
        return f"{self._run_id}-{call_id}"

    def _id(self, kind: str) -> str:
        self._number += 1
        return f"{self._run_id}-{kind}-{self._number}"


_WRITES: Final[Mapping[type[Any], Callable[[Scribe, Any], "Iterator[BaseEvent]"]]] = {
    agent.StepBegan: Scribe._step, agent.StepEnded: Scribe._step_over, agent.ToolBegan: Scribe._tool,
    agent.ToolEnded: Scribe._tool_over, agent.PlanShown: Scribe._plan, agent.Progress: Scribe._progress,
}  # fmt: skip


def _said_before(remarks: Sequence[Remark]) -> Iterator[dict[str, Any]]:
    for remark in remarks:
        yield {"id": remark.id, "role": remark.by, "content": remark.text}
