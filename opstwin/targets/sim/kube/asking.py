"""Requests and replies, and what a path and a method mean."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from opstwin.targets.sim.kube.catalogue import Kind
from opstwin.targets.sim.kube.cluster import ADMIN, Cluster, User
from opstwin.targets.sim.kube.failures import NO_PAGE, ApiFailure, no_such_path
from opstwin.targets.sim.kube.rights import Act
from opstwin.targets.sim.kube.schema import Doc

_SPACE_SUBRESOURCES: Final = ("status", "finalize")
_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request. Header names are in lower case; `query` keeps the last value of each name."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    many: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    user: User = ADMIN

    def flag(self, name: str) -> bool:
        """Whether a query parameter says yes."""
        return self.query.get(name, "").lower() in ("1", "true")

    @property
    def content_type(self) -> str:
        """What the body is."""
        return self.headers.get("content-type", "application/json").lower()


@dataclass(slots=True, kw_only=True)
class Reply:
    """One answer."""

    code: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a request is about. `verb` is as RBAC names it."""

    kind: Kind
    verb: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def act(self) -> Act:
        """The right that is needed."""
        return Act(
            verb=self.verb, group=self.kind.group, resource=self.kind.plural, subresource=self.subresource,
            namespace=self.namespace, name=self.name,
        )  # fmt: skip


def json_reply(doc: Any, code: int = 200, *, warnings: list[str] | None = None) -> Reply:
    """A reply with a JSON document; each warning becomes a Warning header."""
    text = json.dumps(doc, separators=(",", ":"), ensure_ascii=False)
    escaped = [item.replace("\\", "\\\\").replace('"', '\\"') for item in warnings or []]
    return Reply(code=code, body=text.encode(), headers=[("Warning", f'299 - "{item}"') for item in escaped])


def failure_reply(failure: ApiFailure) -> Reply:
    """The reply to a request that was refused."""
    if failure.message == NO_PAGE:
        return Reply(code=failure.code, body=NO_PAGE.encode(), content_type="text/plain; charset=utf-8")
    reply = json_reply(failure.status(), failure.code)
    if failure.retry_after_s is not None:
        reply.headers.append(("Retry-After", str(failure.retry_after_s)))
    return reply


def route(cluster: Cluster, ask: Ask) -> Route:
    """Read a path under /api/v1 or /apis/GROUP/VERSION. Raises 404 and 405."""
    parts = [part for part in ask.path.split("/") if part]
    group, version, rest = _group(parts)
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces" and not (len(rest) == 3 and rest[2] in _SPACE_SUBRESOURCES):
        namespace, rest = rest[1], rest[2:]
    if not rest or len(rest) > 3:
        raise no_such_path()
    kind = cluster.kind_at(group, version, rest[0])
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    if subresource and subresource not in kind.subresources:
        raise no_such_path()
    verb = _verb(ask, name, subresource)
    found = Route(kind=kind, verb=verb, namespace=namespace, name=name, subresource=subresource)
    return _served(found)


def _group(parts: list[str]) -> tuple[str, str, list[str]]:
    if parts[:1] == ["api"] and len(parts) > 2:
        return "", parts[1], parts[2:]
    if parts[:1] == ["apis"] and len(parts) > 3:
        return parts[1], parts[2], parts[3:]
    raise no_such_path()


def _verb(ask: Ask, name: str, subresource: str) -> str:
    if ask.method in ("GET", "HEAD"):
        return "get" if name and not (ask.flag("watch") and not subresource) else _collection_verb(ask)
    if ask.method == "DELETE":
        return "delete" if name else "deletecollection"
    return _VERBS.get(ask.method, ask.method.lower())


def _collection_verb(ask: Ask) -> str:
    return "watch" if ask.flag("watch") else "list"


def _served(found: Route) -> Route:
    if found.subresource:
        return found
    wants_name = found.verb in ("get", "update", "patch", "delete")
    if found.verb not in found.kind.verbs or (wants_name is not bool(found.name) and found.verb != "watch"):
        raise ApiFailure(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    return found


def named_doc(api_version: str, kind: str, **members: Any) -> Doc:
    """A document of a kind."""
    return {"kind": kind, "apiVersion": api_version, **members}
