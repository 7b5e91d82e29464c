"""The cluster's state and its services to the modules that change it: time, ids, names, the served kinds."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from opstwin.clock import Clock
from opstwin.targets.sim.kube.catalogue import VERSIONS, Kind, builtin_kinds
from opstwin.targets.sim.kube.failures import no_such_path
from opstwin.targets.sim.kube.schema import Doc, of_custom_kind
from opstwin.targets.sim.kube.store import Change, Key, Store

CUSTOM_DEFINITIONS: Final = "customresourcedefinitions.apiextensions.k8s.io"
FIRST_SPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
PATCHES: Final = {20: 2, 25: 16, 33: 4, 37: 0}


@dataclass(frozen=True, slots=True)
class User:
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""


ADMIN: Final = User("kubernetes-admin", ("system:masters", "system:authenticated"))


def control_plane(name: str) -> User:
    """One of the cluster's own controllers."""
    return User(f"system:serviceaccount:kube-system:{name}", ("system:masters", "system:authenticated"))


@dataclass(slots=True)
class How:
    """How a write is to be done. `strictness` is Strict, Warn or Ignore; `warnings` collects what the reply says."""

    user: User = ADMIN
    manager: str = "unknown"
    dry_run: bool = False
    force: bool = False
    strictness: str = "Warn"
    subresource: str = ""
    warnings: list[str] = field(default_factory=list)

    def with_subresource(self, name: str) -> "How":
        """The same, for another subresource."""
        return replace(self, subresource=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """What an admission webhook does when it is called: `answer` is down, deny or allow."""

    answer: str = "down"
    text: str = ""


class Cluster:
    """Everything that the API server knows. Time stands still at `moment` while a controller works."""

    def __init__(self, clock: Clock, *, version: str = "1.33", seed: int = 0, metrics: bool = True) -> None:
        self.minor = int(version.split(".")[1])
        if self.minor not in VERSIONS:
            known = ", ".join(f"1.{minor}" for minor in VERSIONS)
            raise ValueError(f"The fake can be Kubernetes {known}, not {version}.")
        self.clock = clock
        self.seed = seed
        self.metrics = metrics
        self.moment: datetime | None = None
        self.webhooks: dict[str, Webhook] = {}
        self.store = Store()
        self._count = 0
        self._custom: dict[str, list[Kind]] = {}
        self._builtin = builtin_kinds(self.minor, metrics=metrics)
        self._by_path: dict[tuple[str, str, str], Kind] = {}
        self.start_afresh()

    @property
    def git_version(self) -> str:
        """Such as `v1.33.4`."""
        return f"v1.{self.minor}.{PATCHES[self.minor]}"

    def start_afresh(self) -> None:
        """Forget everything and begin with what every cluster has."""
        listeners = self.store.listeners
        self.store = Store(first_revision=self._count + 1)
        self._custom.clear()
        self._reindex()
        self.store.listeners = listeners or [self._kinds_change]

    def now(self) -> datetime:
        """The moment, whole seconds apart from the part that nobody sees."""
        return self.moment or self.clock.now()

    def stamp(self, at: datetime | None = None) -> str:
        """A moment as the API writes it."""
        return (at or self.now()).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def new_uid(self) -> str:
        """The next uid: the same for the same seed and number of calls."""
        digest = self._hash("uid")
        return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"

    def suffix(self, length: int = 5) -> str:
        """Letters for a generated name."""
        number = int(self._hash("name"), 16)
        found = ""
        for _ in range(length):
            number, index = divmod(number, len(_LETTERS))
            found += _LETTERS[index]
        return found

    def number(self) -> int:
        """The next number of a sequence."""
        self._count += 1
        return self._count

    def _hash(self, what: str) -> str:
        return hashlib.sha256(f"{self.seed} {what} {self.number()}".encode()).hexdigest()

    def kinds(self) -> Iterator[Kind]:
        """Everything that is served."""
        yield from self._builtin
        for kinds in self._custom.values():
            yield from kinds

    def kind_at(self, group: str, version: str, plural: str) -> Kind:
        """The kind that a path names. Raises 404."""
        found = self._by_path.get((group, version, plural))
        if found is None:
            raise no_such_path()
        return found

    def kind_of(self, home: str) -> Kind:
        """The kind that is kept at a home, in the version the server prefers."""
        return next(kind for kind in self.kinds() if kind.home == home)

    def home_of(self, api_version: str, name: str) -> str | None:
        """Where objects of `name` (a Kind) are kept; None when that is not served."""
        group = api_version.rpartition("/")[0]
        return next((kind.home for kind in self.kinds() if kind.group == group and kind.name == name), None)

    def named(self, name: str) -> Kind:
        """A built-in kind by its Kind, such as `Pod`, in the version the server prefers."""
        return next(kind for kind in self._builtin if kind.name == name and kind.home)

    def get(self, name: str, namespace: str, at: str) -> Doc | None:
        """An object of a built-in kind."""
        return self.store.get(Key(self.named(name).home, namespace, at))

    def _kinds_change(self, change: Change) -> None:
        if change.key.home == CUSTOM_DEFINITIONS:
            self._custom.pop(change.key.name, None)
            if change.type != "DELETED":
                self._custom[change.key.name] = _custom_kinds(change.doc)
            self._reindex()

    def _reindex(self) -> None:
        self._by_path = {(kind.group, kind.version, kind.plural): kind for kind in self.kinds()}


def _custom_kinds(doc: Doc) -> list[Kind]:
    spec = doc["spec"]
    names = spec["names"]
    return [
        Kind(
            group=spec["group"], version=version["name"], plural=names["plural"], name=names["kind"],
            namespaced=spec.get("scope") == "Namespaced", short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()), singular=names.get("singular", ""),
            subresources=tuple((version.get("subresources") or {}).keys()),
            custom_shape=of_custom_kind((version.get("schema") or {}).get("openAPIV3Schema") or {}),
            home=f"{names['plural']}.{spec['group']}",
        )
        for version in spec.get("versions") or []
        if version.get("served")
    ]  # fmt: skip
