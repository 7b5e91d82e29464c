"""HTTP to registries: to checked addresses only, with limits, following nothing by itself.

The name is resolved, every address it has is checked, and the connection goes to the very address that was checked. No
proxy of the environment is used.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2

from opstwin.clock import Clock
from opstwin.errors import InvalidInput, Timeout, Unreachable
from opstwin.registries.ports import AddressCheck, Answer, Place, Request
from opstwin.registries.refusals import too_long, too_often

MAX_BYTES: Final = 4 << 20
"""The largest manifest that registries must take (OCI distribution 1.1, 4 MiB); pages of tags are far smaller."""

ANSWER_S: Final = 15.0
_USUAL_WAIT_S: Final = 60.0
_LONGEST_WAIT_S: Final = 86_400.0

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port → IP addresses; raises `OSError` when there are none."""


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """What this machine's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


class HttpAsker:
    """See `Asker`. One for each registry: `place` says whom to trust and what it is called."""

    def __init__(
        self, place: Place, clock: Clock, check: AddressCheck, *, resolve: Resolver = system_resolver,
        timeout_s: float = ANSWER_S,
    ) -> None:  # fmt: skip
        self._place, self._clock, self._check = place, clock, check
        self._resolve, self._timeout_s = resolve, timeout_s
        self._trust: ssl.SSLContext | None = None

    async def ask(self, request: Request) -> Answer:
        """See the port."""
        url = httpx2.URL(request.url)
        trust = await self._trusted()
        try:
            async with asyncio.timeout(self._timeout_s):
                addresses = await self._addresses(url, by_person=request.named)
                answer = await self._asked(url, addresses, request, trust)
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise Timeout(
                f"Registry {self._place.name} ({url.host}) gave no answer within {self._timeout_s:g} s.",
                next_step="Try again, or see to the registry.",
                details={"registry": self._place.name},
            ) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise self._unreachable(url, error) from error
        if answer.status == 429:
            raise too_often(self._place.name, self._wait_s(answer))
        return answer

    async def _addresses(self, url: httpx2.URL, *, by_person: bool) -> Sequence[str]:
        port = url.port or (443 if url.scheme == "https" else 80)
        addresses = await self._resolve(url.host, port)
        for address in addresses:
            self._check(address, port, by_person=by_person)
        return addresses

    async def _asked(
        self, url: httpx2.URL, addresses: Sequence[str], request: Request, trust: ssl.SSLContext
    ) -> Answer:
        async with httpx2.AsyncClient(trust_env=False, verify=trust, timeout=self._timeout_s) as client:
            for place, address in enumerate(addresses):
                try:
                    return await self._asked_at(client, url, address, request)
                except httpx2.ConnectError:
                    if place == len(addresses) - 1:
                        raise
        raise httpx2.ConnectError("the name has no address")

    async def _asked_at(self, client: httpx2.AsyncClient, url: httpx2.URL, address: str, request: Request) -> Answer:
        headers = {**request.headers, "host": url.netloc.decode("ascii"), "accept-encoding": "identity"}
        made = client.build_request(
            request.method, url.copy_with(host=address), headers=headers, content=request.body or None,
            extensions={"sni_hostname": url.host},
        )  # fmt: skip
        response = await client.send(made, stream=True, follow_redirects=False)
        try:
            body = await self._body(response)
        finally:
            await response.aclose()
        return Answer(
            status=response.status_code, headers={key.lower(): value for key, value in response.headers.items()},
            challenges=tuple(response.headers.get_list("www-authenticate")), body=body,
        )  # fmt: skip

    async def _body(self, response: httpx2.Response) -> bytes:
        chunks, size = [], 0
        async for chunk in response.aiter_raw():
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BYTES:
                raise too_long(self._place.name, MAX_BYTES)
        return b"".join(chunks)

    async def _trusted(self) -> ssl.SSLContext:
        if self._trust is None:
            self._trust = await asyncio.to_thread(self._read_trust)
        return self._trust

    def _read_trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._place.ca_file or None)
        except OSError as error:
            raise InvalidInput(
                f"Registry {self._place.name}: ca_file {self._place.ca_file[:200]} cannot be used.",
                field="ca_file",
                next_step="Name a file with certificates in PEM.",
            ) from error

    def _unreachable(self, url: httpx2.URL, error: BaseException) -> Unreachable:
        words = f"{type(error).__name__}: {error}"
        if "CERTIFICATE_VERIFY_FAILED" in words:
            why, step = "its certificate is not trusted", "Name the certificate of its issuer as ca_file."
        elif "SSL" in words or "WRONG_VERSION" in words:
            why, step = "it does not speak TLS", "insecure: true allows plain HTTP, where you must have it."
        else:
            why, step = _in_words(error), "Check its host, and that the hub can reach it."
        return Unreachable(
            f"Registry {self._place.name} ({url.host}) does not answer: {why}.",
            next_step=step,
            details={"registry": self._place.name, "host": url.host},
        )

    def _wait_s(self, answer: Answer) -> float:
        """What Retry-After says, in seconds or as a moment (RFC 9110, 10.2.3); a minute where it says nothing."""
        said = answer.headers.get("retry-after", "").strip()
        wait_s = _USUAL_WAIT_S
        if said.isascii() and said.isdecimal():
            wait_s = float(said[:9])
        elif said:
            wait_s = _until_s(said, self._clock.now())
        return min(max(wait_s, 1.0), _LONGEST_WAIT_S)


def _in_words(error: BaseException) -> str:
    if isinstance(error, socket.gaierror) or "Name or service not known" in str(error):
        return "its name has no address"
    if isinstance(error, httpx2.ConnectError | ConnectionError):
        return "no connection can be made"
    return type(error).__name__


def _until_s(moment: str, now: datetime) -> float:
    try:
        return (parsedate_to_datetime(moment) - now).total_seconds()
    except (ValueError, TypeError):
        return _USUAL_WAIT_S
