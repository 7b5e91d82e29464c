"""Lists with pages and selectors, and what a watch shows of the history."""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opstwin.targets.sim.kube.asking import Ask, Route
from opstwin.targets.sim.kube.cluster import Cluster
from opstwin.targets.sim.kube.failures import ApiFailure, bad_request, expired
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.selectors import Test, field_test, label_test
from opstwin.targets.sim.kube.store import Change, Key
from opstwin.targets.sim.kube.versions import in_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a list."""

    items: list[Doc]
    revision: int
    token: str = ""
    left: int = 0


def test_of(found: Route, ask: Ask) -> Test:
    """The test that selectors, namespace and name of a request make up. Raises 400."""
    tests = []
    if ask.query.get("labelSelector"):
        tests.append(label_test(ask.query["labelSelector"]))
    if ask.query.get("fieldSelector"):
        tests.append(field_test(found.kind.home, ask.query["fieldSelector"]))
    if found.name:
        tests.append(lambda doc: doc["metadata"]["name"] == found.name)
    return lambda doc: all(test(doc) for test in tests)


def page(cluster: Cluster, found: Route, ask: Ask) -> Page:
    """The page that a request asks for. Raises 400 and 410."""
    limit = _number(ask, "limit")
    revision, start = _position(cluster, ask)
    test = test_of(found, ask)
    chosen: list[Doc] = []
    last: Key | None = None
    left = 0
    for key, doc in _source(cluster, found, revision):
        if (key.namespace, key.name) <= start or not test(doc):
            continue
        if limit and len(chosen) == limit:
            left += 1
        else:
            chosen.append(in_version(doc, found.kind))
            last = key
    token = _token(revision, last) if left and last else ""
    return Page(items=chosen, revision=revision, token=token, left=left)


def _source(cluster: Cluster, found: Route, revision: int) -> Iterator[tuple[Key, Doc]]:
    store = cluster.store
    if revision == store.revision or not store.changes_after(found.kind.home, revision):
        yield from store.all(found.kind.home, found.namespace)
    else:
        then = store.as_of(found.kind.home, revision)
        yield from ((key, doc) for key, doc in then.items() if found.namespace in ("", key.namespace))


def _position(cluster: Cluster, ask: Ask) -> tuple[int, tuple[str, str]]:
    """At which revision the list is to be, and after which object it goes on."""
    now = cluster.store.revision
    if ask.query.get("continue"):
        revision, start = _read_token(ask.query["continue"])
        if 0 <= revision < cluster.store.compacted:
            raise _old_token(start)
        return (revision if revision >= 0 else now), start
    given = _number(ask, "resourceVersion")
    if given > now:
        raise _from_the_future(given, now)
    if ask.query.get("resourceVersionMatch") == "Exact" and given:
        if given < cluster.store.compacted:
            raise expired("The resourceVersion for the provided list is too old.")
        return given, ("", "")
    return now, ("", "")


def _from_the_future(given: int, now: int) -> ApiFailure:
    return ApiFailure(
        504, "Timeout", f"Too large resource version: {given}, current: {now}",
        details={
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        },
    )  # fmt: skip


def _token(revision: int, last: Key) -> str:
    inner = {"v": "meta.k8s.io/v1", "rv": revision, "start": f"{last.namespace}/{last.name}"}
    return base64.urlsafe_b64encode(json.dumps(inner, separators=(",", ":")).encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        inner = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = inner["start"].partition("/")
        return int(inner["rv"]), (namespace, name)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise bad_request("continue key is not valid: invalid character in the token") from error


def _old_token(start: tuple[str, str]) -> ApiFailure:
    return ApiFailure(
        410, "Expired",
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
        "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
        "modified, or deleted between the time the first chunk was returned and now may show up in the list.",
        go_on=_token(-1, Key("", *start)),
    )  # fmt: skip


def _number(ask: Ask, name: str) -> int:
    text = ask.query.get(name, "")
    if text and not text.isdigit():
        raise bad_request(f'Invalid value: "{text}": {name} must be a number')
    return int(text or 0)


def first_events(cluster: Cluster, found: Route, ask: Ask) -> tuple[list[tuple[str, Doc]], int]:
    """What a watch begins with, and the revision after which it goes on. Raises 410."""
    given = _number(ask, "resourceVersion")
    now = cluster.store.revision
    initial = ask.flag("sendInitialEvents")
    if given and not initial:
        if given < cluster.store.compacted:
            raise expired(f"too old resource version: {given} ({cluster.store.compacted})")
        if given > now:
            raise _from_the_future(given, now)
        return [], given
    if ask.query.get("sendInitialEvents") == "false":
        return [], now
    test = test_of(found, ask)
    docs = (doc for _, doc in cluster.store.all(found.kind.home, found.namespace))
    events = [("ADDED", in_version(doc, found.kind)) for doc in docs if test(doc)]
    if initial and ask.flag("allowWatchBookmarks"):
        events.append(("BOOKMARK", bookmark(found, now, first_done=True)))
    return events, now


def later_events(cluster: Cluster, found: Route, test: Test, revision: int) -> list[tuple[str, Doc]]:
    """What a watch shows of the changes after a revision. Raises 410 when they are compacted."""
    if revision < cluster.store.compacted and cluster.store.revision > revision:
        raise expired(f"too old resource version: {revision} ({cluster.store.compacted})")
    changes = cluster.store.changes_after(found.kind.home, revision)
    seen = (_seen(change, found, test) for change in changes if found.namespace in ("", change.key.namespace))
    return [event for event in seen if event is not None]


def _seen(change: Change, found: Route, test: Test) -> tuple[str, Doc] | None:
    """A change as a watch with a selector sees it: what stops to match is deleted to it."""
    matched = change.before is not None and test(change.before)
    matches = change.type != "DELETED" and test(change.doc)
    if matches:
        return ("MODIFIED" if matched else "ADDED"), in_version(change.doc, found.kind)
    return ("DELETED", in_version(_last_seen(change), found.kind)) if matched else None


def _last_seen(change: Change) -> Doc:
    """What somebody who no longer sees an object saw last, with the revision of the change."""
    before = change.before or change.doc
    revision = change.doc["metadata"]["resourceVersion"]
    return {**before, "metadata": {**before["metadata"], "resourceVersion": revision}}


def bookmark(found: Route, revision: int, *, first_done: bool = False) -> Doc:
    """The object of a BOOKMARK event."""
    meta: dict[str, Any] = {"resourceVersion": str(revision), "creationTimestamp": None}
    if first_done:
        meta["annotations"] = {"k8s.io/initial-events-end": "true"}
    return {"kind": found.kind.name, "apiVersion": found.kind.api_version, "metadata": meta}
