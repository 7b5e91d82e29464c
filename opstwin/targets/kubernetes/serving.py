"""Which kinds a cluster serves, in which versions and under which paths, as its own discovery says."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from opstwin.clock import Clock
from opstwin.errors import OpstwinError, Rejected
from opstwin.manifests.served import WANTED, Served
from opstwin.targets.kubernetes.refusals import refusal
from opstwin.targets.kubernetes.sending import Call, Place, Sender

FRESH_S: Final = 60.0
"""Definitions of custom kinds come and go seldom; a kind that is not known is looked for anew at once."""

_LOOK_S: Final = 10.0
_BUILT_IN: Final = frozenset({"", "apps", "autoscaling", "batch", "extensions", "policy"}) | {
    f"{name}.k8s.io"
    for name in (
        "admissionregistration", "apiextensions", "apiregistration", "authentication", "authorization", "certificates",
        "coordination", "discovery", "events", "flowcontrol.apiserver", "internal.apiserver", "networking", "node",
        "rbac.authorization", "resource", "scheduling", "storage", "storagemigration",
    )
}  # fmt: skip
"""The API groups of Kubernetes itself (k8s.io/kubernetes/pkg/apis); all others are custom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedKind:
    """One kind in one version. `rank` is smaller for versions that the cluster prefers."""

    group: str
    version: str
    name: str
    plural: str
    namespaced: bool
    verbs: frozenset[str]
    rank: int = 0

    @property
    def api_version(self) -> str:
        """As manifests name it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def kind(self) -> str:
        """As resource ids name it."""
        return kind_of(self.api_version, self.name)


def kind_of(api_version: str, name: str) -> str:
    """The kind in resource ids: `deployment`, and `widget.example.com` for a custom one."""
    group = api_version.rpartition("/")[0]
    return name.lower() if group in _BUILT_IN else f"{name.lower()}.{group}"


class Serving:
    """What one cluster serves; asked when it is first needed and then once a minute at most."""

    def __init__(self, sender: Sender, clock: Clock) -> None:
        self._sender, self._clock = sender, clock
        self._kinds: tuple[ServedKind, ...] = ()
        self._by_kind: dict[str, list[ServedKind]] = {}
        self._release = (0, 0)
        self._asked_s: float | None = None
        self._turn = asyncio.Lock()

    async def kinds(self, *, fresh: bool = False) -> tuple[ServedKind, ...]:
        """All kinds. Raises `TargetError` when the cluster does not say what it serves."""
        async with self._turn:
            age_s = None if self._asked_s is None else self._clock.monotonic_s() - self._asked_s
            if fresh or age_s is None or age_s > FRESH_S:
                await self._ask()
        return self._kinds

    async def find(self, kind: str, api_version: str = "") -> ServedKind | None:
        """The kind in `api_version` when that is served, else in the version preferred; None when it is not served."""
        await self.kinds()
        if kind not in self._by_kind:
            await self.kinds(fresh=True)
        return _best(self._by_kind.get(kind, ()), api_version)

    async def place(self, kind: str, name: str, api_version: str = "") -> Place:
        """See `Locator`."""
        found = await self.find(kind, api_version)
        if found is None:
            raise Rejected(
                f"The cluster does not serve {kind}.",
                next_step="Install what defines it, then plan again: opstwin targets test <target>",
                details={"kind": kind},
            )
        namespace, _, own = name.rpartition("/")
        return Place(
            kind=kind, group=found.group, version=found.version, plural=found.plural, name=own,
            namespace=namespace if found.namespaced else "",
        )  # fmt: skip

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor of the cluster's release, as of the last answer; zeros before the first."""
        return self._release

    def served(self) -> Served | None:
        """What is known without asking, in the form of the manifest generator; None before the first answer."""
        if self._asked_s is None:
            return None
        pairs = frozenset((item.api_version, item.name) for item in self._kinds)
        return Served(kinds=pairs, release=self._release)

    async def _ask(self) -> None:
        version, core, groups = await asyncio.gather(self._get("/version"), self._get("/api"), self._get("/apis"))
        paths = [f"/api/{name}" for name in core.get("versions", [])]
        ranked: dict[str, int] = {}
        for group in groups.get("groups", []):
            preferred = group.get("preferredVersion", {}).get("groupVersion")
            for item in group.get("versions", []):
                ranked[f"/apis/{item['groupVersion']}"] = int(item["groupVersion"] != preferred)
        answers = await asyncio.gather(*(self._get(path) for path in (*paths, *ranked)), return_exceptions=True)
        found: list[ServedKind] = []
        for path, answer in zip((*paths, *ranked), answers, strict=True):
            if isinstance(answer, OpstwinError):
                continue  # a group whose own server is away must not hide all others
            if isinstance(answer, BaseException):
                raise answer
            found += _kinds_in(answer, ranked.get(path, 0))
        self._kinds, self._release = tuple(found), _release_of(version)
        self._by_kind = {}
        for item in found:
            self._by_kind.setdefault(item.kind, []).append(item)
        self._asked_s = self._clock.monotonic_s()

    async def _get(self, path: str) -> Mapping[str, Any]:
        answer = await self._sender.send(Call(method="GET", path=path, deadline_s=_LOOK_S))
        if not answer.ok:
            raise refusal(answer, f"to say what it serves ({path})")
        return answer.body


def _kinds_in(answer: Mapping[str, Any], rank: int) -> Iterable[ServedKind]:
    group, _, version = str(answer.get("groupVersion", "")).rpartition("/")
    for item in answer.get("resources") or []:
        if "/" not in item.get("name", "/"):
            yield ServedKind(
                group=group, version=version, name=item["kind"], plural=item["name"], rank=rank,
                namespaced=bool(item.get("namespaced")), verbs=frozenset(item.get("verbs") or ()),
            )  # fmt: skip


def _best(versions: Iterable[ServedKind], api_version: str) -> ServedKind | None:
    """A kind in the version asked for when it is served, else in the best one."""
    return min(versions, key=lambda item: (item.api_version != api_version, preference(item)), default=None)


def preference(item: ServedKind) -> tuple[int, bool, int]:
    """Smaller is better: the versions that are written, then the core API, then the version that the cluster prefers.

    Lists, watches and single looks go by the same order, or one object would be seen in two shapes.
    """
    known = WANTED.get(item.name, ())
    place = known.index(item.api_version) if item.api_version in known else len(known)
    return place, bool(item.group), item.rank


def _release_of(version: Mapping[str, Any]) -> tuple[int, int]:
    numbers = ["".join(filter(str.isdigit, str(version.get(name, "")))) or "0" for name in ("major", "minor")]
    return int(numbers[0]), int(numbers[1])
