"""Kubernetes quantities: "0.5" and "500m" are one amount. Pure."""

import re
from decimal import Decimal
from functools import lru_cache
from typing import Final

from opstwin.domain.values import Json

_FORM: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)")
_FACTORS: Final = {
    "": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal("1e3"),
    "M": Decimal("1e6"), "G": Decimal("1e9"), "T": Decimal("1e12"), "P": Decimal("1e15"), "E": Decimal("1e18"),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40), "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}  # fmt: skip
"""The suffixes of k8s.io/apimachinery resource.Quantity."""

_LONGEST: Final = 64
_SMALLEST: Final = Decimal("1e-9")
"""Kubernetes keeps nothing finer than a billionth, and rounds up to it."""


def same_amount(left: Json, right: Json) -> bool:
    """Whether both say the same amount; False when one of them is no quantity."""
    one, other = amount_of(left), amount_of(right)
    return one is not None and one == other


def amount_of(value: Json) -> Decimal | None:
    """The amount in base units (CPUs, bytes, pieces), None when it is no quantity."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return _parsed(str(value))


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Decimal | None:
    match = _FORM.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    number, exponent, suffix = match.groups()
    if exponent is not None and abs(int(exponent[1:])) > _LONGEST:
        return None
    amount = Decimal(number + (exponent or "")) * _FACTORS[suffix or ""]
    return amount.quantize(_SMALLEST, rounding="ROUND_UP") if amount % _SMALLEST else amount
