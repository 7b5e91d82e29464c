"""Which providers there are, in the order in which they are asked: those of the settings, else the usual variables.

With providers in the settings, only those are asked, and each takes its key from where its `credential` says: without
one `openai` takes `env:OPENAI_API_KEY`, `anthropic` `env:ANTHROPIC_API_KEY`, `azure` `env:AZURE_OPENAI_API_KEY`, and
`compatible` none. Without any, and unless `models.from_environment` is false, each of these is one, in this order:

- `OPENAI_API_KEY`, with `OPENAI_MODEL`, and with `OPENAI_BASE_URL` as a compatible server;
- `ANTHROPIC_API_KEY`, with `ANTHROPIC_MODEL` and `ANTHROPIC_BASE_URL`;
- `AZURE_OPENAI_API_KEY` with `AZURE_OPENAI_ENDPOINT` and `AZURE_OPENAI_DEPLOYMENT`, and with `OPENAI_API_VERSION`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from opstwin.agent.models.costs import Price, price_of
from opstwin.agent.models.failures import Reason, failure
from opstwin.settings import ModelProvider, ModelSettings

MODELS: Final[Mapping[str, str]] = {"openai": "gpt-6-sol", "anthropic": "claude-sonnet-5-5"}
"""Models where none is named: the middle size of each maker in November 2026."""

ADDRESSES: Final[Mapping[str, str]] = {
    "openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com",
}  # fmt: skip
KEYS: Final[Mapping[str, str]] = {
    "openai": "env:OPENAI_API_KEY", "anthropic": "env:ANTHROPIC_API_KEY", "azure": "env:AZURE_OPENAI_API_KEY",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One provider and model. `credential` is a reference, never a key; empty where no key is needed."""

    name: str
    kind: str
    model: str
    base_url: str
    credential: str = ""
    api_version: str = ""
    thinking_tokens: int = 0
    own_price: Price | None = None

    @property
    def identity(self) -> str:
        """What tells its answers from those of others."""
        return f"{self.kind} {self.base_url} {self.model}"

    def price(self, model: str = "") -> Price | None:
        """The price of what answered. A compatible server has only the one that the settings say."""
        if self.own_price is not None or self.kind == "compatible":
            return self.own_price
        return price_of(model) or price_of(self.model)


def places_of(settings: ModelSettings, environ: Mapping[str, str]) -> tuple[Place, ...]:
    """The providers, first asked first. Raises `ModelError` (no_key) that says what to set when there is none."""
    if settings.providers:
        order = settings.order or tuple(settings.providers)
        return tuple(_place(name, settings.providers[name]) for name in order)
    found = tuple(_from_environment(environ)) if settings.from_environment else ()
    if not found:
        raise failure(
            Reason.NO_KEY, "", words="No language model is set up",
            next_step="Set OPENAI_API_KEY or ANTHROPIC_API_KEY for the hub, or models.providers in its config file, "
            "and start it again.",
        )  # fmt: skip
    return found


def _place(name: str, provider: ModelProvider) -> Place:
    own = provider.input_usd, provider.output_usd
    return Place(
        name=name, kind=provider.kind, model=provider.model or MODELS.get(provider.kind, ""),
        base_url=(provider.base_url or ADDRESSES.get(provider.kind, "")).rstrip("/"),
        credential=provider.credential or KEYS.get(provider.kind, ""), api_version=provider.api_version,
        thinking_tokens=provider.thinking_tokens,
        own_price=None if own[0] is None or own[1] is None else _own_price(own[0], own[1]),
    )  # fmt: skip


def _own_price(input_usd: float, output_usd: float) -> Price:
    """What a cache takes or gives counts as input: never less than it costs, but for a write (a quarter more)."""
    return Price(input=input_usd, output=output_usd, cache_read=input_usd, cache_write=input_usd * 1.25)


def _from_environment(environ: Mapping[str, str]) -> Iterator[Place]:
    if environ.get("OPENAI_API_KEY"):
        kind = "compatible" if environ.get("OPENAI_BASE_URL") else "openai"
        yield _named("openai", "OPENAI_BASE_URL", environ, kind=kind, credential=KEYS["openai"],
                     model=environ.get("OPENAI_MODEL") or MODELS["openai"])  # fmt: skip
    if environ.get("ANTHROPIC_API_KEY"):
        yield _named("anthropic", "ANTHROPIC_BASE_URL", environ, kind="anthropic",
                     model=environ.get("ANTHROPIC_MODEL") or MODELS["anthropic"])  # fmt: skip
    needed = ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_DEPLOYMENT")
    if all(environ.get(name) for name in needed):
        version = environ.get("OPENAI_API_VERSION")
        more = {"api_version": version} if version else {}
        yield _named("azure", "AZURE_OPENAI_ENDPOINT", environ, kind="azure",
                     model=environ["AZURE_OPENAI_DEPLOYMENT"], **more)  # fmt: skip


def _named(name: str, address: str, environ: Mapping[str, str], **fields: str) -> Place:
    """Raises `ModelError` (refused) for an address that a key must not be sent to."""
    try:
        given = {**fields, "base_url": environ.get(address, "")}
        return _place(name, ModelProvider.model_validate(given))
    except ValidationError as error:
        words = str(error.errors(include_url=False, include_input=False)[0]["msg"])
        raise failure(Reason.REFUSED, name, words=words, next_step=f"Correct {address}.") from None
