"""What the cluster keeps: objects, one number that counts writes, and a history for watches."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from opstwin.targets.sim.kube.schema import Doc

KEPT_CHANGES: Final = 50_000
"""How many changes of one home are remembered before the oldest are compacted."""


@dataclass(frozen=True, slots=True)
class Key:
    """Where one object is: its resource's home, its namespace ("" when cluster-scoped), its name."""

    home: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Change:
    """One write. `type` is ADDED, MODIFIED or DELETED; `before` is what was there."""

    revision: int
    type: str
    key: Key
    doc: Doc
    before: Doc | None


class Store:
    """Objects are replaced, never changed in place; a reader may keep what it was given."""

    def __init__(self, first_revision: int = 1) -> None:
        self.revision = first_revision
        self.compacted = first_revision
        self._objects: dict[str, dict[str, dict[str, Doc]]] = {}
        self._changes: dict[str, deque[Change]] = {}
        self._owned: dict[str, dict[Key, None]] = {}
        self.listeners: list[Callable[[Change], None]] = []

    def get(self, key: Key) -> Doc | None:
        """The object, or None."""
        return self._objects.get(key.home, {}).get(key.namespace, {}).get(key.name)

    def all(self, home: str, namespace: str = "") -> Iterator[tuple[Key, Doc]]:
        """Everything of one home, in one namespace or ("") in all, in the order of namespace and name."""
        spaces = self._objects.get(home, {})
        for space in [namespace] if namespace else sorted(spaces):
            names = spaces.get(space, {})
            for name in sorted(names):
                yield Key(home, space, name), names[name]

    def count(self, home: str, namespace: str) -> int:
        """How many there are of one home in one namespace."""
        return len(self._objects.get(home, {}).get(namespace, {}))

    def homes(self) -> list[str]:
        """Homes that hold something."""
        return [home for home, spaces in self._objects.items() if any(spaces.values())]

    def in_namespace(self, namespace: str) -> list[tuple[Key, Doc]]:
        """Everything in one namespace."""
        return [item for home in self.homes() for item in list(self.all(home, namespace))] if namespace else []

    def owned_by(self, uid: str) -> list[tuple[Key, Doc]]:
        """What names the object with this uid as an owner."""
        found = [(key, self.get(key)) for key in list(self._owned.get(uid, ()))]
        return [(key, doc) for key, doc in found if doc is not None]

    def put(self, key: Key, doc: Doc) -> Doc:
        """Keep an object; it is given the next revision. Returns what is kept."""
        before = self.get(key)
        self.revision += 1
        kept = {**doc, "metadata": {**doc["metadata"], "resourceVersion": str(self.revision)}}
        self._objects.setdefault(key.home, {}).setdefault(key.namespace, {})[key.name] = kept
        self._index(key, before, kept)
        self._remember(Change(self.revision, "MODIFIED" if before else "ADDED", key, kept, before))
        return kept

    def remove(self, key: Key) -> Doc | None:
        """Remove an object. Returns it as the DELETED event shows it."""
        before = self._objects.get(key.home, {}).get(key.namespace, {}).pop(key.name, None)
        if before is None:
            return None
        self.revision += 1
        last = {**before, "metadata": {**before["metadata"], "resourceVersion": str(self.revision)}}
        self._index(key, before, None)
        self._remember(Change(self.revision, "DELETED", key, last, before))
        return last

    def changes_after(self, home: str, revision: int) -> list[Change]:
        """The changes of one home after a revision, in order."""
        log = self._changes.get(home)
        if not log or log[-1].revision <= revision:
            return []
        if log[0].revision > revision:
            return list(log)
        items = list(log)
        return items[bisect_right(items, revision, key=lambda change: change.revision) :]

    def as_of(self, home: str, revision: int) -> dict[Key, Doc]:
        """Everything of one home as it was at a revision that is not compacted."""
        found = dict(self.all(home))
        for change in reversed(self.changes_after(home, revision)):
            if change.before is None:
                found.pop(change.key, None)
            else:
                found[change.key] = change.before
        return dict(sorted(found.items(), key=lambda item: (item[0].namespace, item[0].name)))

    def compact(self) -> None:
        """Forget the history up to now."""
        self.compacted = self.revision
        self._changes.clear()

    def _remember(self, change: Change) -> None:
        log = self._changes.setdefault(change.key.home, deque())
        log.append(change)
        if len(log) > KEPT_CHANGES:
            self.compacted = max(self.compacted, log.popleft().revision)
        for listener in self.listeners:
            listener(change)

    def _index(self, key: Key, before: Doc | None, after: Doc | None) -> None:
        if before is not None:
            for owner in before["metadata"].get("ownerReferences") or []:
                self._owned.get(owner["uid"], {}).pop(key, None)
        if after is not None:
            for owner in after["metadata"].get("ownerReferences") or []:
                self._owned.setdefault(owner["uid"], {})[key] = None
