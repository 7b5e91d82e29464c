"""Reads one cluster: who it is, what is there, how one thing does, what it writes and uses."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

from opstwin.clock import Clock
from opstwin.domain.kinds import runs
from opstwin.domain.resource import Presence
from opstwin.domain.values import Json, ResourceId, TargetId, resource_id
from opstwin.errors import NotFound, Rejected, TargetError
from opstwin.targets.kubernetes.families import Families, newest, selector_of
from opstwin.targets.kubernetes.health import at
from opstwin.targets.kubernetes.listing import Denied, collection_of, everything, typed
from opstwin.targets.kubernetes.log_following import Followed, Following
from opstwin.targets.kubernetes.logs import Logs
from opstwin.targets.kubernetes.permitted import permitted
from opstwin.targets.kubernetes.probing import Probes
from opstwin.targets.kubernetes.refusals import refusal
from opstwin.targets.kubernetes.rights import Rights
from opstwin.targets.kubernetes.scope import SETS, Scope, is_shown
from opstwin.targets.kubernetes.sending import Call, Place, Sender
from opstwin.targets.kubernetes.serving import ServedKind, Serving
from opstwin.targets.kubernetes.sightings import full_name, maker_of, sighting_of, unreadable
from opstwin.targets.kubernetes.streaming import Streams
from opstwin.targets.kubernetes.throttling import HeldBack
from opstwin.targets.kubernetes.unserved import is_nowhere_defined
from opstwin.targets.kubernetes.usage import Uses
from opstwin.targets.kubernetes.watching import Watch
from opstwin.targets.ports import ALL_OF_A_KIND, LogLine, Permission, Sighting, TargetEvent, TargetInfo, UsageReading

AT_ONCE: Final = 8
"""Lists asked for at the same time."""

LOOK_S: Final = 10.0
_SYSTEM: Final = "/api/v1/namespaces/kube-system"
_MADE_BY_TEMPLATE: Final = frozenset({"deployment", "statefulset", "daemonset", "job", "replicaset"})
Object = Mapping[str, Any]


class KubernetesReader:
    """Reads for one target; see the port."""

    def __init__(
        self, target: TargetId, sender: Sender, streams: Streams, serving: Serving, scope: Scope, clock: Clock
    ) -> None:
        self._target, self._sender, self._serving, self._scope = target, sender, serving, scope
        self._logs, self._uses, self._held_back = Logs(streams, sender), Uses(sender, clock), HeldBack(streams, clock)
        self._streams, self._clock = streams, clock
        self._probes = Probes(sender, clock)
        self._watch = Watch(target, sender, streams, serving, scope, clock)

    async def info(self) -> TargetInfo:
        """Who the cluster is: the uid of its namespace `kube-system` stays for life."""
        system = await self._sender.send(Call(method="GET", path=_SYSTEM, deadline_s=LOOK_S))
        if not system.ok:
            raise refusal(system, "to say who it is (namespace kube-system)")
        version = await self._sender.send(Call(method="GET", path="/version", deadline_s=LOOK_S))
        kinds = await self._serving.kinds()
        details: dict[str, Json] = {
            "platform": version.body.get("platform"), "kinds": len({item.kind for item in kinds}),
            "apis": [*sorted({item.api_version for item in kinds})],
        }  # fmt: skip
        return TargetInfo(
            identity=str(at(system.body, "metadata", "uid") or ""),
            version=str(version.body.get("gitVersion") or "unknown"), details=details,
        )  # fmt: skip

    async def permitted(self) -> Sequence[Permission]:
        """What the hub's account may do; see `Permitting`."""
        return await permitted(Rights(self._sender), self._scope, await self._serving.kinds())

    async def discover(self) -> Sequence[Sighting]:
        """Everything of the kinds in scope; see the port.

        A kind that may not be listed is told by one sighting named `*` that says so.
        """
        kinds = self._scope.kinds(await self._serving.kinds())
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(kind: ServedKind) -> list[Object] | Denied:
            async with slots:
                return await self._listed(kind)

        sets = next((item for item in await self._serving.kinds() if item.kind == SETS), None)
        wanted = [*kinds, *([sets] if sets else [])]
        found = await asyncio.gather(*map(one, wanted))
        pairs = list(zip(wanted, found, strict=True))
        hidden = [self._hidden(kind, item) for kind, item in pairs if isinstance(item, Denied)]
        if len(hidden) == len(pairs):
            raise Rejected(
                f"The hub's account may list nothing in the cluster: {hidden[0].error if hidden else 'no kinds'}.",
                next_step="Give it a role that may get, list and watch, then: opstwin targets test <target>",
            )
        held = {kind.kind: [] if isinstance(items, Denied) else items for kind, items in pairs}
        families = Families(held.get("pod", ()), held.get(SETS, ()))
        seen = [sighting for kind in kinds for sighting in self._seen(kind.kind, held[kind.kind], families)]
        return [*seen, *hidden]

    async def observe(self, resource: ResourceId) -> Sighting:
        """One object and, of a workload, its newest pods; see the port."""
        _, kind, name = (*resource.split("/", 2), "", "")[:3]
        try:
            return await self._looked(resource, kind, name)
        except TargetError as error:
            return Sighting(
                resource=resource, kind=kind, name=name, presence=Presence.UNKNOWN, error=error.message
            )  # fmt: skip

    def watch(self) -> AsyncIterator[TargetEvent]:
        """Changes as they happen; see the port and `opstwin.targets.kubernetes.watching`."""
        return self._watch.events()

    async def logs(self, resource: ResourceId, *, tail: int, follow: bool) -> AsyncIterator[LogLine]:
        """What a pod, or the pods of a workload, write; see the port and `opstwin.targets.kubernetes.log_following`."""
        _, kind, name = resource.split("/", 2)
        item = await self._there(kind, name)
        if follow and kind in _MADE_BY_TEMPLATE:
            place = await self._serving.place(kind, name)
            followed = Followed(
                resource=resource, place=place, selector=selector_of(item), look=lambda: self._live(place),
                pods=lambda: self._by_selector("pods", kind, item),
            )  # fmt: skip
            found = Following(followed, self._logs, self._streams, self._clock).lines(tail)
        else:
            pods = [item] if kind == "pod" else await self._by_selector("pods", kind, item)
            found = self._logs.lines(resource, pods, tail=tail, follow=follow)
        async with aclosing(found) as lines:
            async for line in lines:
                yield line

    async def usage(self, resource: ResourceId) -> UsageReading:
        """What a pod, or the pods of a workload together, use now; see the port."""
        _, kind, name = resource.split("/", 2)
        return await self._uses.of(resource, [full_name(pod) for pod in await self._pods_of(kind, name)])

    async def usage_of_many(self, resources: Sequence[ResourceId]) -> Mapping[ResourceId, UsageReading]:
        """What runs of all these, from one answer for the whole cluster; see `UsageOfMany`."""
        pods = next((item for item in await self._serving.kinds() if item.kind == "pod" and not item.group), None)
        listed = await self._listed(pods) if pods is not None else []
        if isinstance(listed, Denied):
            return {}
        members: dict[tuple[str, str], list[str]] = defaultdict(list)
        for pod in listed:
            name = full_name(pod)
            members["pod", name].append(name)
            maker = maker_of(pod)
            if maker is not None:
                members[maker].append(name)
        wanted = {resource: members.get((parts[1], parts[2]), []) for resource in resources
                  if len(parts := resource.split("/", 2)) == 3}  # fmt: skip
        found = await self._uses.of_many(wanted)
        held_back = await self._held_back.of(listed, {resource: wanted[resource] for resource in found})
        return {item: replace(reading, throttled_periods=held_back.get(item)) for item, reading in found.items()}

    async def _looked(self, resource: ResourceId, kind: str, name: str) -> Sighting:
        absent = Sighting(resource=resource, kind=kind, name=name, presence=Presence.ABSENT)
        if await self._serving.find(kind) is None and await is_nowhere_defined(self._sender, kind):
            return absent
        found = await self._live(await self._serving.place(kind, name))
        if found is None:
            return absent
        pods = await self._newest_of(kind, found)
        return await self._probes.over(self._one(kind, found, pods), pods)

    async def _newest_of(self, kind: str, item: Object) -> Sequence[Object]:
        """A pod itself, or the pods of a workload that are of its newest template."""
        if kind not in _MADE_BY_TEMPLATE:
            return [item] if kind == "pod" else []
        pods = await self._by_selector("pods", kind, item)
        sets = await self._by_selector("replicasets", kind, item) if kind == "deployment" else []
        return newest(kind, item, pods, sets)

    async def _pods_of(self, kind: str, name: str) -> list[Object]:
        """The pods of a workload, or the one pod. Raises `NotFound` or `TargetError`."""
        item = await self._there(kind, name)
        return [item] if kind == "pod" else await self._by_selector("pods", kind, item)

    async def _there(self, kind: str, name: str) -> Object:
        """The object. Raises `NotFound` or `TargetError`."""
        place = await self._serving.place(kind, name)
        found = await self._live(place)
        if found is None:
            raise NotFound(f"There is no {place.words}.", next_step="See what there is: opstwin get")
        return found

    async def _live(self, place: Place) -> Object | None:
        """The object as it is now, None when it is not there. Raises `TargetError`."""
        answer = await self._sender.send(Call(method="GET", path=place.path, deadline_s=LOOK_S))
        if answer.status == 404:
            return None
        if not answer.ok:
            raise refusal(answer, f"to show {place.words}")
        return answer.body

    async def _by_selector(self, plural: str, kind: str, item: Object) -> list[Object]:
        """What a workload's selector matches and it owns. Pods that may not be listed are none: health says less."""
        selector = selector_of(item)
        if not selector:
            return []
        root = "/apis/apps/v1" if plural == "replicasets" else "/api/v1"
        path = f"{root}/namespaces/{at(item, 'metadata', 'namespace')}/{plural}"
        try:
            found = await everything(self._sender, path, query={"labelSelector": selector})
        except Denied:
            return []
        own = full_name(item)
        return [entry for entry in found if plural != "pods" or maker_of(entry) in ((kind, own), None)]

    async def _listed(self, kind: ServedKind) -> list[Object] | Denied:
        found: list[Object] = []
        for namespace in self._scope.places(kind):
            try:
                found += await everything(
                    self._sender, collection_of(kind, namespace), query=self._scope.query(kind.kind)
                )  # fmt: skip
            except Denied as denied:
                return denied
        return [typed(kind, item) for item in found]

    def _seen(self, kind: str, items: Iterable[Object], families: Families) -> Iterator[Sighting]:
        for item in items:
            if is_shown(kind, item):
                pods = families.newest(kind, item) if runs(kind) and kind != "pod" else ()
                yield self._one(kind, item, pods)

    def _one(self, kind: str, item: Object, pods: Sequence[Object]) -> Sighting:
        try:
            return sighting_of(self._target, kind, item, pods)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # One object of a form that nobody foresaw must not hide all others.
            return unreadable(self._target, kind, item, error)

    def _hidden(self, kind: ServedKind, denied: Denied) -> Sighting:
        return Sighting(
            resource=resource_id(self._target, kind.kind, ALL_OF_A_KIND), kind=kind.kind, name=ALL_OF_A_KIND,
            presence=Presence.UNKNOWN, error=denied.why[:500],
        )  # fmt: skip
