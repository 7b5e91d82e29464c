"""Conversations that follow a script: for whoever tries a face without a planner."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from opstwin.agent.events import AgentEvent, Ended, Said
from opstwin.tools.registry import Caller

Line = AgentEvent | asyncio.Event | Exception
"""What happens next: an event, a wait until somebody sets it, or a failure."""

NOTHING: Final[Sequence[Line]] = (
    Said(text="Nothing to say."), Ended(outcome="answered", source="fallback", why="the script is over"),
)  # fmt: skip


@dataclass(slots=True)
class ScriptedTalk:
    """Plays one script for each thing that is said, and one for each time that it goes on.

    `said` and `went_on` tell what was asked, `left` counts turns that nobody read to their end.
    """

    answers: list[Sequence[Line]] = field(default_factory=list)
    continued: list[Sequence[Line]] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)
    went_on: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)
    left: int = 0

    async def say(self, thread_id: str, caller: Caller, text: str) -> AsyncIterator[AgentEvent]:
        """The next of `answers`; after the last one, that there is nothing to say."""
        self.said.append((thread_id, text))
        self.callers.append(caller)
        async for event in self._played(self.answers.pop(0) if self.answers else NOTHING):
            yield event

    async def go_on(self, thread_id: str, caller: Caller) -> AsyncIterator[AgentEvent]:
        """The next of `continued`, likewise."""
        self.went_on.append(thread_id)
        self.callers.append(caller)
        async for event in self._played(self.continued.pop(0) if self.continued else NOTHING):
            yield event

    async def forget(self, thread_id: str) -> None:
        """Note that it was asked for."""
        self.forgotten.append(thread_id)

    async def _played(self, script: Sequence[Line]) -> AsyncIterator[AgentEvent]:
        ended = False
        try:
            for line in script:
                if isinstance(line, asyncio.Event):
                    await line.wait()
                elif isinstance(line, Exception):
                    raise line
                else:
                    yield line
            ended = True
        finally:
            self.left += not ended
