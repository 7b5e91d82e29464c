"""All registries of a hub: which one an image is in, and what it says about it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from opstwin.clock import Clock
from opstwin.domain.target import Target
from opstwin.errors import NotFound, OpstwinError
from opstwin.registries.asking import HttpAsker, Resolver, system_resolver
from opstwin.registries.client import RegistryClient, Resolved, Tags
from opstwin.registries.configuring import places_of, places_of_targets, read
from opstwin.registries.loading import Kinds
from opstwin.registries.names import HUB, ImageName, image_name
from opstwin.registries.ports import AddressCheck, Place, Secrets
from opstwin.registries.tokens import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the registries work with. `targets` gives those that may name one in their settings."""

    file: Path
    kinds: Kinds
    secrets: Secrets
    clock: Clock
    check: AddressCheck
    targets: Callable[[], Awaitable[Sequence[Target]]]
    resolve: Resolver = system_resolver


@dataclass(frozen=True, slots=True)
class Registries:
    """Only what the configuration names is asked: an image of another host is nobody's, and no address of its own."""

    around: Surroundings
    _clients: dict[Place, RegistryClient] = field(default_factory=dict)

    async def places(self) -> tuple[Place, ...]:
        """The registries that are configured now; the file's word stands before a target's.

        Raises `InvalidInput` or `NotFound` naming what is wrong in the file.
        """
        text = await asyncio.to_thread(read, self.around.file)
        named = places_of(text, self.around.kinds, self.around.file.name)
        hosts = {place.host for place in named}
        others = places_of_targets(await self.around.targets(), self.around.kinds)
        return (*named, *(place for place in others if place.host not in hosts))

    async def knows(self, image: str) -> bool:
        """Whether a registry for that image is configured. Raises `InvalidInput` for what is no image."""
        host = image_name(image).host
        return any(place.host == host for place in await self.places())

    async def resolve(self, image: str) -> Resolved:
        """The digest that an image's name stands for. Raises as `RegistryClient`, `NotFound` without a registry."""
        name = image_name(image)
        return await (await self._client(name)).resolve(name)

    async def tags(self, image: str) -> Tags:
        """The tags of an image; a tag or digest in its name is not looked at. Raises as `resolve`."""
        name = image_name(image)
        return await (await self._client(name)).tags(name)

    async def away(self, within_s: float) -> dict[str, str]:
        """The registries that do not answer, by host, and why. Raises as `places`."""
        places = await self.places()
        self._drop_others(places)
        answers = await asyncio.gather(*(self._why_away(place, within_s) for place in places))
        return {place.host: why for place, why in zip(places, answers, strict=True) if why}

    async def _why_away(self, place: Place, within_s: float) -> str:
        try:
            async with asyncio.timeout(within_s):
                await self._client_of(place).answers()
        except OpstwinError as error:
            return error.message
        except TimeoutError:
            return "It does not answer in time."
        return ""

    async def _client(self, image: ImageName) -> RegistryClient:
        places = await self.places()
        self._drop_others(places)
        place = next((item for item in places if item.host == image.host), None)
        if place is None:
            known = ", ".join(sorted(item.host for item in places)) or "none"
            hint = f" (a name without a host is of {HUB})" if image.host == HUB else ""
            raise NotFound(
                f"No registry {image.host} is configured{hint}.",
                next_step=f"Name it below registries: in {self.around.file.name}. Configured: {known}.",
                details={"field": "image", "host": image.host},
            )
        return self._client_of(place)

    def _client_of(self, place: Place) -> RegistryClient:
        if place not in self._clients:
            self._clients[place] = self._made(place)
        return self._clients[place]

    def _drop_others(self, places: Sequence[Place]) -> None:
        """Clients of what was configured otherwise before, with their tokens."""
        for place in [item for item in self._clients if item not in places]:
            del self._clients[place]

    def _made(self, place: Place) -> RegistryClient:
        around = self.around
        asker = HttpAsker(place, around.clock, around.check, resolve=around.resolve)
        tokens = Tokens(place, around.kinds.need(place.type), asker, around.secrets, around.clock)
        return RegistryClient(place, asker, tokens)
