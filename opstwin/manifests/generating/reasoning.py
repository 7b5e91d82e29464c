"""The decisions of one workload as a text, with the past deployments that it rests on."""

from collections.abc import Iterator, Sequence

from opstwin.manifests.forms import Decision, Manifest
from opstwin.manifests.generating.amounts import cpu_text, memory_text
from opstwin.manifests.generating.options import PastDeployment
from opstwin.manifests.generating.parts import Parts
from opstwin.manifests.generating.resources import related

MAX_CITED = 5
"""As many as people read. Those that a figure was taken from, or that ran out of memory, are always among them."""


def cited_by(parts: Parts) -> tuple[str, ...]:
    """The ids of the past deployments of the same image that are named, the newest first."""
    return tuple(row.id for row in _cited(parts))


def reasoning_of(parts: Parts, manifests: Sequence[Manifest]) -> tuple[str, str]:
    """What was decided and why, in English and in Korean: one line for each decision that is not a plain default."""
    told = [(manifest, item) for manifest in manifests for item in manifest.decisions if _is_telling(item)]
    kinds = ", ".join(manifest.kind for manifest in manifests)
    english = [f"{parts.name} ({parts.info.image}): {kinds}."]
    korean = [f"{parts.name} ({parts.info.image}): {kinds}."]
    english += [f"- {item.why} [{item.source}]" for _, item in told]
    korean += [f"- {item.why_ko} [{item.source}]" for _, item in told]
    for row in _cited(parts):
        english.append(f"- Past deployment #{row.id} of {row.service}: {_told(row)}.")
        korean.append(f"- 지난 배포 #{row.id} ({row.service}): {_told_ko(row)}.")
    return _text(english), _text(korean)


def _cited(parts: Parts) -> list[PastDeployment]:
    rows = related(parts.info, parts.options)
    first = [row for row in rows if row.oom_events or row.success]
    chosen = {id(row) for row in [*first, *rows][:MAX_CITED]}
    return [row for row in rows if id(row) in chosen or row.oom_events]


def _is_telling(item: Decision) -> bool:
    return item.source != "default" and not item.path.endswith(".name")


def _told(row: PastDeployment) -> str:
    return ", ".join(
        _parts(row, {"limit": "memory limit {}", "p95": "used {} of memory (p95)", "cpu": "used {} of CPU (p95)",
                     "oom": "ran out of memory {} times", "good": "succeeded", "bad": "failed"})
    )  # fmt: skip


def _told_ko(row: PastDeployment) -> str:
    return ", ".join(
        _parts(row, {"limit": "메모리 한도 {}", "p95": "메모리 사용 {} (p95)", "cpu": "CPU 사용 {} (p95)",
                     "oom": "메모리 부족 {}회", "good": "성공", "bad": "실패"})
    )  # fmt: skip


def _parts(row: PastDeployment, words: dict[str, str]) -> Iterator[str]:
    yield words["good" if row.success else "bad"]
    if row.memory_limit is not None:
        yield words["limit"].format(memory_text(row.memory_limit))
    if row.memory_p95 is not None:
        yield words["p95"].format(memory_text(row.memory_p95))
    if row.cpu_p95 is not None:
        yield words["cpu"].format(cpu_text(row.cpu_p95))
    if row.oom_events:
        yield words["oom"].format(row.oom_events)


def _text(lines: list[str]) -> str:
    return "\n".join(dict.fromkeys(lines))
