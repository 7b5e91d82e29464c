"""The SDK's client with a deadline for every request and without its leaks. Blocking: for worker threads only."""

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote
from weakref import WeakSet

import requests
from docker import APIClient
from docker.errors import create_api_error_from_http_exception
from docker.tls import TLSConfig
from docker.transport import UnixHTTPAdapter
from docker.transport.unixconn import UnixHTTPConnection, UnixHTTPConnectionPool

CONNECT_S: Final = 5.0
"""A host that has not taken the connection by then is not there; a local socket takes it in under 1 ms."""

PROBE_VERSION: Final = "1.24"
"""Only spoken to ask an engine for the version it speaks; the oldest that the SDK lets be named."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the machine's own monotonic clock: sockets wait in real time, whatever the hub's clock says."""

    at_s: float

    @staticmethod
    def after(seconds: float) -> "Deadline":
        """`seconds` from now."""
        return Deadline(time.monotonic() + seconds)

    def left_s(self) -> float:
        """Seconds until then, 0 when it is over."""
        return max(0.0, self.at_s - time.monotonic())


class _Connection(UnixHTTPConnection):
    """Closes its socket when nobody listens; the SDK's own leaves that to the garbage collector."""

    def __init__(self, base_url: str, path: str, opened: "WeakSet[socket.socket]") -> None:
        super().__init__(base_url, path, int(CONNECT_S))
        self._opened = opened

    def connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(self.timeout)
        try:
            sock.connect(self.unix_socket)
        except OSError:
            sock.close()
            raise
        self.sock = sock
        self._opened.add(sock)


class _Pool(UnixHTTPConnectionPool):
    def __init__(self, url: str, path: str, connections: int, opened: "WeakSet[socket.socket]") -> None:
        super().__init__(url, path, int(CONNECT_S), maxsize=connections)
        self._opened = opened

    def _new_conn(self) -> _Connection:  # type: ignore[override]  # the stubs name urllib3's protocol for it
        return _Connection(self.base_url, self.socket_path, self._opened)


class _Adapter(UnixHTTPAdapter):
    def __init__(self, path: str, connections: int) -> None:
        super().__init__(f"http+unix://{path}", max_pool_size=connections)
        self._opened: WeakSet[socket.socket] = WeakSet()

    def get_connection(self, url: bytes | str, proxies: object = None) -> UnixHTTPConnectionPool:
        with self.pools.lock:
            pool = self.pools.get(url)
            if pool is None:
                pool = _Pool(str(url), self.socket_path, self.max_pool_size, self._opened)
                self.pools[url] = pool
        assert isinstance(pool, _Pool)
        return pool

    def close(self) -> None:
        """Close what is idle, and end what is in use: whoever waits there gets an error at once."""
        super().close()
        for sock in tuple(self._opened):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class EngineClient(APIClient):
    """One engine's API at one version. Constructing it opens no connection."""

    def __init__(self, endpoint: str, *, version: str, tls: TLSConfig | None, connections: int) -> None:
        super().__init__(base_url=endpoint, version=version, tls=tls or False, max_pool_size=connections)
        # Neither proxies nor credentials of the environment are meant for an engine.
        self.trust_env = False
        if endpoint.startswith("unix://"):
            path = endpoint.removeprefix("unix://")
            self.mount("http+docker://", _Adapter(path, connections))
        self._limit = threading.local()

    def until(self, deadline: Deadline) -> "EngineClient":
        """This client, with every request that this thread makes from now on bounded by `deadline`."""
        self._limit.deadline = deadline
        return self

    # The SDK sets timeouts per call and takes none from outside, so they are set where every request passes.
    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """As `requests` does it, within this thread's deadline."""
        left_s = max(self._limit.deadline.left_s(), 0.001)
        kwargs["timeout"] = (min(CONNECT_S, left_s), left_s)
        return super().request(method, url, *args, **kwargs)

    def spoken_version(self) -> str:
        """The API version that the engine speaks. Raises what `requests` raises, or `KeyError` for no engine."""
        return str(self.version(api_version=False)["ApiVersion"])

    def answer(self, method: str, path: str, **options: Any) -> requests.Response:
        """The answer to a call that the SDK does not have in the form needed here; raises the SDK's errors."""
        response = self.request(method, f"{self.base_url}/v{self.api_version}{path}", **options)
        try:
            response.raise_for_status()
        except requests.HTTPError as error:
            create_api_error_from_http_exception(error)
        return response

    def read(self, *path: str, **parameters: Any) -> dict[str, Any]:
        """The JSON object at a path, such as `read("containers", "web-1", "json")`; `ValueError` for anything else."""
        found = self.answer("GET", path_of(*path), params=parameters).json()
        if not isinstance(found, dict):
            raise ValueError("not an object")
        return found

    def listed(self, *path: str, **parameters: Any) -> list[dict[str, Any]]:
        """The JSON objects in the list at a path; `ValueError` for anything else."""
        found = self.answer("GET", path_of(*path), params=parameters).json()
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise ValueError("not a list of objects")
        return found

    def command(self, *path: str, body: Any = None, **parameters: Any) -> Any:
        """The JSON (or None) that the engine answers to a command."""
        answer = self.answer("POST", path_of(*path), params=parameters, json=body)
        return answer.json() if answer.content else None

    def remove(self, *path: str, **parameters: Any) -> None:
        """Delete what is at a path."""
        self.answer("DELETE", path_of(*path), params=parameters)


def path_of(*parts: str) -> str:
    """`/containers/web-1/logs`: each part quoted, so that none can leave its place."""
    return "".join(f"/{quote(part, safe=':@')}" for part in parts)
