"""The gateway of a hub, made from its settings. Nothing is loaded, built or connected before the first request."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import httpx2

from opstwin.agent.models.failures import Reason, failure
from opstwin.agent.models.gateway import Gateway, Parts, nothing
from opstwin.agent.models.keeping import Kept
from opstwin.agent.models.knocking import knock
from opstwin.agent.models.lanes import Lane, Traffic
from opstwin.agent.models.metering import DayBudget, Meter
from opstwin.agent.models.outward import Cover, covering
from opstwin.agent.models.places import Place, places_of
from opstwin.agent.models.providers import Outfit, Provider
from opstwin.clock import Clock
from opstwin.configuration import PREFIX
from opstwin.errors import Rejected
from opstwin.logs import MASK
from opstwin.settings import Settings
from opstwin.targets.secrets import HubSecrets


def open_model(
    settings: Settings,
    clock: Clock,
    veil_text: Cover,
    *,
    ready: Callable[[], Awaitable[None]] = nothing,
    environ: Mapping[str, str] | None = None,
    http: httpx2.AsyncClient | None = None,
) -> Gateway:
    """The language models that `settings.models` names, else those that the usual variables of `environ` name.

    `veil_text` masks the secrets of this hub in a text; `ready` is awaited before each use of it. `http` is used, and
    left open, in place of an own client. Raises `ModelError` (no_key) that says what to set when there is no provider.
    """
    variables = os.environ if environ is None else environ
    own, places = settings.models, places_of(settings.models, variables)
    meter = Meter(clock, DayBudget(own.tokens_per_day, own.usd_per_day))
    traffic = Traffic.on(
        clock, meter, attempts=own.attempts, requests=own.requests_per_minute, tokens=own.tokens_per_minute
    )
    fitting = _Fitting(settings, variables, covering(veil_text), http)
    return Gateway(
        Parts(
            lanes=[Lane(place, partial(fitting.provider, place), traffic) for place in places],
            cover=covering(veil_text), kept=Kept(clock, keep_s=own.cache_s, entries=own.cache_entries), meter=meter,
            temperature=own.temperature, max_tokens=own.max_tokens, knock=fitting.knock, keyed=fitting.keyed,
            ready=ready, close=fitting.close,
        )
    )  # fmt: skip


class _Fitting:
    """Builds providers, each when it is first asked, on one HTTP client."""

    def __init__(
        self, settings: Settings, environ: Mapping[str, str], cover: Cover, http: httpx2.AsyncClient | None
    ) -> None:
        known = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
        self._secrets = HubSecrets(known, settings.secrets_folder)
        self._own, self._cover = settings.models, cover
        self._http, self._is_ours = http, http is None
        self._one = threading.Lock()

    def provider(self, place: Place) -> Provider:
        """It, with its key read. Raises `ModelError` (no_key) that names the reference."""
        key = self._key(place)
        outfit = Outfit(
            place=place, key=key, http=self._client(), connect_s=self._own.connect_timeout_s,
            read_s=self._own.read_timeout_s, total_s=self._own.total_timeout_s,
            cover=partial(_without, key, self._cover),
        )  # fmt: skip
        return _built(outfit)

    async def knock(self, place: Place) -> None:
        """Return when the provider is there. Raises `ModelError` (no_key, down, timeout)."""
        key, http = await asyncio.to_thread(lambda: (self._key(place), self._client()))
        await knock(place, key, http, partial(_without, key, self._cover))

    async def keyed(self, place: Place) -> None:
        """Return when there is a key for the provider. Raises `ModelError` (no_key) that names the reference."""
        await asyncio.to_thread(self._key, place)

    async def close(self) -> None:
        """Close the HTTP client, unless it was given."""
        if self._http is not None and self._is_ours:
            await self._http.aclose()

    def _client(self) -> httpx2.AsyncClient:
        with self._one:
            if self._http is None:
                # Unlike the hub's other clients, this one takes the proxy of the environment: providers are far away.
                self._http = httpx2.AsyncClient(trust_env=True)
            return self._http

    def _key(self, place: Place) -> str:
        if not place.credential:
            return ""
        try:
            key = self._secrets.resolve(place.credential).strip()
        except Rejected as error:
            raise failure(Reason.NO_KEY, place.name, words=error.message, next_step=error.next_step) from None
        if not key.isascii() or not key.isprintable() or not key:
            raise failure(Reason.NO_KEY, place.name, words=f"what {place.credential} holds is no key")
        return key


def _built(outfit: Outfit) -> Provider:
    """Raises `ModelError` (down) when what the provider needs is not installed."""
    try:
        if outfit.place.kind == "anthropic":
            from opstwin.agent.models.anthropic_provider import AnthropicProvider

            return AnthropicProvider(outfit)
        from opstwin.agent.models.openai_provider import OpenAIProvider

        return OpenAIProvider(outfit)
    except ImportError as error:
        raise failure(
            Reason.DOWN, outfit.place.name, words=f"{error.name or 'its library'} is not installed",
            next_step="Install it: pip install 'opstwin[agent]'",
        ) from error  # fmt: skip


def _without(key: str, cover: Cover, text: str) -> str:
    """A provider's own words, which may repeat the key that it was given."""
    return cover(text.replace(key, MASK) if key else text)
