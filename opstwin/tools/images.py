"""Tools about images in registries: which tags there are, and which digest a tag stands for."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from opstwin.domain.access import Scope
from opstwin.errors import NotFound
from opstwin.registries.directory import Registries
from opstwin.tools.fields import MAX_PAGE, Nothing
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, Tool
from opstwin.tools.services import Services


class ImageAsk(Ask):
    """One image, by name and tag or digest."""

    image: Annotated[str, Field(min_length=1, max_length=512, examples=["registry.example.com/shop/api:2.4"])]


class TagsAsk(ImageAsk):
    """One image, and how many of its tags; a tag in its name is not looked at."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedView:
    """What a name stands for now. `pinned` is the name with the digest; `is_index`: one digest for all platforms."""

    image: str
    digest: str
    pinned: str
    media_type: str
    is_index: bool
    registry: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TagsView:
    """The tags of an image, the highest first. `total` counts those that were read; `cut`: there are more."""

    image: str
    registry: str
    tags: tuple[str, ...]
    total: int
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryView:
    """A registry that may be asked. `credential` is a reference; `source` says where it was configured."""

    name: str
    host: str
    type: str
    credential: str
    insecure: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistriesView:
    """The registries, the types that there are, and why plug-ins were refused, by name."""

    items: tuple[RegistryView, ...]
    types: tuple[str, ...]
    refused: dict[str, str]


async def _resolve(services: Services, _caller: Caller, ask: ImageAsk) -> ResolvedView:
    found = await _registries(services).resolve(ask.image)
    return ResolvedView(
        image=str(found.image), digest=found.digest, pinned=found.pinned, media_type=found.media_type,
        is_index=found.is_index, registry=found.registry,
    )  # fmt: skip


async def _tags(services: Services, _caller: Caller, ask: TagsAsk) -> TagsView:
    found = await _registries(services).tags(ask.image)
    total = len(found.tags)
    return TagsView(
        image=found.image.short, registry=found.registry, tags=found.tags[: ask.limit], total=total,
        cut=found.cut or total > ask.limit,
    )  # fmt: skip


async def _list(services: Services, _caller: Caller, _ask: Nothing) -> RegistriesView:
    registries = _registries(services)
    kinds = registries.around.kinds
    items = tuple(
        RegistryView(
            name=item.name, host=item.host, type=item.type, credential=item.credential, insecure=item.insecure,
            source=item.source,
        )
        for item in await registries.places()
    )  # fmt: skip
    refused = {item.name: item.error.message for item in kinds.refused}
    return RegistriesView(items=items, types=tuple(sorted(kinds.kinds)), refused=refused)


def _registries(services: Services) -> Registries:
    if services.registries is None:
        raise NotFound("This hub asks no registries.", next_step="Start it with opstwin up.")
    return services.registries


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="registries_list",
        title="List registries",
        purpose="The registries that may be asked about images, and how the hub signs in to them.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=Nothing,
        output=RegistriesView,
        handler=_list,
        route=Route(method="GET", path="/registries"),
    ),
    Tool(
        name="images_list",
        title="List the tags of an image",
        purpose="Which tags an image has in its registry.",
        effect=Effect.READ,
        scope=Scope.READ,
        outward=True,
        input=TagsAsk,
        output=TagsView,
        quotes="names of tags",
        handler=_tags,
        route=Route(method="GET", path="/images/tags"),
    ),
    Tool(
        name="image_resolve",
        title="Resolve an image",
        purpose="Which digest the tag of an image stands for now.",
        effect=Effect.READ,
        scope=Scope.READ,
        outward=True,
        input=ImageAsk,
        output=ResolvedView,
        handler=_resolve,
        route=Route(method="GET", path="/images/resolve"),
    ),
)
