"""Amounts as people write them: memory, CPU and durations. Exact, or refused."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from opstwin.errors import InvalidInput

_MEMORY: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,6})?)([A-Za-z]{0,3})", re.ASCII)
_CPU: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(m?)", re.ASCII)
_DURATION: Final = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:us|ms|s|m|h)){1,5}", re.ASCII)
_DURATION_PART: Final = re.compile(r"([0-9.]+)(us|ms|s|m|h)", re.ASCII)

_MEMORY_UNITS: Final[Mapping[str, int]] = {
    "": 1, "B": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
"""The units of Kubernetes quantities and of IEC 80000-13. Docker's `m` and `g` are left out: `512m` would be half a
byte in Kubernetes and 512 MiB in Docker."""

_COMPOSE_UNITS: Final[Mapping[str, int]] = {
    "": 1, "b": 1, "k": 2**10, "kb": 2**10, "m": 2**20, "mb": 2**20, "g": 2**30, "gb": 2**30,
}  # fmt: skip
"""The byte units of the Compose specification (11-extension.md), all of them powers of 1024."""

_SECONDS: Final[Mapping[str, Decimal]] = {
    "us": Decimal("0.000001"), "ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600),
}  # fmt: skip

_MEMORY_HINT: Final = "Write it like 256Mi, 1Gi, 500M or as plain bytes."
_CPU_HINT: Final = "Write it like 500m or 0.5."
_COMPOSE_HINT: Final = "Write it like 256m, 1g or as plain bytes."


def memory_bytes(text: str, field: str = "memory") -> int:
    """`256Mi`, `1Gi`, `500M`, `1.5G` or plain bytes, as bytes. `512m` and `1g` are refused: they are ambiguous."""
    return _bytes(text, field, _MEMORY_UNITS, _memory_hint(text))


def compose_bytes(text: str, field: str) -> int:
    """A byte value of a Compose file: `512m`, `1gb`, `1024`; every unit is a power of 1024."""
    return _bytes(text.lower(), field, _COMPOSE_UNITS, _COMPOSE_HINT)


def cpu_millicores(text: str, field: str = "cpu") -> int:
    """`500m`, `0.5` or `2` as thousandths of a core; a part of a thousandth is refused."""
    match = _CPU.fullmatch(text)
    if match is None:
        raise InvalidInput(f"{field} {text[:40]!r} is not an amount of CPU.", field=field, next_step=_CPU_HINT)
    amount = Decimal(match[1]) * (1 if match[2] else 1000)
    return _whole(amount, field, text, _CPU_HINT)


def seconds(text: str, field: str) -> float:
    """A Compose duration such as `1m30s` or `500ms`, as seconds."""
    if not _DURATION.fullmatch(text):
        raise InvalidInput(
            f"{field} {text[:40]!r} is not a duration.", field=field, next_step="Write it like 30s or 1m30s."
        )
    return float(sum(Decimal(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text)))


def is_memory(text: str) -> bool:
    """Whether `text` has the shape of an amount of memory with its unit."""
    match = _MEMORY.fullmatch(text)
    return match is not None and match[2] != "" and match[2].lower() in {unit.lower() for unit in _MEMORY_UNITS}


def is_cpu(text: str) -> bool:
    """Whether `text` has the shape of an amount of CPU."""
    return _CPU.fullmatch(text) is not None


def _bytes(text: str, field: str, units: Mapping[str, int], hint: str) -> int:
    match = _MEMORY.fullmatch(text)
    if match is None or match[2] not in units:
        raise InvalidInput(f"{field} {text[:40]!r} is not an amount of memory.", field=field, next_step=hint)
    return _whole(Decimal(match[1]) * units[match[2]], field, text, hint)


def _whole(amount: Decimal, field: str, text: str, hint: str) -> int:
    if amount != amount.to_integral_value():
        raise InvalidInput(f"{field} {text[:40]!r} is no whole amount.", field=field, next_step=hint)
    return int(amount)


def _memory_hint(text: str) -> str:
    unit = text.lstrip("0123456789.")
    if unit in ("m", "g", "k", "mb", "gb"):
        number = text[: len(text) - len(unit)][:20]
        return f"Write {number}{unit[0].upper()}i (1024 based) or {number}{unit[0].upper()} (1000 based)."
    return _MEMORY_HINT
