"""Asking an address over HTTP whether something is there, and taking no answer for a no.

Refused connections are told apart from silence, answers from anything that merely accepts a connection. Which address
may be asked (`opstwin.targets.reaching`) is decided after the name was resolved, each time anew, and the connection
then goes to the very address that was checked.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import httpx2

from opstwin.targets.reaching import Reach

MAX_BODY_BYTES: Final = 64 * 1024

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port → IP addresses; raises `OSError` when there are none."""


class Met(StrEnum):
    """What was met. `garbled`: something is there and does not speak HTTP (or not the TLS we trust)."""

    ANSWERED = "answered"
    GARBLED = "garbled"
    REFUSED = "refused"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswer:
    """The outcome of one question; `status` and `body` (cut at 64 KiB) only when it was answered."""

    met: Met
    status: int | None = None
    body: bytes = b""
    reason: str = ""


class Prober(Protocol):
    """Asks an address."""

    async def get(self, url: str, timeout_s: float, *, by_person: bool) -> ProbeAnswer:
        """One GET, following no redirect. `by_person` says that a person named the URL, and not an AI client.

        Raises `InvalidInput` and `Forbidden` for an address that may not be asked, and no more.
        """
        ...


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """What this machine's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


class HttpProber:
    """The prober for real networks. It uses no proxy of the environment: a proxy would answer for what is not there."""

    def __init__(
        self, trust: ssl.SSLContext | None = None, resolve: Resolver = system_resolver, reach: Reach | None = None
    ) -> None:
        self._trust = trust or ssl.create_default_context()
        self._resolve = resolve
        self._reach = reach or Reach()

    async def get(self, url: str, timeout_s: float, *, by_person: bool) -> ProbeAnswer:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._ask(httpx2.URL(url), timeout_s, by_person=by_person)
        except TimeoutError:
            return ProbeAnswer(met=Met.SILENT, reason=f"no answer within {timeout_s:g} s")

    async def _ask(self, url: httpx2.URL, timeout_s: float, *, by_person: bool) -> ProbeAnswer:
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            addresses = await self._resolve(url.host, port)
        except OSError as error:
            return ProbeAnswer(met=Met.SILENT, reason=f"the name cannot be resolved ({error.strerror or error})")
        for address in addresses:
            self._reach.check(address, port, by_person=by_person)
        answers = [ProbeAnswer(met=Met.SILENT, reason="the name has no address")]
        for address in addresses:
            answers.append(await self._ask_at(url, address, timeout_s / len(addresses)))
            if answers[-1].met in (Met.ANSWERED, Met.GARBLED):
                return answers[-1]
        return next((item for item in answers[1:] if item.met is Met.SILENT), answers[-1])

    async def _ask_at(self, url: httpx2.URL, address: str, timeout_s: float) -> ProbeAnswer:
        headers = {"host": url.netloc.decode("ascii"), "accept": "application/json", "accept-encoding": "identity"}
        pinned = url.copy_with(host=address)
        async with httpx2.AsyncClient(trust_env=False, verify=self._trust, timeout=timeout_s) as client:
            request = client.build_request("GET", pinned, headers=headers, extensions={"sni_hostname": url.host})
            try:
                response = await client.send(request, stream=True, follow_redirects=False)
                try:
                    return ProbeAnswer(met=Met.ANSWERED, status=response.status_code, body=await _body(response))
                finally:
                    await response.aclose()
            except httpx2.TimeoutException:
                return ProbeAnswer(met=Met.SILENT, reason=f"no answer within {timeout_s:g} s")
            except httpx2.ConnectError as error:
                return _unconnected(error)
            except httpx2.TransportError as error:
                return ProbeAnswer(met=Met.GARBLED, reason=f"what is there does not speak HTTP ({_words(error)})")


async def _body(response: httpx2.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= MAX_BODY_BYTES:
            break
    return body[:MAX_BODY_BYTES]


def _unconnected(error: httpx2.ConnectError) -> ProbeAnswer:
    causes = list(_causes(error))
    if any(isinstance(item, ssl.SSLError) for item in causes):
        return ProbeAnswer(met=Met.GARBLED, reason=f"its TLS is not trusted ({_words(causes[-1])})")
    if any(isinstance(item, ConnectionResetError | BrokenPipeError | EOFError) for item in causes):
        return ProbeAnswer(met=Met.GARBLED, reason="it accepts connections and ends them at once")
    if any(isinstance(item, ConnectionRefusedError) for item in causes):
        return ProbeAnswer(met=Met.REFUSED, reason="the connection was refused")
    return ProbeAnswer(met=Met.SILENT, reason=f"the network does not lead there ({_words(causes[-1])})")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it, outermost first."""
    current: BaseException | None = error
    while current is not None:
        yield current
        if isinstance(current, BaseExceptionGroup):
            for inner in current.exceptions:
                yield from _causes(inner)
        current = current.__cause__ or current.__context__


def _words(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]
