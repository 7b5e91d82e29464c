"""How long a prompt is, counted in the way that needs no vocabulary of any provider."""

from math import ceil
from typing import Final

CHARACTERS: Final = 4
"""Characters of a token, roughly, in English text and JSON; every figure of this project counts so."""


def tokens_in(text: str) -> int:
    """The tokens of a text: a quarter of its characters, rounded up."""
    return ceil(len(text) / CHARACTERS)
