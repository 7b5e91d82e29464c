"""Quantities in manifests that did not come from a text, where numbers may be of any length."""

from decimal import Decimal
from typing import Final

from opstwin.domain.values import Json
from opstwin.manifests import quantities

_MOST_BITS: Final = 256


def amount_of(value: Json) -> Decimal | None:
    """The amount in base units, None when it is no quantity."""
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return None
    return quantities.amount_of(value)
