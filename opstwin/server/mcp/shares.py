"""How many sessions of the handshake era one account may hold open, so that none takes all of them."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Message, Send

SESSION_HEADER: Final = "mcp-session-id"
MAX_OF_ONE: Final = 200
"""Sessions of one account: a tenth of all. A client has one for each of its windows."""


@dataclass(slots=True)
class Shares:
    """The open sessions by account, with the moment of their last request (seconds of a monotonic clock)."""

    idle_s: float
    _open: dict[str, OrderedDict[str, float]] = field(default_factory=dict)

    def is_used_up(self, account: str, now_s: float) -> bool:
        """Whether the account must end a session before it opens another."""
        sessions = self._open.get(account, OrderedDict())
        while sessions and now_s - next(iter(sessions.values())) > self.idle_s:
            sessions.popitem(last=False)
        if not sessions:
            self._open.pop(account, None)
        return len(sessions) >= MAX_OF_ONE

    def touched(self, account: str, session: str, now_s: float) -> None:
        """A request of an open session came; of others nothing is kept."""
        sessions = self._open.get(account)
        if sessions is not None and session in sessions:
            sessions[session] = now_s
            sessions.move_to_end(session)

    def ended(self, account: str, session: str) -> None:
        """The client ended a session."""
        sessions = self._open.get(account)
        if sessions is not None:
            sessions.pop(session, None)

    def opening(self, account: str, now_s: float, send: Send) -> Send:
        """`send`, which takes note of the session that an answer opens."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                session = Headers(raw=message["headers"]).get(SESSION_HEADER)
                if session:
                    self._open.setdefault(account, OrderedDict())[session] = now_s
            await send(message)

        return sending
