"""Requests that are told as stories to two API servers, and what of the replies is to be the same."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

JSON: Final = "application/json"
APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
STEPS: Final = "application/json-patch+json"

_CHANGING: Final = (
    "continue",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "selfLink",
    "time",
    "clusterIP",
)
_ATOMIC_LATER: Final = ("f:selector", "f:fieldRef")
"""Owned field by field by 1.20, as a whole since 1.21; the fake always does the latter."""
_UID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_CONTROLLERS: Final = ("kube-controller-manager", "kubelet", "kube-scheduler")


@dataclass(frozen=True, kw_only=True)
class Say:
    """One request. `{ns}` in the path is the story's namespace; `again` keeps asking until the reply is `until`."""

    method: str
    path: str
    body: Any = None
    kind: str = JSON
    query: Mapping[str, str] = field(default_factory=dict)


def get(path: str, **query: str) -> Say:
    return Say(method="GET", path=path, query=query)


def post(path: str, body: Any, **query: str) -> Say:
    return Say(method="POST", path=path, body=body, query=query)


def put(path: str, body: Any, **query: str) -> Say:
    return Say(method="PUT", path=path, body=body, query=query)


def patch(path: str, body: Any, kind: str = MERGE, **query: str) -> Say:
    return Say(method="PATCH", path=path, body=body, kind=kind, query=query)


def apply(path: str, body: Any, manager: str = "one", **query: str) -> Say:
    return Say(method="PATCH", path=path, body=body, kind=APPLY, query={"fieldManager": manager, **query})


def delete(path: str, body: Any = None, **query: str) -> Say:
    return Say(method="DELETE", path=path, body=body, query=query)


async def told(client: httpx2.AsyncClient, namespace: str, story: list[Say]) -> list[Any]:
    """Tell a story to a server. Returns what is comparable of each reply."""
    return [comparable(await _said(client, namespace, say), namespace) for say in story]


async def _said(client: httpx2.AsyncClient, namespace: str, say: Say) -> httpx2.Response:
    headers = {"content-type": say.kind} if say.body is not None else {}
    return await client.request(
        say.method, say.path.replace("{ns}", namespace), json=say.body, params=dict(say.query), headers=headers
    ) if say.body is not None else await client.request(
        say.method, say.path.replace("{ns}", namespace), params=dict(say.query)
    )  # fmt: skip


def comparable(reply: httpx2.Response, namespace: str) -> Any:
    """Code and document of a reply without what differs from run to run."""
    return {"code": reply.status_code, "body": _plain(_document(reply), namespace)}


def _document(reply: httpx2.Response) -> Any:
    return reply.json() if "json" in reply.headers["content-type"] else reply.text


def _plain(value: Any, namespace: str) -> Any:
    if isinstance(value, dict):
        return {
            key: f"<{key}>" if key in _CHANGING and item else {} if key in _ATOMIC_LATER else _plain(item, namespace)
            for key, item in value.items()
            if not _is_noise(key, item)
        } | _managed(value, namespace)
    if isinstance(value, list):
        return [_plain(item, namespace) for item in value]
    if isinstance(value, str):
        return _MOMENT.sub("<moment>", _UID.sub("<uid>", value.replace(namespace, "<ns>")))
    return value


def _is_noise(key: str, item: Any) -> bool:
    """Status, which moves by itself; its owners, since only 1.20 lets those who may not write it own it."""
    if key == "f:status":
        return True
    if key == "status":
        return isinstance(item, dict)
    return key in ("managedFields", "clusterIPs") or (key == "metadata" and item == {})


def _managed(value: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The managers of a stored object, in an order of their own, without the cluster's."""
    entries = [item for item in value.get("managedFields") or [] if item["manager"] not in _CONTROLLERS]
    entries.sort(key=lambda item: (item["manager"], item["operation"]))
    return {"managedFields": _plain(entries, namespace)} if entries and value.get("uid") else {}
