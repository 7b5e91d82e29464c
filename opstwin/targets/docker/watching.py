"""The engine's events, as they happen, over any number of broken connections."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Final

from opstwin.clock import Clock
from opstwin.domain.values import Json, TargetId, resource_id
from opstwin.errors import LimitExceeded, NotFound, TargetError
from opstwin.targets.docker.client import path_of
from opstwin.targets.docker.engine import Engine
from opstwin.targets.docker.frames import JsonLines
from opstwin.targets.docker.marks import is_internal
from opstwin.targets.docker.sightings import name_of
from opstwin.targets.ports import TargetEvent
from opstwin.targets.specs import full_image_name

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
"""Pauses between attempts to connect double from the first to the longest."""

IDLE_S: Final = 300.0
"""After so long without any event the connection is made anew: a peer that vanished without a word is noticed so."""

WANTED: Final[Mapping[str, tuple[str, ...]]] = {
    "container": (
        "create", "start", "restart", "stop", "die", "oom", "pause", "unpause", "rename", "update", "destroy",
        "health_status",
    ),
    "volume": ("create", "destroy"),
    "network": ("create", "destroy", "connect", "disconnect"),
    "image": ("pull", "tag", "untag", "delete", "import", "load"),
}  # fmt: skip
"""Event types and their actions. Left out are the three events that every run of a health check brings, and noise."""

_SHOWN: Final = ("exitCode", "signal", "image", "oldName", "container")


class Watch:
    """Watches one engine for one target."""

    def __init__(self, target: TargetId, engine: Engine, clock: Clock) -> None:
        self._target, self._engine, self._clock = target, engine, clock

    async def events(self) -> AsyncGenerator[TargetEvent, None]:
        """See `Reader.watch`; the event that says "connected" is the one with `gap`."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                async with aclosing(self._connection()) as connection:
                    async for event in connection:
                        pause_s = FIRST_PAUSE_S
                        yield event
            except (TargetError, LimitExceeded, NotFound):
                # Nothing is lost by going on: the first event of the next connection says that some may be missing.
                pass
            await self._clock.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _connection(self) -> AsyncGenerator[TargetEvent, None]:
        """The events of one connection, until it ends."""
        actions = sorted({action for items in WANTED.values() for action in items})
        wanted = {"filters": json.dumps({"type": sorted(WANTED), "event": actions})}
        stream = await self._engine.open(
            "events", lambda api: api.answer("GET", path_of("events"), params=wanted, stream=True), idle_s=IDLE_S
        )
        try:
            yield TargetEvent(resource=None, type="connected", at=self._clock.now(), gap=True)
            lines = JsonLines()
            while data := await stream.read():
                for item in lines.feed(data):
                    for event in events_of(self._target, item):
                        yield event
                    async for event in self._of_members(item):
                        yield event
        finally:
            await stream.close()

    async def _of_members(self, item: Mapping[str, Any]) -> AsyncIterator[TargetEvent]:
        """The container's side of joining or leaving a network: the engine tells the network's side only."""
        id, network = (str(_attributes(item).get(key) or "") for key in ("container", "name"))
        if item.get("Type") != "network" or not id or network == "bridge":
            # Every container comes and goes on the default network, which no spec names.
            return
        try:
            found = await self._engine.call("container.inspect", lambda api: api.read("containers", id, "json"))
        except (NotFound, TargetError):
            return
        name = name_of(found)
        if not is_internal(name):
            resource = resource_id(self._target, "container", name)
            yield TargetEvent(resource=resource, type=f"container.network_{item.get('Action')}", at=_at(item))


def events_of(target: TargetId, item: Mapping[str, Any]) -> Iterator[TargetEvent]:
    """An engine's event as ours: none for noise, two for a rename (the old name is worth a look too). Pure."""
    kind = str(item.get("Type") or "")
    action, _, status = str(item.get("Action") or "").partition(":")
    attributes = _attributes(item)
    if action not in WANTED.get(kind, ()):
        return
    details: dict[str, Json] = {key: str(attributes[key]) for key in _SHOWN if key in attributes}
    details["id"] = str((item.get("Actor") or {}).get("ID") or "")
    if status:
        details["status"] = status.strip()
    old = str(attributes.get("oldName") or "").removeprefix("/")
    names = [name for name in (_name(kind, item), old) if name and not is_internal(name)]
    for name in names:
        # An image that loses its name is told by its id alone: something happened, but not to what.
        resource = None if name.startswith("sha256:") else resource_id(target, kind, name)
        yield TargetEvent(resource=resource, type=f"{kind}.{action}", at=_at(item), details=details)


def _name(kind: str, item: Mapping[str, Any]) -> str:
    id = str((item.get("Actor") or {}).get("ID") or "")
    name = id if kind == "volume" else str(_attributes(item).get("name") or id)
    return full_image_name(name) if kind == "image" and not name.startswith("sha256:") else name


def _attributes(item: Mapping[str, Any]) -> Mapping[str, Any]:
    found = (item.get("Actor") or {}).get("Attributes")
    return found if isinstance(found, dict) else {}


def _at(item: Mapping[str, Any]) -> datetime:
    """The engine's moment, cut to microseconds."""
    return datetime.fromtimestamp(int(item.get("timeNano") or 0) // 1000 / 1_000_000, UTC)
