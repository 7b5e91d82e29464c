"""Amounts such as `500m`, `1Gi`, `0.5`."""

import re
from decimal import Decimal
from typing import Any, Final

_FORM: Final = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))(?:(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E)|[eE]([+-]?\d+))?$")
_SCALE: Final = {
    "": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal(10**3),
    "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15), "E": Decimal(10**18),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40), "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}  # fmt: skip


def amount(value: Any) -> Decimal:
    """The number that a quantity stands for. Raises `ValueError`."""
    found = _FORM.match(str(value))
    if not found:
        raise ValueError(value)
    number = Decimal(found[1])
    return number.scaleb(int(found[3])) if found[3] else number * _SCALE[found[2] or ""]


def quantity_text(value: Decimal, like: str = "") -> str:
    """A quantity in the unit of `like` where that is exact, else in the largest plain unit that is."""
    found = _FORM.match(like)
    unit = (found[2] or "") if found else ""
    scales = [unit] if unit in ("Ki", "Mi", "Gi", "Ti") and value % _SCALE[unit] == 0 else []
    for name in [*scales, ""]:
        if value % _SCALE[name] == 0:
            return f"{int(value / _SCALE[name])}{name}"
    return f"{int(value * 1000)}m"


def canonical(value: Any) -> str:
    """How the server writes a quantity: `0.5` as `500m`, `1024Mi` as `1Gi`, `1000m` as `1`."""
    text = str(value)
    found = _FORM.match(text)
    if not found:
        return text
    number = amount(text)
    if (found[2] or "").endswith("i"):
        return _largest(number, ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki", ""))
    return _largest(number, ("E", "P", "T", "G", "M", "k", "", "m", "u", "n"))


def _largest(number: Decimal, units: tuple[str, ...]) -> str:
    if number == 0:
        return "0"
    for unit in units:
        if number % _SCALE[unit] == 0:
            return f"{int(number / _SCALE[unit])}{unit}"
    return str(number)
