"""What a request for manifests starts from: a container or a workload of the twin, an image, or a file."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from opstwin.control.generating import Part
from opstwin.control.inspecting import seen_container, seen_image, seen_workload
from opstwin.control.twin_index import Twin
from opstwin.domain.kinds import runs
from opstwin.domain.names import checked_image
from opstwin.domain.own_words import run_by
from opstwin.domain.resource import Observed
from opstwin.errors import InvalidInput, NotFound
from opstwin.intent.document import ManifestRequest, Workloads, read_document
from opstwin.manifests.generating.info import info_of_workload
from opstwin.targets.specs import full_image_name
from opstwin.tools.services import Services
from opstwin.tools.things import Named, Sort, found

_OTHER: Final = "Name a container, a workload or an image: opstwin get"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What was named: `label` says it in one word, `sort` is `container`, `workload`, `image`, `file` or `words`.

    `names` are the images, programs and folders of hosts that the request itself brought.
    """

    label: str
    sort: str
    parts: tuple[Part, ...]
    names: tuple[str, ...] = ()


async def source_named(services: Services, name: str) -> Source:
    """The container or workload of that name or id, else the image with that tag or digest, seen or not.

    Raises `NotFound` with the nearest names, `Unclear` when several bear it, and `InvalidInput` for what is none of
    these, and for what is not there.
    """
    twin = await services.index.now()
    try:
        named = await found(twin, name)
    except NotFound as error:
        if not _is_image(twin, name):
            step = f"{error.next_step}; an image is named with its tag: nginx:1.27"
            raise NotFound(error.message, next_step=step, details=error.details) from error
        return _image(twin, name)
    if named.sort is Sort.WORKLOAD:
        return _workload(twin, named)
    seen = seen_in(twin, named)
    if seen.kind == "image":
        return _image(twin, seen.name)
    info = await seen_container(services.ledger, services.readers, services.breakers, seen)
    return Source(label=seen.id, sort="container", parts=(Part(info=info, resources=(seen.id,)),))


def seen_in(twin: Twin, named: Named) -> Observed:
    """The observation of a resource. Raises `InvalidInput` for what is none, `NotFound` for what was never seen."""
    if named.sort is not Sort.RESOURCE:
        raise InvalidInput(f"{named.id[:200]} is a {named.sort.value}.", field="source", next_step=_OTHER)
    seen = twin.by_id[named.id].observed
    if seen is None:
        raise NotFound(f"{named.id} was never seen.", next_step="Look first: opstwin discover")
    return seen


async def source_of_file(text: str, project: str, variables: Mapping[str, str]) -> Source:
    """The workloads of a workload or Compose file. Raises `InvalidInput` with path and line, and for other files."""
    # A hostile file of the allowed size costs a second of parsing, which must not hold up everybody else.
    document = await asyncio.to_thread(read_document, text, project=project, variables=variables, for_cluster=True)
    if isinstance(document, ManifestRequest):
        raise InvalidInput(
            "These are manifests already.",
            field="file",
            next_step="Check them: opstwin lint. Plan them: opstwin plan …",
        )
    if not isinstance(document, Workloads):
        raise InvalidInput(
            "Components are planned, not generated.", field="file", next_step="Plan them: opstwin plan …"
        )
    names = ", ".join(item.name for item in document.items)
    parts = tuple(Part(info=info_of_workload(item)) for item in document.items)
    from_outside = tuple(name for item in document.items for name in run_by(item))
    return Source(label=f"{document.source} file: {names}"[:400], sort="file", parts=parts, names=from_outside)


def _is_image(twin: Twin, name: str) -> bool:
    """Whether `name` can only be meant as an image: it has a tag or a digest, and begins with no target's name."""
    where, _, rest = name.partition("/")
    if rest and where in {item.id for item in twin.targets}:
        return False
    return "@" in name or ":" in name.rpartition("/")[2]


def _image(twin: Twin, name: str) -> Source:
    image = checked_image(name, "source")
    full = full_image_name(image)
    seen = (item.observed for item in twin.standings if item.kind == "image" and item.name == full)
    info = seen_image(image, next((item for item in seen if item is not None), None))
    return Source(label=image, sort="image", parts=(Part(info=info),), names=(image,))


def _workload(twin: Twin, named: Named) -> Source:
    record = next(item for item in twin.workloads if item.id == named.id)
    if record.workload is None:
        raise InvalidInput(f"{named.id} was taken down, or came as manifests.", field="source", next_step=_OTHER)
    mine = [
        item.observed
        for item in twin.standings
        if (item.target, item.workload) == (record.target, record.name) and item.observed and runs(item.kind)
    ]
    info = seen_workload(record.workload, mine)
    part = Part(info=info, resources=tuple(item.id for item in mine))
    return Source(label=record.id, sort="workload", parts=(part,))
