"""Images: what containers inherit from them, and getting one that is missing."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

from docker.utils import parse_repository_tag

from opstwin.errors import NotFound, Rejected
from opstwin.targets.docker.client import Deadline, EngineClient
from opstwin.targets.docker.defaults import UNKNOWN_IMAGE, Found, ImageDefaults, defaults_of
from opstwin.targets.docker.engine import Engine
from opstwin.targets.docker.failures import timed_out, words_of
from opstwin.targets.specs import full_image_name

MAX_KEPT: Final = 1000
"""Descriptions of images kept; about 2 kB each."""


class Images:
    """What is known of an engine's images. An image's config never changes under its id, so it is asked for once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: OrderedDict[str, ImageDefaults] = OrderedDict()

    async def defaults(self, image_id: str, deadline: Deadline | None = None) -> ImageDefaults:
        """What containers of this image inherit; `UNKNOWN_IMAGE` when the image is gone."""
        kept = self._kept.get(image_id)
        if kept is None:
            try:
                found = await self._engine.call(
                    "image.inspect", lambda api: api.read("images", image_id, "json"), deadline
                )
            except NotFound:
                return UNKNOWN_IMAGE
            kept = self.learn(found)
        return kept

    def learn(self, found: Found) -> ImageDefaults:
        """Keep what an inspected image says."""
        kept = self._kept[str(found["Id"])] = defaults_of(found)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return kept

    async def pull(self, name: str, deadline: Deadline) -> None:
        """Get an image from its registry. Raises `Rejected` with the next step when that cannot be done."""
        try:
            failure = await self._engine.call("image.pull", lambda api: _pulled(api, name, deadline), deadline)
        except (NotFound, Rejected) as error:
            failure = words_of(error)
        if failure:
            raise Rejected(
                f"Image {name} is not there and cannot be pulled: {failure}",
                next_step=f"Correct the name, or bring it to the engine: docker pull {name} (or docker load).",
                details={"field": "image", "image": name, "engine": failure},
            )


def _pulled(api: EngineClient, name: str, deadline: Deadline) -> str:
    """Why the pull failed; empty when it did not."""
    repository, tag = parse_repository_tag(full_image_name(name))
    progress: Iterable[Any] = api.pull(repository, tag=tag, stream=True, decode=True)
    for line in progress:
        if isinstance(line, dict) and line.get("error"):
            return str(line["error"])
        if deadline.left_s() <= 0:
            raise timed_out("image.pull", api.base_url)
    return ""
