"""What the probes of pods said: only the cluster's events tell it.

A container that fails its liveness probe runs and is ready until the kubelet has had enough of it, so its status alone
looks well; and of one that never becomes ready the status does not say why.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from opstwin.clock import Clock
from opstwin.domain.resource import Health
from opstwin.manifests.patience import killed_after_s, probed_every_s
from opstwin.targets.kubernetes.health import STUCK, at
from opstwin.targets.kubernetes.listing import Denied, everything
from opstwin.targets.kubernetes.sending import Sender
from opstwin.targets.ports import Sighting

_KILLED: Final = "failed liveness probe"
_FAILED: Final = "Liveness probe "
"""How the kubelet begins (k8s.io/kubernetes/pkg/kubelet/prober/prober.go) and ends with it (kuberuntime_manager.go)."""

_GRACE_S: Final = 30.0
"""The API's default of `terminationGracePeriodSeconds`: for so long a container that was killed still looks well."""

_SLACK_S: Final = 30.0
"""Clocks of the hub and of nodes may differ, and probes come late on busy nodes."""

_MOST_WORDS: Final = 300
Object = Mapping[str, Any]


class Probes:
    """Asks one cluster about the newest pods of a workload."""

    def __init__(self, sender: Sender, clock: Clock) -> None:
        self._sender, self._clock = sender, clock

    async def over(self, seen: Sighting, pods: Sequence[Object]) -> Sighting:
        """`seen`, worse for what looks well and fails its liveness probe, and told why for what is stuck.

        Raises `TargetError`.
        """
        if seen.health is Health.HEALTHY:
            return await self._alive(seen, [pod for pod in pods if self._is_young(pod)])
        return await self._told(seen, pods) if seen.facts.get("state") == STUCK else seen

    async def _told(self, seen: Sighting, pods: Sequence[Object]) -> Sighting:
        """What kept pods from becoming ready until their time was over."""
        names = {str(at(pod, "metadata", "name")) for pod in pods}
        events = await self._events(pods, "Unhealthy")
        mine = [item for item in events if str(at(item, "involvedObject", "name")) in names]
        last = max(mine, key=lambda item: str(item.get("lastTimestamp")), default=None)
        if last is None:
            return seen
        return _worse(seen, Health.UNHEALTHY, STUCK, f"{str(seen.facts.get('why')).rstrip('.')}: {_why(last)}")

    async def _alive(self, seen: Sighting, young: Sequence[Object]) -> Sighting:
        since = {str(at(pod, "metadata", "name")): _began(pod) for pod in young}
        events = await self._events(young, "Unhealthy", "Killing")
        mine = [item for item in events if self._counts(item, since, young)]
        killed = next((item for item in mine if _KILLED in _said(item)), None)
        failing = next((item for item in mine if _said(item).startswith(_FAILED)), None)
        if killed is not None:
            return _worse(seen, Health.UNHEALTHY, "not alive", _why(killed, failing))
        return seen if failing is None else _worse(seen, Health.STARTING, "not alive yet", _why(failing))

    def _is_young(self, pod: Object) -> bool:
        """Whether its liveness probe may still be about to end a container."""
        began = _began(pod)
        needs_s = max((killed_after_s(item) for item in at(pod, "spec", "containers") or ()), default=0.0)
        if began is None or not needs_s:
            return False
        grace_s = at(pod, "spec", "terminationGracePeriodSeconds")
        grace_s = float(grace_s) if isinstance(grace_s, int) else _GRACE_S
        return self._clock.now() - began < timedelta(seconds=needs_s + grace_s + _SLACK_S)

    def _counts(self, event: Object, since: Mapping[str, datetime | None], pods: Sequence[Object]) -> bool:
        """Whether an event is about one of these pods, since it last began, and not of a fault that has passed."""
        began = since.get(str(at(event, "involvedObject", "name")))
        last = _moment(at(event, "lastTimestamp"))
        if began is None or last is None or last < began:
            return False
        every_s = max((probed_every_s(item) for pod in pods for item in at(pod, "spec", "containers") or ()), default=0)
        return _KILLED in _said(event) or self._clock.now() - last < timedelta(seconds=2 * every_s + _SLACK_S)

    async def _events(self, pods: Sequence[Object], *reasons: str) -> list[Object]:
        """Those of the kubelet in the namespace of the pods. An account that may not see them learns no more."""
        path = f"/api/v1/namespaces/{at(pods[0], 'metadata', 'namespace')}/events" if pods else ""
        found: list[Object] = []
        for reason in reasons if pods else ():
            query = {"fieldSelector": f"involvedObject.kind=Pod,reason={reason}"}
            try:
                found += await everything(self._sender, path, query=query)
            except Denied:
                return []
        return found


def _worse(seen: Sighting, health: Health, state: str, why: str) -> Sighting:
    return replace(seen, health=health, facts={**seen.facts, "state": state, "why": why})


def _why(*events: Object | None) -> str:
    """The kubelet's own words."""
    words = (" ".join(_said(item).split()).rstrip(".: ") for item in events if item is not None)
    return "; ".join(words)[:_MOST_WORDS]


def _began(pod: Object) -> datetime | None:
    """When the container that began last did so."""
    statuses = at(pod, "status", "containerStatuses")
    return max(filter(None, _begun(statuses if isinstance(statuses, list) else [])), default=None)


def _begun(statuses: Sequence[Object]) -> Iterator[datetime | None]:
    return (_moment(at(status, "state", "running", "startedAt")) for status in statuses)


def _said(event: Object) -> str:
    return str(event.get("message") or "")


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
