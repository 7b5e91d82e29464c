"""Containers that the kernel killed for want of memory, each told once as an event of its pod. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from opstwin.domain.values import Json, TargetId, resource_id
from opstwin.targets.kubernetes.health import at
from opstwin.targets.kubernetes.sightings import full_name, maker_of
from opstwin.targets.ports import TargetEvent

OUT_OF_MEMORY: Final = "OOMKilled"
CLOCKS: Final = timedelta(minutes=1)
"""By how much the clocks of the hub and of a node may differ."""

Object = Mapping[str, Any]


class Kills:
    """What was told already of the pods of one watch. Kills before `since` are left to what a look shows."""

    def __init__(self, target: TargetId, since: datetime) -> None:
        self._target, self._since = target, since - CLOCKS
        self._told: dict[str, set[tuple[str, datetime]]] = defaultdict(set)

    def new(self, pod: Object) -> Iterator[TargetEvent]:
        """The kills that a pod shows and that were not told yet; `of` in their details is what made the pod."""
        told = self._told[str(at(pod, "metadata", "uid"))]
        for container, moment in killed(pod):
            if moment >= self._since and (container, moment) not in told:
                told.add((container, moment))
                yield TargetEvent(
                    resource=resource_id(self._target, "pod", full_name(pod)), type="pod.oom", at=moment,
                    details=self._about(pod, container),
                )  # fmt: skip

    def forget(self, pod: Object) -> None:
        """The pod is gone."""
        self._told.pop(str(at(pod, "metadata", "uid")), None)

    def _about(self, pod: Object, container: str) -> Mapping[str, Json]:
        maker = maker_of(pod)
        return {"container": container, **({"of": resource_id(self._target, *maker)} if maker else {})}


def killed(pod: Object) -> Iterator[tuple[str, datetime]]:
    """The containers of a pod that ended for want of memory, and when."""
    for group in ("initContainerStatuses", "containerStatuses"):
        for status in at(pod, "status", group) or ():
            for state in ("state", "lastState"):
                ended = at(status, state, "terminated")
                moment = _moment(at(ended, "finishedAt"))
                if at(ended, "reason") == OUT_OF_MEMORY and moment is not None:
                    yield str(at(status, "name") or ""), moment


def _moment(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo else None
