"""Images in plans: which digest their tags stand for, told in notes or written into what is planned.

A registry that does not answer never keeps a plan from being made: that is a note too.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from opstwin.clock import Clock
from opstwin.control.building import Goal
from opstwin.control.drafting import Drafted
from opstwin.control.scene import Scene
from opstwin.control.wording import worded
from opstwin.domain.plan import Change, Op
from opstwin.domain.values import Json, Spec
from opstwin.errors import InvalidInput, LimitExceeded, OpstwinError, Timeout, Unreachable
from opstwin.manifests.checks.pods import GROUPS, TEMPLATES
from opstwin.registries.client import Resolved
from opstwin.registries.names import ImageName, image_name

PATIENCE_S: Final = 5.0
"""How long the registries together may hold up a plan."""

REST_S: Final = 30.0
"""A registry that did not answer is not asked for another plan so soon."""

MOST: Final = 50
"""Images that one plan has looked up."""

_RUNS: Final = frozenset({Op.CREATE, Op.UPDATE, Op.REPLACE})
_ROLES: Final = ("initContainers", "containers", "ephemeralContainers")


class ImageDigests(Protocol):
    """What knows registries; `opstwin.registries.directory.Registries` does."""

    async def knows(self, image: str) -> bool:
        """Whether a registry for that image is configured. Raises `OpstwinError` when that cannot be said."""
        ...

    async def resolve(self, image: str) -> Resolved:
        """The digest that an image's name stands for. Raises `OpstwinError` saying why it is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Pinning:
    """Looks up what plans name. `write` puts digests into what is planned; without `digests` nothing is done."""

    clock: Clock
    digests: ImageDigests | None = None
    write: bool = False
    patience_s: float = PATIENCE_S
    _resting: dict[str, tuple[float, OpstwinError]] = field(default_factory=dict)

    async def pinned(self, scene: Scene, goal: Goal) -> Goal:
        """`goal` with the digests of all images that it brings in; as it was where they are not to be written.

        An image whose digest is not known now keeps the one that stands, when its tag is the same.
        """
        if not self.write or self.digests is None:
            return goal
        stand = {item.name: _standing(scene, item.name) for item in goal.workloads}
        wanted = [item.image for item in goal.workloads if item.image not in stand[item.name]]
        before = {item.resource: images_in(_desired(scene, item.resource)) for item in goal.resources}
        for item in goal.resources:
            wanted += [image for image in images_in(item.spec) if image not in before[item.resource]]
        found = {key: said.pinned for key, said in (await self._found(wanted)).items() if isinstance(said, Resolved)}
        workloads = [replace(item, image=_digested(item.image, found, stand[item.name])) for item in goal.workloads]
        resources = [replace(item, spec=_rewritten(item.spec, found, before[item.resource])) for item in goal.resources]
        return replace(goal, workloads=tuple(workloads), resources=tuple(resources))

    async def told(self, drafted: Drafted, language: str) -> Drafted:
        """`drafted` with a note on every image that its changes bring in and that a configured registry holds."""
        if self.digests is None:
            return drafted
        images = list(dict.fromkeys(image for change in drafted.draft.changes for image in _brought_in(change)))
        notes = [worded("image_pinned", language, image=image) for image in images if self.write and _is_pinned(image)]
        for image, said in (await self._found(images)).items():
            if isinstance(said, Resolved):
                held = {"image": image, "digest": said.digest, "registry": said.image.host}
                notes.append(worded("image_digest", language, **held))
            else:
                notes.append(worded("image_unknown", language, image=image, why=said.message))
        if not notes:
            return drafted
        return replace(drafted, draft=replace(drafted.draft, notes=(*drafted.draft.notes, *notes)))

    async def _found(self, images: Sequence[str]) -> Mapping[str, Resolved | OpstwinError]:
        """What the registries say of each image that names no digest; those of no configured registry are left out."""
        tagged = [image for image in dict.fromkeys(images) if (name := _name(image)) is not None and not name.digest]
        said = await asyncio.gather(*(self._one(image) for image in tagged[:MOST]))
        return {image: item for image, item in zip(tagged, said, strict=False) if item is not None}

    async def _one(self, image: str) -> Resolved | OpstwinError | None:
        assert self.digests is not None
        host = image_name(image).host
        until_s, before = self._resting.get(host, (0.0, None))
        if before is not None and self.clock.monotonic_s() < until_s:
            return before
        try:
            async with asyncio.timeout(self.patience_s):
                return await self.digests.resolve(image) if await self.digests.knows(image) else None
        except TimeoutError:
            return self._rests(host, Timeout(f"Registry {host} gave no answer within {self.patience_s:g} s."))
        except (Unreachable, Timeout, LimitExceeded) as error:
            return self._rests(host, error)
        except OpstwinError as error:
            return error

    def _rests(self, host: str, error: OpstwinError) -> OpstwinError:
        self._resting[host] = (self.clock.monotonic_s() + max(REST_S, error.retry_after_s or 0.0), error)
        return error


def images_in(spec: Spec | None) -> tuple[str, ...]:
    """The images that a container of an engine, or a manifest with pods, runs."""
    if spec is None:
        return ()
    holders = [spec] if "apiVersion" not in spec else list(_containers(spec))
    return tuple(image for item in holders if isinstance(image := item.get("image"), str) and image)


def _containers(manifest: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    path = TEMPLATES.get(str(manifest.get("kind")))
    if path is None or manifest.get("apiVersion") not in GROUPS:
        return
    place: Json = dict(manifest)
    for step in (*path, "spec"):
        place = place.get(str(step)) if isinstance(place, dict) else None
    for role in _ROLES:
        found = place.get(role) if isinstance(place, dict) else None
        yield from (item for item in found if isinstance(item, dict)) if isinstance(found, list) else ()


def _brought_in(change: Change) -> tuple[str, ...]:
    if change.op not in _RUNS or (change.kind != "container" and "apiVersion" not in (change.after or {})):
        return ()
    before = images_in(change.before)
    return tuple(image for image in images_in(change.after) if image not in before)


def _rewritten(spec: Spec | None, found: Mapping[str, str], standing: Sequence[str]) -> Spec | None:
    if spec is None or not images_in(spec):
        return spec
    made = deepcopy(dict(spec))
    for item in [made] if "apiVersion" not in made else _containers(made):
        if isinstance(image := item.get("image"), str):
            item["image"] = _digested(image, found, standing)
    return made


def _digested(image: str, found: Mapping[str, str], standing: Sequence[str]) -> str:
    """With its digest: the one found, else the one that stands for the very same tag."""
    if image in found or image in standing:
        return found.get(image, image)
    name = _name(image)
    kept = (old for old in standing if name is not None and _same_tag(name, _name(old)))
    return next(kept, image)


def _same_tag(name: ImageName, old: ImageName | None) -> bool:
    return old is not None and bool(old.digest) and not name.digest and replace(old, digest="") == name


def _standing(scene: Scene, workload: str) -> tuple[str, ...]:
    record = scene.records.get(workload)
    return (record.workload.image,) if record is not None and record.workload is not None else ()


def _desired(scene: Scene, resource: str) -> Spec | None:
    return next((item.spec for key, item in scene.desired.items() if key == resource), None)


def _is_pinned(image: str) -> bool:
    name = _name(image)
    return name is not None and bool(name.digest)


def _name(image: str) -> ImageName | None:
    try:
        return image_name(image)
    except InvalidInput:
        return None
