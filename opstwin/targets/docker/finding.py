"""Finding one thing by its exact name. Engines also take the beginning of an id for a name; nothing here does."""

import re
from collections.abc import Awaitable, Callable
from typing import Final

from opstwin.domain.values import ResourceId, TargetId
from opstwin.errors import NotFound, Unreachable
from opstwin.targets.docker.client import Deadline
from opstwin.targets.docker.defaults import Found
from opstwin.targets.docker.describing import Seen
from opstwin.targets.docker.engine import Engine
from opstwin.targets.docker.images import Images
from opstwin.targets.docker.marks import marks_of
from opstwin.targets.docker.sightings import (
    KINDS,
    container_sighting,
    image_sighting,
    name_of,
    network_sighting,
    tags_of,
    volume_sighting,
)
from opstwin.targets.ports import Sighting
from opstwin.targets.specs import full_image_name

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/+-]*", re.ASCII)


class Finder:
    """Looks single things up on one engine. Everything raises `NotFound` on an engine's own word only."""

    def __init__(self, target: TargetId, engine: Engine, images: Images) -> None:
        self.target, self.engine, self.images = target, engine, images

    def split(self, resource: ResourceId) -> tuple[str, str]:
        """Kind and name. Raises `NotFound` for an id that can be of nothing on this target."""
        target, kind, name = (*resource.split("/", 2), "", "")[:3]
        if target != self.target or kind not in KINDS or not _NAME.fullmatch(name) or ".." in name.split("/"):
            raise NotFound(f"{resource[:200]!r} is nothing that {self.target} can have.", next_step="See: opstwin get")
        return kind, name

    async def sighting(self, kind: str, name: str, deadline: Deadline | None = None) -> Sighting:
        """One thing of any kind."""
        find: dict[str, Callable[[str, Deadline | None], Awaitable[Sighting]]] = {
            "container": self._container,
            "volume": self._volume,
            "network": self._network,
            "image": self._image,
        }
        return await find[kind](name, deadline)

    async def container(self, name: str, deadline: Deadline | None = None) -> Found:
        """A container as the engine describes it."""
        found: Found = await self._read("container", name, ("containers", name, "json"), deadline)
        return self._exactly(found, "container", name, name_of(found))

    async def volume(self, name: str, deadline: Deadline | None = None) -> Found:
        """A volume as the engine describes it."""
        found: Found = await self._read("volume", name, ("volumes", name), deadline)
        return self._exactly(found, "volume", name, str(found.get("Name") or ""))

    async def network(self, name: str, deadline: Deadline | None = None) -> Found:
        """A network as the engine describes it."""
        found: Found = await self._read("network", name, ("networks", name), deadline)
        return self._exactly(found, "network", name, str(found.get("Name") or ""))

    async def seen(self, found: Found, deadline: Deadline | None = None) -> Seen:
        """A container with what its image brings and its marks."""
        image = await self.images.defaults(str(found.get("Image") or ""), deadline)
        return Seen(found, image, marks_of((found.get("Config") or {}).get("Labels")))

    async def _container(self, name: str, deadline: Deadline | None) -> Sighting:
        return container_sighting(self.target, await self.seen(await self.container(name, deadline), deadline))

    async def _volume(self, name: str, deadline: Deadline | None) -> Sighting:
        return volume_sighting(self.target, await self.volume(name, deadline))

    async def _network(self, name: str, deadline: Deadline | None) -> Sighting:
        return network_sighting(self.target, await self.network(name, deadline))

    async def _image(self, name: str, deadline: Deadline | None) -> Sighting:
        found: Found = await self._read("image", name, ("images", name, "json"), deadline)
        names = {str(found.get("Id")), *tags_of(found), *(found.get("RepoDigests") or ())}
        if name not in names and full_image_name(name) not in names:
            raise self._nothing("image", name)
        return image_sighting(self.target, name, found, self.images.learn(found))

    async def _read(self, kind: str, name: str, path: tuple[str, ...], deadline: Deadline | None) -> Found:
        try:
            found: Found = await self.engine.call(f"{kind}.inspect", lambda api: api.read(*path), deadline)
        except NotFound as error:
            raise self._nothing(kind, name) from error
        return found

    def _exactly(self, found: Found, kind: str, name: str, said: str) -> Found:
        if not said:
            raise Unreachable(
                f"What answers at {self.engine.place.endpoint} is no Docker Engine.",
                next_step=f"Correct the target's address, then: opstwin targets test {self.target}",
            )
        if said != name:
            raise self._nothing(kind, name)
        return found

    def _nothing(self, kind: str, name: str) -> NotFound:
        return NotFound(
            f"There is no {kind} {name} on {self.target}.",
            next_step="See what is there: opstwin discover, then opstwin get",
            details={"kind": kind, "name": name},
        )
