"""CPU and memory as Kubernetes writes them, and as a container inspection shows them."""

import re
from math import ceil
from typing import Final

from opstwin.errors import InvalidInput

MI: Final = 1024 * 1024
_NUMBER: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s?([A-Za-z%]{0,5})", re.ASCII)
_CPU_UNITS: Final = {"": 1000.0, "m": 1.0, "%": 10.0}
"""Millicores in one unit; one per cent is that of one core, as `docker stats` shows it."""

_MEMORY_UNITS: Final = {
    "": 1, "B": 1, "k": 10**3, "kB": 10**3, "KB": 10**3, "M": 10**6, "MB": 10**6, "G": 10**9, "GB": 10**9,
    "Ki": 2**10, "KiB": 2**10, "Mi": 2**20, "MiB": 2**20, "Gi": 2**30, "GiB": 2**30,
}  # fmt: skip
_STORAGE: Final = re.compile(r"[1-9][0-9]{0,14}(?:[kMGTPE]i?|Ki)?", re.ASCII)


def cpu_text(millicores: float) -> str:
    """`250m`; whole cores without a unit."""
    amount = max(1, round(millicores))
    return str(amount // 1000) if amount % 1000 == 0 else f"{amount}m"


def memory_text(amount_bytes: float) -> str:
    """Whole mebibytes, rounded up: `128Mi`, `2Gi`; plain bytes below one mebibyte."""
    if amount_bytes < MI:
        return str(max(1, ceil(amount_bytes)))
    mebibytes = ceil(amount_bytes / MI)
    return f"{mebibytes // 1024}Gi" if mebibytes % 1024 == 0 else f"{mebibytes}Mi"


def exact_memory_text(amount_bytes: int) -> str:
    """As `memory_text` where that loses nothing, else plain bytes."""
    return memory_text(amount_bytes) if amount_bytes % MI == 0 else str(amount_bytes)


def cpu_of(text: str, field: str = "cpu_usage") -> float:
    """Millicores in `250m`, `0.25` or `25%`. Raises `InvalidInput`."""
    return _amount(text, field, _CPU_UNITS, "Write it like 250m, 0.25 or 25%.")


def memory_of(text: str, field: str = "memory_usage") -> float:
    """Bytes in `128Mi`, `128MiB`, `134MB` or plain bytes. Raises `InvalidInput`."""
    return _amount(text, field, _MEMORY_UNITS, "Write it like 128Mi.")


def checked_storage(text: str, field: str = "storage") -> str:
    """`text` when it is an amount of storage such as `10Gi`. Raises `InvalidInput`."""
    if not _STORAGE.fullmatch(text):
        raise InvalidInput(f"{field} {text[:40]!r} is not an amount.", field=field, next_step="Write it like 10Gi.")
    return text


def _amount(text: str, field: str, units: "dict[str, float] | dict[str, int]", hint: str) -> float:
    match = _NUMBER.fullmatch(text.strip())
    if match is None or match[2] not in units:
        raise InvalidInput(f"{field} {text[:40]!r} is not an amount.", field=field, next_step=hint)
    return float(match[1]) * units[match[2]]
