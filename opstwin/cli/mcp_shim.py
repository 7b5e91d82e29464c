"""`opstwin mcp`: one client's messages from stdin to the hub, the hub's to stdout. Standard library only.

Requests run side by side, each in a thread. Notifications and answers go in their order, before what follows them.
"""

import contextlib
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable
from typing import Any, Final, NoReturn

from opstwin.cli.exits import CliError, Exit
from opstwin.cli.mcp_messages import CANCELLED, LISTEN, Message, Unreadable, failed, refused
from opstwin.cli.mcp_options import Options
from opstwin.cli.mcp_relay import Job, Relay

MAX_AT_ONCE: Final = 64
"""Requests of one client that are with the hub at the same time; further ones wait. Streams do not count."""

DRAIN_S: Final = 30.0
"""How long answers under way may still take when the client has closed stdin."""


class Shim:
    """One client. `lines` are its messages, `out` the file descriptor where it reads."""

    def __init__(self, options: Options, lines: Iterable[bytes], out: int) -> None:
        self._lines, self._out = lines, out
        self._relay = Relay(options, self.write)
        self._writing, self._lock = threading.Lock(), threading.Condition()
        self._jobs: dict[Any, Job] = {}
        self._waiting: deque[Job] = deque()
        self._running = 0

    def run(self) -> None:
        """Serve the client until it closes its end."""
        try:
            for line in self._lines:
                if line.strip():
                    self._take(line.strip())
            with self._lock:
                self._lock.wait_for(lambda: not self._running, DRAIN_S)
        finally:
            self._relay.close()

    def write(self, data: bytes) -> None:
        """One message for the client, on one line. A client that reads no more is gone: the process ends."""
        rest = data.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
        with self._writing:
            try:
                while rest:
                    rest = rest[os.write(self._out, rest) :]
            except OSError:
                os._exit(Exit.OK)

    def _take(self, line: bytes) -> None:
        try:
            message = Message(line)
        except Unreadable as error:
            self.write(refused(error.id, error.code, error.reason))
            return
        job = Job(message)
        if message.method == CANCELLED:
            self._cancel(job)
        elif message.is_request:
            self._begin(job)
        else:
            self._now(job)

    def _cancel(self, job: Job) -> None:
        """Stop a request: one of the stateless era by cutting its answer off, an older one by telling the hub."""
        named = self._jobs.get(_key(job.message.params.get("requestId")))
        if named is not None:
            named.cancel()
        if self._relay.session.id and not (named is not None and named.message.revision):
            self._now(job)

    def _now(self, job: Job) -> None:
        """Carry a message that has no answer; what goes wrong is only for the log."""
        try:
            self._relay.carry(job)
        except CliError as error:
            what = job.message.method or "An answer"
            sys.stderr.write(f"{what} did not reach the hub: {error.message} {error.next_step}\n")

    def _begin(self, job: Job) -> None:
        self._jobs[_key(job.message.id)] = job
        if job.message.method == LISTEN:
            threading.Thread(target=self._answer, args=(job,), daemon=True).start()
            return
        with self._lock:
            if self._running >= MAX_AT_ONCE:
                self._waiting.append(job)
                return
            self._running += 1
        threading.Thread(target=self._work, args=(job,), daemon=True).start()

    def _work(self, job: Job) -> None:
        try:
            self._answer(job)
        finally:
            self._next()

    def _next(self) -> None:
        """Begin what waits for its turn, in place of what has ended."""
        with self._lock:
            if not self._waiting:
                self._running -= 1
                self._lock.notify_all()
                return
            job = self._waiting.popleft()
        threading.Thread(target=self._work, args=(job,), daemon=True).start()

    def _answer(self, job: Job) -> None:
        """Whatever happens, the client gets an answer; what nobody foresaw goes on to the log on stderr."""
        error: CliError | None = _unforeseen()
        try:
            self._relay.carry(job)
            error = None
        except CliError as known:
            error = known
        finally:
            if error is not None and not job.is_cancelled:
                self.write(failed(job.message.id, error))
            if self._jobs.get(_key(job.message.id)) is job:
                del self._jobs[_key(job.message.id)]


def _unforeseen() -> CliError:
    return CliError(
        Exit.ERROR, "The program beside the client failed on this message.", code="error",
        next_step="Its log on stderr says why; restart the MCP server in the client.",
    )  # fmt: skip


def _key(id: Any) -> tuple[str, str]:
    """An id as it can be looked up: 1 is not "1"."""
    return type(id).__name__, str(id)


def serve(options: Options) -> NoReturn:
    """Serve one client on stdin and stdout; ends the process."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if sys.stdin.isatty():
        sys.stderr.write("Waiting for an MCP client on stdin. Clients start this themselves: opstwin mcp install\n")
    out = os.dup(1)
    os.dup2(2, 1)
    with contextlib.suppress(KeyboardInterrupt):
        Shim(options, sys.stdin.buffer, out).run()
    sys.stderr.flush()
    # Threads may still wait for the hub; nothing of theirs is left to do.
    os._exit(Exit.OK)
