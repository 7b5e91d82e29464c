"""What the writing side needs of a connection to an API server: one request out, one answer back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

from opstwin.domain.values import Json, Spec

JSON: Final = "application/json"
APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. `deadline_s` bounds the whole of it, in seconds."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Json] | None = None
    content_type: str = JSON
    deadline_s: float

    @property
    def url(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said: HTTP status, JSON body (empty when it was none) and its warnings."""

    status: int
    body: dict[str, Any]
    warnings: tuple[str, ...] = ()
    retry_after_s: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the server did what was asked."""
        return 200 <= self.status < 300

    @property
    def said(self) -> str:
        """The server's own words."""
        message = self.body.get("message")
        return message if isinstance(message, str) else ""

    @property
    def reason(self) -> str:
        """The server's machine-readable reason, such as `AlreadyExists`."""
        reason = self.body.get("reason")
        return reason if isinstance(reason, str) else ""


class Sender(Protocol):
    """Sends to one API server."""

    async def send(self, call: Call) -> Answer:
        """The server's answer, whatever it says.

        Raises `Unreachable` when the request did not reach the server, and `Timeout` when what came of it is unknown.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one object is found: `group` is empty for the core API, `namespace` for what stands in none."""

    kind: str
    group: str
    version: str
    plural: str
    namespace: str
    name: str

    @property
    def api_version(self) -> str:
        """As manifests name it: `apps/v1`, or `v1` for the core API."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def collection(self) -> str:
        """The path of all such objects of the namespace."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{quote(self.namespace, safe='')}" if self.namespace else ""
        return f"{root}{within}/{self.plural}"

    @property
    def path(self) -> str:
        """The path of the object."""
        return f"{self.collection}/{quote(self.name, safe='')}"

    @property
    def words(self) -> str:
        """As people name it."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def uid_of(manifest: Spec) -> str:
    """The identity of an object: another one of the same name has another."""
    return _text(manifest, "uid")


def revision_of(manifest: Spec) -> str:
    """The `resourceVersion` of an object."""
    return _text(manifest, "resourceVersion")


def is_leaving(manifest: Spec) -> bool:
    """Whether the object is being deleted."""
    return bool(_text(manifest, "deletionTimestamp"))


def _text(manifest: Spec, field_name: str) -> str:
    metadata = manifest.get("metadata")
    value = metadata.get(field_name) if isinstance(metadata, dict) else None
    return value if isinstance(value, str) else ""


class Locator(Protocol):
    """Knows what the cluster serves."""

    async def place(self, kind: str, name: str, api_version: str = "") -> Place:
        """Where the object is found; in `api_version` when that is served, else in the one the cluster prefers.

        Raises `Rejected` for a kind that the cluster does not serve, and `Unreachable` or `Timeout`.
        """
        ...


class Frames(Protocol):
    """The messages of one WebSocket: the first byte of each names its channel."""

    async def read(self) -> bytes | None:
        """The next message, None when the other side has closed."""
        ...


class Dialler(Protocol):
    """Opens WebSockets to the API server."""

    def dial(
        self, path: str, query: Sequence[tuple[str, str]], protocols: Sequence[str]
    ) -> AbstractAsyncContextManager[Frames | Answer]:
        """An open connection, or the server's answer when it refused. Raises `Unreachable` or `Timeout`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One connection to a cluster, as the writing side uses it; `close` ends it for the reader too."""

    sender: Sender
    locator: Locator
    dialler: Dialler
    close: Callable[[], Awaitable[None]]
