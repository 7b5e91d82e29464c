"""What the chat's face needs of conversations (`opstwin.agent.conversing`)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from opstwin.agent.events import AgentEvent
from opstwin.tools.registry import Caller


class Talk(Protocol):
    """Conversations. Threads are named by ids that no two owners share."""

    def say(self, thread_id: str, caller: Caller, text: str) -> AsyncIterator[AgentEvent]:
        """One turn, event by event. Whoever stops reading ends the model's call, and never a running execution."""
        ...

    def go_on(self, thread_id: str, caller: Caller) -> AsyncIterator[AgentEvent]:
        """The turn after a human decided. It reads the decision from the twin; without one it waits as before."""
        ...

    async def forget(self, thread_id: str) -> None:
        """Keep nothing of this thread."""
        ...


Talks = Callable[[], Awaitable[Talk]]
"""Opens the conversations when the first turn is asked for. Raises `ModelError` where what they need is missing."""
