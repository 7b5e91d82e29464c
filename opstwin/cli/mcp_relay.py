"""Carrying one message of the client to the hub and its answer back. Whatever goes wrong is an answer too."""

import json
import os
import threading
from typing import Any, Final

from opstwin.cli.context import Context
from opstwin.cli.exits import CliError, Exit, from_problem
from opstwin.cli.mcp_door import Door
from opstwin.cli.mcp_messages import INITIALIZED, LISTEN, Message, header_parameters, stateless_headers
from opstwin.cli.mcp_options import Options
from opstwin.cli.mcp_session import ALWAYS, Session, Write
from opstwin.cli.mcp_wire import Exchange, Lost, Wire, away, parsed

SILENCE_S: Final = 900.0
"""The longest silence on a call: longer than any tool may run. A stream of notifications may be silent for ever."""

_STEPS: Final = {
    401: ("The hub does not know this token.", "Set OPSTWIN_TOKEN to one of an agent: opstwin people add"),
    403: ("The hub refused this client.", "See who it is: opstwin people list"),
    404: ("The hub serves no MCP at this address.", "Update the hub, or leave --toolset out."),
    413: ("The message is too large for the hub.", "Send less at once."),
    429: ("There are too many calls.", "Send it again later."),
}
_FAILED: Final = "Send it again. If it stays so: opstwin doctor"


class Again(Exception):
    """The message must be sent again, once: `why`, and `error` when that was done already."""

    def __init__(self, why: str, error: CliError) -> None:
        super().__init__(why)
        self.why = why
        self.error = error


class Job:
    """One message under way. It may be cancelled from another thread at any time."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.key = ""
        self.is_cancelled = False
        self._exchange: Exchange | None = None

    def exchange(self, wire: Wire, url: str) -> Exchange:
        """A new exchange for it."""
        self._exchange = Exchange(wire, url)
        self._exchange.was_cut = self.is_cancelled and bool(self.message.revision)
        return self._exchange

    def cancel(self) -> None:
        """The client wants no answer. In the stateless era the hub learns of it by the break of the connection."""
        self.is_cancelled = True
        if self.message.revision and self._exchange is not None:
            self._exchange.cut()


class Relay:
    """The way of all messages of one client. `write` gets each message for it."""

    def __init__(self, options: Options, write: Write) -> None:
        self._path, self._write = options.path, write
        self._wire = Wire()
        self._door = Door(options, self._wire)
        self.session = Session(self._wire, self._door, self._path, write)
        self._parameters: dict[str, dict[tuple[str, ...], str]] = {}
        self._me, self._count, self._counting = os.urandom(16).hex(), 0, threading.Lock()

    def carry(self, job: Job) -> None:
        """Send the message and write its answer. It is sent again at most once for each reason. Raises `CliError`.

        A call of a tool carries a key, so that the hub does it once however often it arrives.
        """
        if job.message.method == "tools/call":
            job.key = self._new_key()
        tried: set[str] = set()
        while not (job.is_cancelled and job.message.is_request):
            try:
                return self._once(job)
            except Again as again:
                if again.why in tried:
                    raise again.error from again
                tried.add(again.why)
        return None

    def close(self) -> None:
        """Tell the hub that the client is gone."""
        self.session.close()
        self._wire.close()

    def _new_key(self) -> str:
        """Counted, and not the client's id: a client may use an id again after a new handshake."""
        with self._counting:
            self._count += 1
            return f"{self._me}-{self._count}"

    def _once(self, job: Job) -> None:
        message = job.message
        if message.method == "initialize":
            self.session.forget()
        hub, session = self._door.hub(), self.session.id
        exchange = job.exchange(self._wire, hub.url)
        try:
            limit_s = None if message.method == LISTEN else SILENCE_S
            status = exchange.send("POST", self._path, self._headers(job, hub), message.raw, limit_s)
            self._door.answered()
            if status >= 300:
                self._refused(job, hub, exchange, status, session)
            else:
                self._answered(job, exchange)
        except Lost as lost:
            if job.is_cancelled:
                return
            self._door.lost(hub)
            error = away(hub.url, lost)
            if lost.begun and message.method == LISTEN:
                raise error from lost
            raise Again("lost", error) from lost

    def _headers(self, job: Job, hub: Context) -> dict[str, str]:
        message = job.message
        headers = ALWAYS | {"Idempotency-Key": job.key} if job.key else ALWAYS
        if not message.revision:
            return headers | self.session.headers(hub)
        wanted = self._parameters.get(str(message.params.get("name")), {}) if job.key else {}
        return headers | {"Authorization": f"Bearer {hub.token}"} | stateless_headers(message, wanted)

    def _refused(self, job: Job, hub: Context, exchange: Exchange, status: int, session: str) -> None:
        """Put right what can be put right here, or write the hub's own error. Raises `Again` or `CliError`."""
        body = parsed(exchange.read())
        error = _failure(hub, status, exchange, body)
        if status == 401 and self._door.renewed(hub):
            raise Again("token", error)
        if status == 404 and session and not job.message.revision:
            self.session.renew(session)
            raise Again("session", error)
        if not isinstance(body.get("error"), dict) or not job.message.is_request:
            raise error
        self._passed_on(job, json.dumps(body).encode(), body)

    def _answered(self, job: Job, exchange: Exchange) -> None:
        """Write the messages of the answer up to the one that ends it. Raises `Lost` when that does not come."""
        message = job.message
        for data in exchange.messages():
            body = parsed(data)
            if "method" in body:
                if not job.is_cancelled:
                    self._write(data)
            elif message.is_request and ("result" in body or "error" in body):
                self._learn(message, exchange, body)
                self._passed_on(job, data, body)
                return exchange.finish()
        if message.is_request:
            raise Lost("it ended without an answer", begun=True)
        if message.method == INITIALIZED:
            self.session.listen()
        return None

    def _passed_on(self, job: Job, data: bytes, body: dict[str, Any]) -> None:
        if body.get("id") != job.message.id:
            data = json.dumps({**body, "id": job.message.id}).encode()
        if not job.is_cancelled:
            self._write(data)

    def _learn(self, message: Message, exchange: Exchange, body: dict[str, Any]) -> None:
        """Keep of an answer what later messages need."""
        result = body.get("result")
        if message.method == "initialize":
            self.session.opened(message.raw, exchange.header("Mcp-Session-Id"), body)
        elif message.method == "tools/list" and isinstance(result, dict):
            self._parameters |= header_parameters(result.get("tools"))
        elif isinstance(result, dict) and not message.revision:
            self.session.remember(message)


def _failure(hub: Context, status: int, exchange: Exchange, body: dict[str, Any]) -> CliError:
    """What an answer that is no success means, and the next step."""
    if "code" in body and "detail" in body:
        own = {"next_step": _STEPS[401][1]} if status == 401 else {}
        return from_problem(body | own)
    message, step = _STEPS.get(status, (f"The hub at {hub.url} answered {status}.", _FAILED))
    wait_s, place = exchange.header("Retry-After"), exchange.header("Location")
    if wait_s.isdigit():
        step = f"Send it again in {wait_s} s."
    if 300 <= status < 400 and place:
        step = f"Set OPSTWIN_URL to where the hub is: {place}"
    return CliError(Exit.ERROR, message, next_step=step, code=f"http_{status}")
