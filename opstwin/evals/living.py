"""The language model of the settings as a brain: one provider alone, and no answer given twice."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2

from opstwin.agent.models.opening import open_model
from opstwin.agent.models.places import Place, places_of
from opstwin.clock import Clock
from opstwin.domain.secret_text import without_secrets
from opstwin.errors import InvalidInput, ModelError
from opstwin.evals.brains import Live
from opstwin.settings import ModelProvider, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The provider that is asked, and the settings in which it is the only one."""

    place: Place
    settings: Settings

    @property
    def host(self) -> str:
        """Where it answers, which no recording tells."""
        return urlsplit(self.place.base_url).netloc


def chosen(settings: Settings, environ: Mapping[str, str], name: str | None) -> Choice | None:
    """The provider called `name`, or with a model of that name; without a name the first; None where none is set up.

    Raises `InvalidInput` for a name that no provider has.
    """
    try:
        places = places_of(settings.models, environ)
    except ModelError:
        places = ()
    place = next((item for item in places if name in (None, item.name, item.model)), None)
    if place is None and name is not None:
        known = ", ".join(item.name for item in places) or "none"
        raise InvalidInput(
            f"No provider is called {name[:40]!r}.", field="model", next_step=f"Those that are set up: {known}."
        )
    return None if place is None else Choice(place=place, settings=_alone(settings, place))


@asynccontextmanager
async def live(
    choice: Choice, clock: Clock, environ: Mapping[str, str], http: httpx2.AsyncClient | None = None
) -> AsyncIterator[Live]:
    """The brain, and its connections closed at the end; `http` is used, and left open, in place of an own client."""
    gateway = open_model(choice.settings, clock, without_secrets, environ=environ, http=http)
    models = choice.settings.models
    try:
        yield Live(
            asked=gateway, models=gateway.models,
            params={"temperature": models.temperature, "max_tokens": models.max_tokens},
        )  # fmt: skip
    finally:
        await gateway.close()


def _alone(settings: Settings, place: Place) -> Settings:
    """With this provider alone: one that stood in would be measured as if it were this one. Nothing is kept."""
    fields = {name: getattr(place, name) for name in ("kind", "model", "credential", "base_url", "api_version")}
    given = {key: value for key, value in fields.items() if value}
    provider = settings.models.providers.get(place.name) or ModelProvider.model_validate(given)
    update: dict[str, object] = {"providers": {place.name: provider}, "order": (place.name,), "cache_s": 0.0}
    return settings.model_copy(update={"models": settings.models.model_copy(update=update)})
