"""The client of one cluster: where it answers and who we are there, from a kubeconfig file or the pod we run in."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from opstwin.clock import Clock
from opstwin.domain.target import Target
from opstwin.errors import InvalidInput, Unreachable

IN_CLUSTER: Final = "in-cluster"

RENEW_S: Final = 300.0
"""Credentials are read again this often: tokens of exec plugins and of projected volumes live for minutes to hours."""

RETRY_S: Final = 5.0
"""And this long after they were refused, at the earliest: a plugin may ask somebody, or cost money."""

LOOK_S: Final = 1.0
"""The file is looked at this often at most: a reconcile makes hundreds of calls a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Which cluster. `file` None means the cluster whose pod this is; `context` empty the file's current one."""

    file: Path | None
    context: str = ""

    @classmethod
    def of(cls, target: Target) -> "Address":
        """What a target says. Raises `InvalidInput` for an endpoint that names no file."""
        parts = urlsplit(target.agent_endpoint)
        context = target.settings.get("context", "")
        if parts.netloc == IN_CLUSTER:
            return cls(file=None)
        path = Path(unquote(parts.path))
        if parts.scheme != "kubeconfig" or parts.netloc or not path.is_absolute():
            raise InvalidInput(
                f"{target.agent_endpoint[:120]!r} names no kubeconfig file.",
                field="agent_endpoint",
                next_step=f"Use kubeconfig:///path/to/file, or kubeconfig://{IN_CLUSTER} inside a cluster.",
            )
        return cls(file=path, context=context)


class Connection:
    """Makes the client when it is first needed, and anew when the file changes or the credentials were refused."""

    def __init__(self, address: Address, clock: Clock) -> None:
        self._address, self._clock = address, clock
        self._client: Any = None  # the library's ApiClient, which is not typed
        self._retired: list[Any] = []
        self._stamp: object = None
        self._looked_s, self._made_s = -LOOK_S, 0.0
        self._turn = asyncio.Lock()

    async def client(self) -> Any:
        """The client. Raises `InvalidInput` (the file or context is not there) or `Unreachable` (no credentials)."""
        async with self._turn:
            now_s = self._clock.monotonic_s()
            if self._client is not None and self._stamp is not None and now_s - self._looked_s < LOOK_S:
                return self._client
            stamp = await asyncio.to_thread(_stamp, self._address.file)
            self._looked_s = now_s
            if self._client is None or stamp != self._stamp or now_s - self._made_s > RENEW_S:
                await self._renew(stamp)
            return self._client

    def refused(self) -> bool:
        """Say that the credentials were refused; whether the next client has new ones."""
        self._looked_s = -LOOK_S  # somebody may put new ones into the file now
        if self._client is None or self._clock.monotonic_s() - self._made_s < RETRY_S:
            return False
        self._stamp = None
        return True

    async def close(self) -> None:
        """End all connections."""
        clients = [*self._retired, *([self._client] if self._client else [])]
        self._client, self._retired = None, []
        for client in clients:
            await client.close()

    async def _renew(self, stamp: object) -> None:
        configuration = await _configured(self._address)
        if self._client is not None and _same(self._client.configuration, configuration):
            self._stamp, self._made_s = stamp, self._clock.monotonic_s()
            return
        from kubernetes.aio.client import ApiClient

        if self._client is not None:
            self._retired.append(self._client)  # calls may still run on it
        if len(self._retired) > 1:
            await self._retired.pop(0).close()
        self._client = ApiClient(configuration)
        self._stamp, self._made_s = stamp, self._clock.monotonic_s()


def _stamp(file: Path | None) -> object:
    if file is None:
        return IN_CLUSTER
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _same(one: Any, other: Any) -> bool:
    """Whether two configurations lead to the same place as the same account."""
    names = ("host", "ssl_ca_cert", "cert_file", "key_file", "verify_ssl", "tls_server_name", "proxy", "api_key")
    return all(getattr(one, name, None) == getattr(other, name, None) for name in names)


async def _configured(address: Address) -> Any:
    try:
        from kubernetes.aio import config
        from kubernetes.aio.client import Configuration
        from kubernetes.aio.config import ConfigException
    except ImportError as missing:
        raise InvalidInput(
            "The Kubernetes client is not installed.", field="backend_type",
            next_step="Install it beside the hub: pip install 'opstwin[kubernetes]'",
        ) from missing  # fmt: skip
    configuration: Any = Configuration()
    loading: Any = config
    configuration.api_key = {}
    try:
        if address.file is None:
            await asyncio.to_thread(loading.load_incluster_config, client_configuration=configuration)
        else:
            await loading.load_kube_config(
                str(address.file), context=address.context or None, client_configuration=configuration,
                persist_config=False,
            )  # fmt: skip
    except FileNotFoundError as error:
        raise _no_file(address) from error
    except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        raise _unusable(address, error) from error
    # The session would ask the environment for a proxy, and ~/.netrc for another password, at each call in a thread.
    configuration.proxy = configuration.proxy or _proxy_for(configuration.host)
    configuration.client_session_kwargs = {"trust_env": False, "proxy": configuration.proxy}
    return configuration


def _proxy_for(address: str) -> str | None:
    """The proxy that the environment names for an address, as `HTTPS_PROXY` and `NO_PROXY` say."""
    parts = urlsplit(address)
    if parts.hostname is None or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


def _no_file(address: Address) -> InvalidInput:
    return InvalidInput(
        f"There is no kubeconfig file {address.file}.", field="agent_endpoint",
        next_step="Put it there, or name another: opstwin targets update <target> --kubeconfig FILE",
    )  # fmt: skip


def _unusable(address: Address, error: Exception) -> Unreachable:
    why = " ".join(str(error).split())[:300]
    if address.file is None:
        return Unreachable(
            f"This hub does not run in a pod of a cluster: {why}.",
            next_step="Name a kubeconfig file: opstwin targets update <target> --kubeconfig FILE",
        )
    context = f", context {address.context}" if address.context else ""
    return Unreachable(
        f"The kubeconfig file {address.file}{context} cannot be used: {why}.",
        next_step="Check it: kubectl config get-contexts",
    )
