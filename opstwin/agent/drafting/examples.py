"""Past deployments as a model is shown them: listed fields, fenced as data, each under its own head."""

from collections.abc import Sequence
from typing import Final

from opstwin.agent.drafting.outward import LONGEST, Cover, lines_of, shown_usage
from opstwin.agent.drafting.tokens import tokens_in
from opstwin.domain.example import Example
from opstwin.domain.values import Json
from opstwin.manifests.generating.amounts import cpu_text, exact_memory_text
from opstwin.prompts.loading import Prompt, prompts
from opstwin.tools.untrusted import cleaned, fenced

MOST: Final = 5
"""More examples can lower the quality of drafts; the setting `draft_examples` says how many there are."""


def examples_text(examples: Sequence[Example], cover: Cover) -> str:
    """The section of the prompt, the most similar first; what is over its budget is left out, the least similar first.

    Each example stands once, also where several workloads share them.
    """
    texts = prompts("agent")
    ranked = sorted({item.id: item for item in examples}.values(), key=lambda item: (-item.score, item.id))
    kept: list[str] = []
    for item in ranked[:MOST]:
        shown = _one(item, texts["example"], cover)
        if tokens_in("\n\n".join([*kept, shown])) > texts["examples"].budget - _HEAD:
            break
        kept.append(shown)
    if not kept:
        return texts["no_examples"].filled({})
    return texts["examples"].filled({"examples": "\n\n".join(kept)})


_HEAD: Final = 60
"""Tokens of the section's own words."""


def _one(example: Example, prompt: Prompt, cover: Cover) -> str:
    id = cleaned(example.id, limit=80, one_line=True, cover=cover)
    record = fenced(lines_of(shown_example(example, cover)), f"deployment {id}", limit=_LONGEST_RECORD, cover=cover)
    return prompt.filled({"id": id, "record": record})


_LONGEST_RECORD: Final = 1_200


def shown_example(example: Example, cover: Cover) -> dict[str, Json]:
    """The listed fields of a past deployment that say something."""
    found: dict[str, Json] = {
        "similarity": round(example.score, 2), "service": example.service, "image": example.image,
        "purpose": example.purpose, "language": example.language, "outcome": example.outcome,
        "held": example.success, "ran_out_of_memory": example.oom_events, **_resources(example),
        "used": shown_usage(example.usage) if example.usage is not None else {},
        "curated": example.curated or None, "summary": example.manifest_summary,
    }  # fmt: skip
    told = {key: value for key, value in found.items() if value not in ("", {}, None)}
    return {key: _cut(cover(value)) if isinstance(value, str) else value for key, value in told.items()}


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST * 3 else f"{text[: LONGEST * 3 - 1]}…"


def _resources(example: Example) -> dict[str, Json]:
    amounts = {
        "cpu_request": example.cpu_request and cpu_text(example.cpu_request),
        "cpu_limit": example.cpu_limit and cpu_text(example.cpu_limit),
        "memory_request": example.memory_request and exact_memory_text(example.memory_request),
        "memory_limit": example.memory_limit and exact_memory_text(example.memory_limit),
    }
    return {key: value for key, value in amounts.items() if value}
