"""What the probes of pods said: only the cluster's events tell it.

A container that fails its liveness probe runs and is ready until the kubelet has had enough of it, so its status alone
looks well; and of one that never becomes ready the status does not say why.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from opstwin.clock import Clock
from opstwin.domain.resource import Health
from opstwin.manifests.patience import ended_after_s, probed_after_s, probed_every_s, told_by_s
from opstwin.targets.kubernetes.health import STUCK, at, conditions_in
from opstwin.targets.kubernetes.listing import Denied, everything
from opstwin.targets.kubernetes.sending import Sender
from opstwin.targets.ports import Sighting

_KILLED: Final = "failed liveness probe"
_FAILED: Final = "Liveness probe "
"""How the kubelet begins (k8s.io/kubernetes/pkg/kubelet/prober/prober.go) and ends with it (kuberuntime_manager.go)."""

_SLACK_S: Final = 30.0
"""Clocks of the hub and of nodes may differ, and probes come late on busy nodes."""

_PROMPT_S: Final = 2.0
"""What a kubelet tells comes within this time, unless more happens on its node than it may tell: 5 events a second, and
10 at once (`eventRecordQPS` and `eventBurst` until Kubernetes 1.26; since then 50 and 100). The rest queues up."""

_WORDS: Final = {"fieldSelector": ",".join(
    ["involvedObject.kind=Pod", *(f"reason!={item}" for item in ("Scheduled", "Pulling", "Pulled", "Created"))]
)}  # fmt: skip
"""What kubelets say of pods, without most of what is not asked for here."""

_ENDED_SO: Final = frozenset({137, 143})
"""How processes end that are killed or, before that, asked to end."""

_MOST_WORDS: Final = 300
Object = Mapping[str, Any]


class Probes:
    """Asks one cluster about the newest pods of a workload."""

    def __init__(self, sender: Sender, clock: Clock) -> None:
        self._sender, self._clock = sender, clock

    async def over(self, seen: Sighting, pods: Sequence[Object]) -> Sighting:
        """`seen`, worse for what looks well and fails its liveness probe or whose node has not told yet, and told why
        for what is stuck.

        Raises `TargetError`.
        """
        if seen.health is Health.HEALTHY:
            return await self._alive(seen, [pod for pod in pods if self._is_young(pod)])
        if seen.facts.get("state") == STUCK:
            return await self._told(seen, pods)
        killed = [pod for pod in pods if _was_killed(pod)] if seen.health is Health.UNHEALTHY else []
        return await self._told(seen, killed, _FAILED, "its liveness probe may have failed") if killed else seen

    async def _told(self, seen: Sighting, pods: Sequence[Object], of: str = "", untold: str = "") -> Sighting:
        """What kept pods from becoming ready, or ended them, with words that begin with `of`; else `untold`."""
        names = {_name(pod) for pod in pods}
        events = (await self._events(pods) if pods else None) or []
        mine = [item for item in events if _about(item) in names and item.get("reason") == "Unhealthy"]
        last = max((item for item in mine if _said(item).startswith(of)), key=_last, default=None)
        said = untold if last is None else _why(last)
        why = str(seen.facts.get("why")).rstrip(".")
        return _worse(seen, Health.UNHEALTHY, str(seen.facts.get("state")), f"{why}: {said}") if said else seen

    async def _alive(self, seen: Sighting, young: Sequence[Object]) -> Sighting:
        events = await self._events(young) if young else None
        if events is None:
            return seen
        mine = [item for item in events if self._counts(item, young)]
        killed = next((item for item in mine if _KILLED in _said(item)), None)
        failing = next((item for item in mine if _said(item).startswith(_FAILED)), None)
        if killed is not None:
            return _worse(seen, Health.UNHEALTHY, "not alive", _why(killed, failing))
        if failing is not None:
            return _worse(seen, Health.STARTING, "not alive yet", _why(failing))
        untold = next((pod for pod in young if self._is_untold(pod, events)), None)
        if untold is None:
            return seen
        why = f"node {at(untold, 'spec', 'nodeName')} tells late, and has not told of all liveness probes yet"
        return _worse(seen, Health.STARTING, "not told yet", why)

    def _is_young(self, pod: Object) -> bool:
        """Whether its liveness probe may still be about to end a container."""
        since, ended_s = _ran(pod), ended_after_s(at(pod, "spec"))
        return since is not None and ended_s > 0 and self._age_s(since) < ended_s + 2 * _SLACK_S

    def _counts(self, event: Object, pods: Sequence[Object]) -> bool:
        """Whether an event is about one of these pods, since it last began, and not of a fault that has passed."""
        began = next((_began(pod) for pod in pods if _name(pod) == _about(event)), None)
        last = _moment(event.get("lastTimestamp"))
        if began is None or last is None or last < began:
            return False
        every_s = max((probed_every_s(item) for pod in pods for item in at(pod, "spec", "containers") or ()), default=0)
        return _KILLED in _said(event) or self._age_s(last) < 2 * every_s + _SLACK_S + _delay_s(event)

    def _is_untold(self, pod: Object, events: Sequence[Object]) -> bool:
        """Whether a first failure may have happened, and waits in its node to be told.

        That a container began is told before anything of its probes. While that, or anything else of the node, came
        late, what follows it is waited for twice as long; until the container must have ended, its status shows it.
        """
        began, since, spec = _began(pod), _ran(pod), at(pod, "spec")
        if began is None or since is None:
            return False
        delays_s = [_delay_s(item) for item in events if _came_of(item, at(spec, "nodeName"), began)]
        is_told = any(_about(item) == _name(pod) and _tells_of_start(item, began) for item in events)
        late_s = max(delays_s, default=0.0) if is_told else self._age_s(began)
        if is_told and late_s <= _PROMPT_S:
            return False
        return self._age_s(since) < min(probed_after_s(spec) + 2 * late_s, told_by_s(spec))

    def _age_s(self, moment: datetime) -> float:
        return (self._clock.now() - moment).total_seconds()

    async def _events(self, pods: Sequence[Object]) -> list[Object] | None:
        """Those in the namespace of the pods, of pods. None for an account that may not see them."""
        path = f"/api/v1/namespaces/{at(pods[0], 'metadata', 'namespace')}/events"
        try:
            return await everything(self._sender, path, query=_WORDS)
        except Denied:
            return None


def _was_killed(pod: Object) -> bool:
    """Whether a container with a liveness probe last ended as such a probe ends it."""
    probed = {at(item, "name") for item in at(pod, "spec", "containers") or () if at(item, "livenessProbe")}
    statuses = [item for item in at(pod, "status", "containerStatuses") or () if at(item, "name") in probed]
    ends = [at(item, "lastState", "terminated") or at(item, "state", "terminated") for item in statuses]
    return any(at(end, "exitCode") in _ENDED_SO and at(end, "reason") != "OOMKilled" for end in ends)


def _came_of(event: Object, node: object, began: datetime) -> bool:
    """Whether an event is of the kubelet of a node, and was first seen since `began`."""
    made = _moment(at(event, "metadata", "creationTimestamp"))
    return at(event, "source", "host") == node and made is not None and made >= began


def _tells_of_start(event: Object, began: datetime) -> bool:
    last = _moment(event.get("lastTimestamp"))
    return event.get("reason") == "Started" and last is not None and last >= began


def _delay_s(event: Object) -> float:
    """How long it took from when it happened for the first time until the cluster had it; whole seconds."""
    first, made = _moment(event.get("firstTimestamp")), _moment(at(event, "metadata", "creationTimestamp"))
    return max((made - first).total_seconds(), 0.0) if first is not None and made is not None else 0.0


def _about(event: Object) -> str:
    return str(at(event, "involvedObject", "name"))


def _name(pod: Object) -> str:
    return str(at(pod, "metadata", "name"))


def _last(event: Object) -> str:
    return str(event.get("lastTimestamp"))


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


def _ran(pod: Object) -> datetime | None:
    """Since when all of it has begun and was ready: on a busy node it is ready long after it began."""
    ready = (item for item in conditions_in(pod) if item.get("type") == "Ready" and item.get("status") == "True")
    moments = (_moment(item.get("lastTransitionTime")) for item in ready)
    began = _began(pod)
    return max(filter(None, [began, *moments])) if began is not None else None


def _begun(statuses: Sequence[Object]) -> Iterator[datetime | None]:
    return (_moment(at(status, "state", "running", "startedAt")) for status in statuses)


def _said(event: Object) -> str:
    return str(event.get("message") or "")


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
