"""What a client of the handshake era (to 2025-11-25) has with the hub: a session, and a stream of the hub's messages.

A hub that was restarted knows no session. It is then opened again with what the client sent at the start, so that the
client need not notice.
"""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from opstwin.cli.context import Context
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.mcp_door import Door
from opstwin.cli.mcp_messages import INITIALIZED, Message
from opstwin.cli.mcp_wire import ASK_S, Exchange, Lost, Wire, parsed

ALWAYS: Final = {
    "Accept": "application/json, text/event-stream", "Content-Type": "application/json", "X-Opstwin-Face": "mcp",
}  # fmt: skip
AGAIN_S: Final = 1.0
"""How long to wait before a broken stream is opened again."""

LEAVE_S: Final = 1.0
_REMEMBERED: Final = {"resources/subscribe": "resources/unsubscribe", "logging/setLevel": ""}
"""What a client told the session once and is not told again: by which method it is taken back."""

Write = Callable[[bytes], None]


class Session:
    """The session of one client. `write` gets what the hub sends by itself."""

    def __init__(self, wire: Wire, door: Door, path: str, write: Write) -> None:
        self._wire, self._door, self._path, self._write = wire, door, path, write
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._opening = b""
        self._told: dict[tuple[str, str], Message] = {}
        self._stream: Exchange | None = None
        self.id = ""
        self.revision = ""

    def headers(self, hub: Context) -> dict[str, str]:
        """What every message of the session carries."""
        return _with_token(hub) | _named(self.id, self.revision)

    def forget(self) -> None:
        """A client that shakes hands begins anew."""
        if self._stream is not None:
            self._stream.cut()
        self.id = self.revision = ""
        self._told.clear()

    def opened(self, opening: bytes, id: str, answer: Mapping[str, Any]) -> None:
        """The hub took the client's `initialize`."""
        result = answer.get("result")
        if isinstance(result, dict):
            self._opening, self.id, self.revision = opening, id, str(result.get("protocolVersion", ""))

    def remember(self, message: Message) -> None:
        """Keep what must be said again in a new session."""
        for method, undone in _REMEMBERED.items():
            if message.method in (method, undone):
                subject = (method, str(message.params.get("uri", "")))
                self._told.pop(subject, None)
                if message.method == method:
                    self._told[subject] = message

    def renew(self, stale: str) -> None:
        """Open a session in place of `stale`, which the hub does not know, unless that was done. Raises `CliError`."""
        with self._lock:
            if self.id != stale or not self._opening:
                return
            hub = self._door.hub()
            exchange, answer = self._asked(hub, _as_ours(Message(self._opening)), {})
            new = _named(exchange.header("Mcp-Session-Id"), str(answer.get("result", {}).get("protocolVersion", "")))
            self._asked(hub, json.dumps({"jsonrpc": "2.0", "method": INITIALIZED}).encode(), new)
            for message in list(self._told.values()):
                self._asked(hub, _as_ours(message), new)
            # Only now, so that no other message comes before these.
            self.opened(self._opening, exchange.header("Mcp-Session-Id"), answer)
        self.listen()

    def _asked(self, hub: Context, raw: bytes, own: dict[str, str]) -> tuple[Exchange, dict[str, Any]]:
        """Send a message of our own; returns the last message of the answer. Raises `CliError`."""
        exchange = Exchange(self._wire, hub.url)
        try:
            status = exchange.send("POST", self._path, _with_token(hub) | own, raw, ASK_S)
            answers = [parsed(data) for data in exchange.messages()]
        except Lost as lost:
            raise _not_opened(str(lost)) from lost
        if status >= 300 or (answers and "error" in answers[-1]):
            raise _not_opened(f"it answered {status}")
        return exchange, answers[-1] if answers else {}

    def listen(self) -> None:
        """Pass on what the hub sends by itself, from now until the session is over."""
        if self.id:
            threading.Thread(target=self._listen, args=(self.id,), daemon=True).start()

    def _listen(self, id: str) -> None:
        while self.id == id and not self._over.is_set():
            try:
                if not self._heard(id):
                    return
            except (Lost, CliError):
                # The hub is away; whoever sends the next message is told so.
                pass
            self._over.wait(AGAIN_S)

    def _heard(self, id: str) -> bool:
        """Read one stream to its end. Returns whether another should be opened."""
        hub = self._door.running_hub()
        stream = self._stream = Exchange(self._wire, hub.url)
        try:
            status = stream.send("GET", self._path, self.headers(hub), None, None)
            for data in stream.messages() if status == 200 else ():
                self._write(data)
        except Lost:
            self._door.lost(hub)
            raise
        stream.close()
        if status == 404:
            self.renew(id)
        return status == 200 or status >= 500

    def close(self) -> None:
        """Tell the hub that the client is gone."""
        self._over.set()
        if self._stream is not None:
            self._stream.cut()
        if not self.id:
            return
        try:
            hub = self._door.running_hub()
            exchange = Exchange(self._wire, hub.url)
            exchange.send("DELETE", self._path, self.headers(hub), None, LEAVE_S)
            exchange.close()
        except (Lost, CliError):
            # It ends by itself after a while without messages.
            return


def _with_token(hub: Context) -> dict[str, str]:
    return ALWAYS | {"Authorization": f"Bearer {hub.token}"}


def _named(session: str, revision: str) -> dict[str, str]:
    own = {"Mcp-Session-Id": session, "MCP-Protocol-Version": revision}
    return {name: text for name, text in own.items() if text}


def _as_ours(message: Message) -> bytes:
    """A message of the client with an id that it does not use itself."""
    return json.dumps({**message.body, "id": f"opstwin-{message.method}"}).encode()


def _not_opened(reason: str) -> CliError:
    return CliError(
        Exit.UNREACHABLE, f"The hub was restarted and the session could not be opened again: {reason}.",
        next_step="Restart the MCP server in the client.", code="hub_unreachable",
    )  # fmt: skip
