"""HTTP to the hub with the standard library: connections that are kept, answers that can be cut off from outside."""

import contextlib
import http.client
import json
import select
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from opstwin.cli.context import Context
from opstwin.cli.exits import CliError, Exit, from_problem

CONNECT_S: Final = 5.0
ASK_S: Final = 30.0
"""How long a short call of our own may take."""

_KEPT_S: Final = 4.0
"""How long an idle connection is used again; a hub closes it after five seconds."""

_END_S: Final = 0.25
"""How long the end of an event stream may take after its last event."""

_FAILURES: Final = (OSError, http.client.HTTPException, ValueError)
"""What the library raises for breaks, for answers that are no HTTP, and for addresses that are none."""


class Lost(Exception):
    """The connection broke before the whole answer was there; `begun` says whether some of it was."""

    def __init__(self, reason: str, *, begun: bool = False) -> None:
        super().__init__(reason)
        self.begun = begun


class Exchange:
    """One request and its answer. `cut` may be called from any thread, at any time; reading it then raises `Lost`."""

    def __init__(self, wire: "Wire", url: str) -> None:
        self._wire = wire
        self._at = urlsplit(url)
        self._line: http.client.HTTPConnection | None = None
        self._answer: http.client.HTTPResponse | None = None
        self._socket: socket.socket | None = None
        self.was_cut = False

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, limit_s: float | None
    ) -> int:
        """Send the request; returns the status of the answer. `limit_s` is the longest silence. Raises `Lost`."""
        try:
            line = self._line = self._wire.taken(self._at)
            self._socket = line.sock
            self._socket.settimeout(limit_s)
            if self.was_cut:
                raise ConnectionAbortedError
            self._put(line, method, self._at.path.rstrip("/") + path, headers, body)
            self._answer = line.getresponse()
        except _FAILURES as error:
            self.close()
            raise Lost(str(error) if isinstance(error, ValueError) else type(error).__name__) from error
        return self._answer.status

    def _put(
        self, line: http.client.HTTPConnection, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> None:
        """Send. A hub that has enough of a body stops reading it; what it answers is there nevertheless."""
        try:
            line.request(method, path, body, dict(headers))
        except (BrokenPipeError, ConnectionResetError):
            if not body or len(body) < 1 << 16:
                raise

    def header(self, name: str) -> str:
        """A header of the answer, empty where it has none."""
        return (self._answer.headers.get(name) or "") if self._answer is not None else ""

    def read(self) -> bytes:
        """The whole body. Raises `Lost`."""
        assert self._answer is not None
        try:
            found = self._answer.read()
        except _FAILURES as error:
            self.close()
            raise Lost(f"{type(error).__name__}", begun=True) from error
        self._over()
        return found

    def messages(self) -> Iterator[bytes]:
        """Each message of the body: a body of JSON is one, an event stream any number. Raises `Lost` at a break."""
        if not self.header("Content-Type").lower().startswith("text/event-stream"):
            body = self.read()
            if body:
                yield body
            return
        data: list[bytes] = []
        for line in self._lines():
            if line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" "))
            elif not line and data:
                if any(data):
                    yield b"\n".join(data)
                data = []
        self._over()

    def finish(self) -> None:
        """Read what is left, which is nothing but the end, to use the connection again; let go of it otherwise."""
        if self._line is None or self._answer is None or self._socket is None:
            return
        try:
            self._socket.settimeout(_END_S)
            self._answer.read()
        except _FAILURES:
            self.close()
        self._over()

    def _lines(self) -> Iterator[bytes]:
        """The lines of an event stream (WHATWG HTML, 9.2) to its end."""
        assert self._answer is not None
        while True:
            try:
                line = self._answer.readline()
            except _FAILURES as error:
                self.close()
                raise Lost(f"{type(error).__name__}", begun=True) from error
            if not line:
                return
            yield line.rstrip(b"\r\n")

    def _over(self) -> None:
        """Keep the connection when the answer was read to its end."""
        line, self._line = self._line, None
        if line is None or self.was_cut or self._answer is None or self._answer.will_close:
            self.close()
        elif self._answer.isclosed():
            self._wire.keep(self._at, line)

    def cut(self) -> None:
        """Break it off; whoever reads it learns so at once."""
        self.was_cut = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection."""
        for part in (self._answer, self._line):
            if part is not None:
                with contextlib.suppress(OSError):
                    part.close()


class Wire:
    """Connections to hubs; each carries one exchange at a time and is then used again."""

    def __init__(self) -> None:
        self._idle: list[tuple[SplitResult, http.client.HTTPConnection, float]] = []
        self._lock = threading.Lock()

    def taken(self, at: SplitResult) -> http.client.HTTPConnection:
        """An open connection. Raises `OSError`, and `ValueError` for what is no address."""
        with self._lock:
            while self._idle:
                place, line, since = self._idle.pop()
                if place == at and time.monotonic() - since < _KEPT_S and _is_open(line):
                    return line
                line.close()
        if at.scheme not in ("http", "https") or not at.hostname:
            raise ValueError("an address begins with http:// or https:// and a host")
        kind = http.client.HTTPSConnection if at.scheme == "https" else http.client.HTTPConnection
        fresh = kind(at.hostname, at.port, timeout=CONNECT_S)
        fresh.connect()
        fresh.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return fresh

    def keep(self, at: SplitResult, line: http.client.HTTPConnection) -> None:
        """Keep a connection for the next exchange."""
        with self._lock:
            self._idle.append((at, line, time.monotonic()))

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            while self._idle:
                self._idle.pop()[1].close()

    def asked(self, hub: Context, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What the hub answers to a short call of its HTTP API, made as a person does. Raises `CliError`."""
        headers = {"Accept": "application/json", "Authorization": f"Bearer {hub.token}", "X-Opstwin-Face": "cli"}
        sent = None if body is None else json.dumps(body).encode()
        exchange = Exchange(self, hub.url)
        try:
            kind = {} if sent is None else {"Content-Type": "application/json"}
            status = exchange.send(method, path, headers | kind, sent, ASK_S)
            found = parsed(exchange.read())
        except Lost as error:
            raise away(hub.url, error) from error
        if status >= 400:
            raise from_problem({"detail": f"The hub answered {status}."} | found)
        return found


def _is_open(line: http.client.HTTPConnection) -> bool:
    """Whether the hub has not closed an idle connection; anything to read there means that it has."""
    try:
        return not select.select([line.sock], [], [], 0)[0]
    except (OSError, ValueError):
        return False


def parsed(body: bytes) -> dict[str, Any]:
    """A body as a JSON object, empty when it is something else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def away(url: str, error: Exception) -> CliError:
    """That the hub does not answer, and how to start it."""
    return CliError(
        Exit.UNREACHABLE, f"The hub at {url} does not answer ({error}).", next_step="Start it: opstwin up",
        code="hub_unreachable",
    )  # fmt: skip
