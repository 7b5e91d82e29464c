"""respx for httpx2, and no way out: whatever is not mocked fails, and says so.

respx 0.23 patches httpcore; httpx2, which the model vendors' SDKs and our own clients use, stands on httpcore2. With
`respx.mock(using="httpcore2")` after importing this module, its requests are seen.
"""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import httpcore2
import httpx
import pytest
from respx.mocks import HTTPCoreMocker


class HTTPCore2Mocker(HTTPCoreMocker):
    """Registers itself by its name."""

    name = "httpcore2"
    targets: ClassVar[list[str]] = [
        target.replace("httpcore.", "httpcore2.", 1) for target in HTTPCoreMocker.targets
    ]  # fmt: skip

    @classmethod
    def from_sync_httpx_response(cls, httpx_response: httpx.Response, target: Any, **kwargs: Any) -> Any:
        return httpcore2.Response(
            status=httpx_response.status_code, headers=httpx_response.headers.raw, content=httpx_response.stream,
            extensions=httpx_response.extensions,
        )  # fmt: skip


class SocketBlocked(AssertionError):
    """A test went to the network."""


@contextmanager
def only_loopback() -> Iterator[None]:
    """Inside, no socket connects and no name is looked up beyond this machine."""
    connect, connect_ex, lookup = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def checked_connect(self: socket.socket, address: Any) -> None:
        _check(address[0] if self.family in (socket.AF_INET, socket.AF_INET6) else "localhost")
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        _check(address[0] if self.family in (socket.AF_INET, socket.AF_INET6) else "localhost")
        return connect_ex(self, address)

    def checked_lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        _check(host.decode() if isinstance(host, bytes) else host)
        return lookup(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", checked_connect)
        patch.setattr(socket.socket, "connect_ex", checked_connect_ex)
        patch.setattr(socket, "getaddrinfo", checked_lookup)
        yield


def _check(host: str | None) -> None:
    if host in (None, "", "localhost"):
        return
    try:
        is_ours = ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        is_ours = False
    if not is_ours:
        raise SocketBlocked(f"a test wants to reach {host}: mock it, or serve it on loopback")
