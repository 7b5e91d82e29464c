"""Two workloads side by side: what should run, what does, and what it uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opstwin.agent.wording import say
from opstwin.manifests.generating.amounts import memory_text
from opstwin.tools.untrusted import cleaned

FIELDS: Final = ("image", "replicas", "cpu", "memory", "runs", "runs_image", "health", "uses_cpu", "uses_memory")
NOTHING: Final = "-"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: where, what, and the fields as text; empty fields where it is not there."""

    target: str
    name: str
    fields: Mapping[str, str]


def side_of(target: str, name: str, found: Mapping[str, Any] | None, usage: Sequence[Mapping[str, Any]]) -> Side:
    """A workload as the tool gave it (None where there is none), with what its running resources use now."""
    workload = (found or {}).get("workload")
    if found is None or not isinstance(workload, Mapping):
        return Side(target, name, {})
    seen = [item["observed"] for item in found.get("resources", []) if item.get("observed")]
    present = [item for item in seen if item.get("presence") == "present" and (item.get("spec") or {}).get("image")]
    sizes = workload.get("resources") or {}
    health = ", ".join(f"{count} {state}" for state, count in sorted((found.get("health") or {}).items()))
    fields = {
        "image": str(workload.get("image", "")), "replicas": str(workload.get("replicas", "")),
        "cpu": _cpu(sizes.get("cpu_millicores")), "memory": _memory(sizes.get("memory_bytes")),
        "runs": str(len(present)), "runs_image": ", ".join(sorted({str(item["spec"]["image"]) for item in present})),
        "health": health, "uses_cpu": _cpu(sum(float(item["cpu_millicores"]) for item in usage) if usage else None),
        "uses_memory": _memory(sum(int(item["memory_bytes"]) for item in usage) if usage else None),
    }  # fmt: skip
    return Side(target, name, {key: cleaned(value, limit=200, one_line=True) for key, value in fields.items()})


def lines_of(one: Side, other: Side, language: str) -> list[str]:
    """A heading, and a line for each field; `≠` marks what differs."""
    lines = [say(language, "compared", one=_named(one), other=_named(other))]
    absent = [side for side in (one, other) if not side.fields]
    lines += [say(language, "not_there", name=side.name, target=side.target) for side in absent]
    for field in () if absent else FIELDS:
        first, second = one.fields[field] or NOTHING, other.fields[field] or NOTHING
        mark = "=" if first == second else "≠"
        lines.append(f"{mark} {say(language, f'field_{field}')}: {first} | {second}")
    return lines


def _named(side: Side) -> str:
    return f"{side.name} ({side.target})"


def _cpu(amount: float | None) -> str:
    return NOTHING if amount is None else f"{amount:.0f}m"


def _memory(amount: int | None) -> str:
    return NOTHING if amount is None else memory_text(amount)
