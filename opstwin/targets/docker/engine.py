"""Calls to one engine from async code: worker threads, a deadline for each call, typed errors, and counting."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

import requests
from docker.errors import DockerException
from docker.tls import TLSConfig

from opstwin.errors import LimitExceeded, OpstwinError, Rejected, Unreachable
from opstwin.targets.docker.client import PROBE_VERSION, Deadline, EngineClient
from opstwin.targets.docker.failures import FAILURES, timed_out, translated

T = TypeVar("T")

THREADS: Final = 32
"""Calls at one time: enough to measure 50 containers in two rounds, with some left for people and steps."""

MAX_STREAMS: Final = 32
"""Event and log streams open at one time; each holds a thread."""

CHUNK_BYTES: Final = 64 * 1024
GRACE_S: Final = 0.5
"""How much longer than its deadline a call is waited for: its socket gives up first and knows more of what happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an engine is, and the files that prove us to it (TLS both ways) or empty texts."""

    endpoint: str
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def tls(self) -> TLSConfig | None:
        """The SDK's form; raises `DockerException` when a file is not there."""
        if not self.cert_file:
            return None
        return TLSConfig(client_cert=(self.cert_file, self.key_file), ca_cert=self.ca_file or None, verify=True)


class Engine:
    """One Docker Engine. Nothing is connected before the first call."""

    def __init__(self, place: Place, *, on_call: Callable[[str], None], timeout_s: float = 10.0) -> None:
        self.place, self.timeout_s = place, timeout_s
        self._on_call = on_call
        self._calls = ThreadPoolExecutor(THREADS, thread_name_prefix="docker-call")
        self._streams = ThreadPoolExecutor(MAX_STREAMS, thread_name_prefix="docker-stream")
        self._open: set[EngineStream] = set()
        self._connecting = threading.Lock()
        self._client: EngineClient | None = None
        self._clients: set[EngineClient] = set()
        self._is_closed = False

    def deadline(self, seconds: float | None = None) -> Deadline:
        """`seconds` from now, by default the time that one call gets."""
        return Deadline.after(self.timeout_s if seconds is None else seconds)

    async def call(self, operation: str, run: Callable[[EngineClient], T], deadline: Deadline | None = None) -> T:
        """What `run` returns for the client. `on_call` hears `operation:outcome` afterwards.

        Raises `NotFound` (on an engine's positive 404 only), `Rejected`, `Unreachable` or `Timeout`.
        """
        if self._is_closed:
            raise Unreachable(f"The connection to {self.place.endpoint} was closed.", next_step="Start the hub again.")
        until = deadline or self.deadline()
        return await self._counted(operation, self._within(self._calls, operation, run, until))

    async def open(
        self, operation: str, run: Callable[[EngineClient], requests.Response], *, idle_s: float | None
    ) -> "EngineStream":
        """The stream that `run` starts; it ends with an error when nothing comes for `idle_s`.

        Raises like `call`, and `LimitExceeded` when too many streams are open.
        """
        if len(self._open) >= MAX_STREAMS:
            raise LimitExceeded(
                f"{MAX_STREAMS} streams of {self.place.endpoint} are open already.", next_step="Close one of them."
            )
        response = await self.call(operation, run)
        stream = EngineStream(self._streams, response, self._open.discard)
        stream.wait_for(idle_s)
        self._open.add(stream)
        return stream

    async def offload(self, work: Callable[[], T]) -> T:
        """`work()` in a worker thread; for files, not for the engine."""
        return await asyncio.get_running_loop().run_in_executor(self._calls, work)

    async def close(self) -> None:
        """End all streams and connections, those in use too."""
        self._is_closed = True
        for stream in tuple(self._open):
            await stream.close()
        self._calls.shutdown(wait=False, cancel_futures=True)
        self._streams.shutdown(wait=False, cancel_futures=True)
        for client in tuple(self._clients):
            client.close()

    async def _within(
        self, pool: ThreadPoolExecutor, operation: str, run: Callable[[EngineClient], T], deadline: Deadline
    ) -> T:
        work = asyncio.get_running_loop().run_in_executor(pool, self._run, operation, run, deadline)
        try:
            async with asyncio.timeout(deadline.left_s() + GRACE_S):
                return await work
        except TimeoutError:
            raise timed_out(operation, self.place.endpoint) from None

    async def _counted(self, operation: str, call: Awaitable[T]) -> T:
        outcome = "cancelled"
        try:
            result = await call
            outcome = "ok"
            return result
        except OpstwinError as error:
            outcome = error.code
            raise
        finally:
            self._on_call(f"{operation}:{outcome}")

    def _run(self, operation: str, run: Callable[[EngineClient], T], deadline: Deadline) -> T:
        """In a worker thread."""
        try:
            if deadline.left_s() <= 0:
                raise timed_out(operation, self.place.endpoint)
            return run(self._connected(deadline).until(deadline))
        except FAILURES as error:
            raise translated(error, operation, self.place.endpoint) from error

    def _connected(self, deadline: Deadline) -> EngineClient:
        if self._client is not None:
            return self._client
        # Whoever waits here behind a hanging engine has a deadline of its own.
        if not self._connecting.acquire(timeout=deadline.left_s()):
            raise timed_out("version", self.place.endpoint)
        try:
            if self._client is None:
                self._client = self._made(self._spoken(deadline))
            return self._client
        finally:
            self._connecting.release()

    def _spoken(self, deadline: Deadline) -> str:
        probe = self._made(PROBE_VERSION)
        try:
            return probe.until(deadline).spoken_version()
        finally:
            probe.close()
            self._clients.discard(probe)

    def _made(self, version: str) -> EngineClient:
        try:
            made = EngineClient(self.place.endpoint, version=version, tls=self.place.tls(), connections=THREADS)
        except DockerException as error:
            raise Rejected(
                f"Target address {self.place.endpoint} cannot be used: {error}.",
                next_step="Correct the target's address and its TLS files.",
            ) from error
        self._clients.add(made)
        return made


class EngineStream:
    """What an engine sends on and on, read piece by piece, so that a slow reader slows the engine and not us."""

    def __init__(
        self, pool: ThreadPoolExecutor, response: requests.Response, closed: Callable[["EngineStream"], None]
    ) -> None:
        self._pool, self._response, self._closed = pool, response, closed
        self._reading: asyncio.Future[bytes] | None = None

    async def read(self) -> bytes:
        """The next bytes; empty at the end, however it came."""
        self._reading = asyncio.get_running_loop().run_in_executor(self._pool, self._read)
        return await asyncio.shield(self._reading)

    def wait_for(self, idle_s: float | None) -> None:
        """From now on, let a read wait so long, or for ever."""
        sock = self._socket()
        if sock is not None:
            sock.settimeout(idle_s)

    async def close(self) -> None:
        """End the stream, also while a read waits."""
        self._closed(self)
        sock = self._socket()
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        if self._reading is not None:
            with suppress(OpstwinError):
                await asyncio.shield(self._reading)
        self._response.close()

    def _read(self) -> bytes:
        try:
            # urllib3 returns None where the underlying reader has no more.
            return self._response.raw.read1(CHUNK_BYTES) or b""
        except FAILURES:
            return b""

    def _socket(self) -> socket.socket | None:
        """The socket below; `requests` has no public way to it, and the SDK goes the same way."""
        http = getattr(self._response.raw, "_fp", None)
        reader = getattr(getattr(http, "fp", None), "raw", None)
        sock = getattr(reader, "_sock", None)
        return sock if isinstance(sock, socket.socket) else None
