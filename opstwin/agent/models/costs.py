"""What an answer costs, by a dated table. A price that is not known makes the cost unknown, never nothing."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from opstwin.agent.models.port import Tokens

_MILLION: Final = 1_000_000
_DATED: Final = re.compile(r"-(?:20\d{6}|20\d{2}-\d{2}-\d{2})$")
"""`-20250929` and `-2026-04-23` behind a model's name are one release of the model, for the same price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Dollars for a million tokens, as on `as_of`; None where not known, and above `most_input` tokens nothing is."""

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None
    most_input: int | None = None
    as_of: str = ""


def cost_usd(price: Price | None, tokens: Tokens) -> float | None:
    """The dollars for `tokens`; None when a price that is needed is not known."""
    if price is None or not tokens.input or (price.most_input is not None and tokens.input > price.most_input):
        return None
    total = (tokens.input - tokens.cache_read - tokens.cache_write) * price.input + tokens.output * price.output
    for count, each in ((tokens.cache_read, price.cache_read), (tokens.cache_write, price.cache_write)):
        if count and each is None:
            return None
        total += count * (each or 0.0)
    return total / _MILLION


def price_of(model: str) -> Price | None:
    """The price of a model by its name, with or without the date of a release; None when the table has none."""
    return _table().get(model) or _table().get(_DATED.sub("", model))


def prices_as_of() -> str:
    """The day on which the table was last compared with what the providers publish."""
    return str(_document()["as_of"])


@cache
def _table() -> Mapping[str, Price]:
    return {name: Price(**fields) for name, fields in _document()["models"].items()}


@cache
def _document() -> Mapping[str, Any]:
    text = files("opstwin.agent.models").joinpath("prices.json").read_text(encoding="utf-8")
    found: Mapping[str, Any] = json.loads(text)
    return found
