"""What pods write: one pod, or all of a workload side by side."""

import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from opstwin.domain.values import ResourceId
from opstwin.errors import NotFound, Rejected
from opstwin.targets.kubernetes.cleaning import secrets_of
from opstwin.targets.kubernetes.confluence import Confluence
from opstwin.targets.kubernetes.health import at
from opstwin.targets.kubernetes.pod_secrets import PodSecrets, Ref, refs_of
from opstwin.targets.kubernetes.sending import Sender
from opstwin.targets.kubernetes.streaming import Streams
from opstwin.targets.own_secrets import OwnSecrets, both
from opstwin.targets.ports import HUB, LogLine

IDLE_S: Final = 3600.0
"""A followed log may be silent for long; a log that is only read ends by itself."""

READ_S: Final = 30.0
MOST_PODS: Final = 20
"""Logs read at the same time; of a larger workload the pods that come first by name."""

_UNREAD: Final = "Opstwin could not read Secret {name} ({why}), so its values are not masked in this log."

Object = Mapping[str, Any]
Lines = AsyncGenerator[LogLine, None]


@dataclass(frozen=True, slots=True)
class Source:
    """One container of a pod; `start` is the id of its newest start, empty before the first, `began` when that was.

    `own` are the secrets of its pod, which are masked in what it writes, and so are those that `refs` name.
    """

    namespace: str
    pod: str
    uid: str
    container: str
    start: str = ""
    began: str = ""
    own: OwnSecrets = field(default=OwnSecrets(), compare=False)
    refs: tuple[Ref, ...] = field(default=(), compare=False)


class Logs:
    """Reads logs over one connection."""

    def __init__(self, streams: Streams, sender: Sender) -> None:
        self._streams, self._secrets = streams, PodSecrets(sender)

    async def lines(self, resource: ResourceId, pods: Sequence[Object], *, tail: int, follow: bool) -> Lines:
        """See `Reader.logs`; with more than one container each line begins with the name of who wrote it."""
        sources = sources_of(resource, pods)
        labelled = len(sources) > 1
        if follow:
            merged = Confluence()
            for source in sources:
                merged.add(self.followed(source, tail, lambda: labelled))
            async with aclosing(merged.lines()) as lines:
                async for line in lines:
                    yield line
            return
        found: list[LogLine] = []
        for source in sources:
            query = {"tailLines": str(tail)}
            async with aclosing(self._one(source, query, lambda: labelled, idle_s=READ_S)) as lines:
                found += [line async for line in lines]
        if labelled:
            found.sort(key=lambda line: line.at.timestamp() if line.at else 0.0)
        told = dict.fromkeys(line for line in found if line.stream == HUB)
        written = [line for line in found if line.stream != HUB]
        for line in (*told, *written[-tail:]) if tail else ():
            yield line

    def followed(self, source: Source, tail: int | None, labelled: Callable[[], bool]) -> Lines:
        """What a container writes, from its last `tail` lines on, or (None) from its newest start, until it ends."""
        past = {"sinceTime": source.began} if source.began else {}
        query = {"follow": "true", **(past if tail is None else {"tailLines": str(tail)})}
        return self._one(source, query, labelled, idle_s=IDLE_S)

    async def _one(
        self, source: Source, query: Mapping[str, str], labelled: Callable[[], bool], *, idle_s: float
    ) -> Lines:
        path = f"/api/v1/namespaces/{source.namespace}/pods/{source.pod}/log"
        asked = {"container": source.container, "timestamps": "true", **query}
        own = source.own
        if source.refs:
            known = await self._secrets.of(source.namespace, source.refs, (source.pod, source.container))
            own = both(own, known.own)
            for secret, why in known.unread:
                yield LogLine(at=None, stream=HUB, text=_UNREAD.format(name=f"{source.namespace}/{secret}", why=why))
        try:
            async with aclosing(self._streams.lines(path, asked, idle_s=idle_s)) as lines:
                async for raw in lines:
                    line = own.line(_line(raw))
                    label = f"{source.pod}/{source.container}: " if labelled() else ""
                    yield replace(line, text=label + line.text) if label else line
        except Rejected as refused:
            # A container that has not begun yet has written nothing.
            if not labelled() and "waiting to start" not in refused.message and "not found" not in refused.message:
                raise


def sources_of(resource: ResourceId, pods: Sequence[Object]) -> list[Source]:
    """The containers of the pods that come first by name. Raises `NotFound` when there is none."""
    first = sorted(pods, key=lambda pod: str(at(pod, "metadata", "name")))[:MOST_PODS]
    found = [source for pod in first for source in sources_in(pod)]
    if not found:
        raise NotFound(f"{resource} has no container that writes.", next_step=f"See it: opstwin get {resource}")
    return found


def sources_in(pod: Object) -> list[Source]:
    """The containers of a pod."""
    namespace, name, uid = (str(at(pod, "metadata", key)) for key in ("namespace", "name", "uid"))
    states = {item.get("name"): item for item in at(pod, "status", "containerStatuses") or ()}
    own, refs = secrets_of(pod), refs_of(pod)
    found = []
    for container in at(pod, "spec", "containers") or ():
        state = states.get(container.get("name")) or {}
        start, began = str(state.get("containerID") or ""), _began(state)
        found.append(Source(namespace, name, uid, str(container.get("name")), start, began, own, refs))
    return found


def _began(state: Object) -> str:
    places = (("state", "running"), ("state", "terminated"), ("lastState", "terminated"))
    return next((str(said) for place in places if (said := at(state, *place, "startedAt"))), "")


def _line(raw: bytes) -> LogLine:
    """A line with its moment: the kubelet writes both streams as one."""
    text = raw.decode(errors="replace").rstrip("\r")
    moment, _, rest = text.partition(" ")
    with contextlib.suppress(ValueError):
        return LogLine(at=datetime.fromisoformat(moment), stream="stdout", text=rest)
    return LogLine(at=None, stream="stdout", text=text)
