"""Any MCP server on pipes, asked the way a client of the handshake era asks it."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from benchmarks.mcp_spawn import HANDSHAKE

ANSWERS_WITHIN_S = 60.0
ENDS_WITHIN_S = 5.0


class NoAnswerError(Exception):
    """The server ended, refused or stayed silent; the message is its own words where it left any."""


class StdioServer:
    """One server process; `opened` makes and ends it."""

    def __init__(self, process: "subprocess.Popen[bytes]", errors: IO[bytes]) -> None:
        self._process, self._errors, self._asked = process, errors, 0

    def tell(self, method: str, params: Any = None, **more: Any) -> None:
        """Send one message and wait for nothing."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            message = {"jsonrpc": "2.0", "method": method, "params": params or {}, **more}
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def ask(self, method: str, params: Any = None) -> dict[str, Any]:
        """The result of one request. Raises NoAnswerError."""
        self._asked += 1
        self.tell(method, params, id=self._asked)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = _message(line)
            if "method" in answer or answer.get("id") != self._asked:
                continue
            if "error" in answer:
                raise NoAnswerError(str(answer["error"].get("message")))
            return dict(answer["result"])
        raise NoAnswerError(self._last_words())

    def tools(self) -> list[dict[str, Any]]:
        """Shake hands, then all definitions, page by page."""
        self.ask("initialize", HANDSHAKE)
        self.tell("notifications/initialized")
        found: list[dict[str, Any]] = []
        page = self.ask("tools/list")
        while page.get("nextCursor"):
            found += page["tools"]
            page = self.ask("tools/list", {"cursor": page["nextCursor"]})
        return [*found, *page["tools"]]

    def _last_words(self) -> str:
        if self._process.wait() == -signal.SIGKILL:
            return f"no answer within {ANSWERS_WITHIN_S:.0f} s"
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors.read().decode(errors="replace").splitlines() if line.strip()]
        blamed = [line for line in lines if "error" in line.lower()]
        return (blamed or lines or ["it ended and said nothing"])[0][:200]


def _message(line: bytes) -> dict[str, Any]:
    """A line of the protocol; empty for what some servers print beside it."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@contextlib.contextmanager
def opened(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[StdioServer]:
    """A server in a process group of its own, ended with all of it; killed after `ANSWERS_WITHIN_S`."""
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                         start_new_session=True) as process,
    ):  # fmt: skip
        limit = threading.Timer(ANSWERS_WITHIN_S, os.killpg, (process.pid, signal.SIGKILL))
        limit.start()
        try:
            yield StdioServer(process, errors)
        finally:
            limit.cancel()
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def seconds_to_tools(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """From the start of the process to the last definition. Raises NoAnswerError."""
    begin = time.perf_counter()
    with opened(command, environment) as server:
        server.tools()
        return time.perf_counter() - begin
