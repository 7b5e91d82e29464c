"""Lists of live objects, page by page; what cannot be listed is told, never left out."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opstwin.errors import OpstwinError, Rejected
from opstwin.targets.kubernetes.refusals import refusal
from opstwin.targets.kubernetes.sending import Answer, Call, Place, Sender
from opstwin.targets.kubernetes.serving import ServedKind

PAGE: Final = 500
"""Objects in one answer: kubectl's own chunk size."""

LIST_S: Final = 30.0
_EXPIRED: Final = 410
_TRIES: Final = 3


class Denied(Exception):
    """The hub's account may not list a kind; `why` is what the cluster said."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: its objects, and the revision of the cluster that it shows."""

    items: Sequence[Mapping[str, Any]]
    revision: str


def collection_of(kind: ServedKind, namespace: str = "") -> str:
    """The path of all objects of a kind, in one namespace or everywhere."""
    within = namespace if kind.namespaced else ""
    return Place(
        kind=kind.kind, group=kind.group, version=kind.version, plural=kind.plural, namespace=within, name=""
    ).collection  # fmt: skip


async def pages(
    sender: Sender, path: str, *, query: Mapping[str, str] | None = None, limit: int = PAGE
) -> AsyncGenerator[Page, None]:
    """All pages of a list.

    Raises `Denied` when it may not be listed, and `TargetError`. A list that took so long that its start was forgotten
    (410) raises `Rejected` with `details["expired"]`: begin again.
    """
    asked = {**(query or {}), "limit": str(limit)}
    while True:
        answer = await sender.send(Call(method="GET", path=path, query=asked, deadline_s=LIST_S))
        _check(answer, path)
        metadata = answer.body.get("metadata") or {}
        yield Page(items=answer.body.get("items") or [], revision=str(metadata.get("resourceVersion") or ""))
        following = metadata.get("continue")
        if not following:
            return
        asked["continue"] = str(following)


async def everything(sender: Sender, path: str, *, query: Mapping[str, str] | None = None) -> list[Mapping[str, Any]]:
    """All objects of a list at once, begun anew when its start was forgotten. Raises as `pages` does."""
    for attempt in range(_TRIES):
        try:
            return [item async for page in pages(sender, path, query=query) for item in page.items]
        except Rejected as refused:
            if not refused.details.get("expired") or attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


def typed(kind: ServedKind, item: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object of a list with what lists leave out: its API version and kind."""
    if "kind" in item:
        return item
    return {"apiVersion": kind.api_version, "kind": kind.name, **item}


def _check(answer: Answer, path: str) -> None:
    if answer.ok:
        return
    if answer.status in (403, 404, 405):
        raise Denied(answer.said or f"status {answer.status}")
    error: OpstwinError = refusal(answer, f"to list {path}")
    if answer.status == _EXPIRED:
        error.details = {**error.details, "expired": True}
    raise error
