"""How long the prompt of a draft is: by part, by the number of examples, and for ten containers at once.

`python -m benchmarks.prompts` prints one JSON. Tokens are characters / 4, which needs no vocabulary of any provider.
"""

import asyncio
import json
import statistics
from dataclasses import replace
from typing import Any, Final

from benchmarks.measuring import timed_sync
from opstwin.agent.drafting.composing import budget, composed, composed_of_several
from opstwin.agent.drafting.tokens import tokens_in
from opstwin.domain.secret_text import without_secrets
from opstwin.prompts.loading import prompts
from tests.unit.agent.drafting.briefs import HELD, brief_of, briefs

SHOTS: Final = (0, 1, 3, 5)
RUNS: Final = 50


def _of(shots: int) -> dict[str, Any]:
    """The prompt of a usual container with so many examples."""
    examples = tuple(replace(HELD, id=f"dep_{number}") for number in range(shots))
    prompt = composed(brief_of(policy=prompts("agent")["standards"].filled({}), examples=examples), without_secrets)
    return {
        "tokens": prompt.tokens, "stable_prefix": tokens_in(prompt.system), "examples": tokens_in(prompt.examples),
        "changing": tokens_in(prompt.user),
    }  # fmt: skip


def prompt_figures() -> dict[str, Any]:
    """All figures of the prompts."""
    together = [brief_of(replace(brief_of().base, name=f"api-{number}")) for number in range(10)]
    batch = composed_of_several(together, without_secrets)
    took = [timed_sync(lambda: composed(brief_of(), without_secrets)) for _ in range(RUNS)]
    return {
        "prompt_tokens": {
            "budget": budget(),
            "by_examples": {str(shots): _of(shots) for shots in SHOTS},
            "by_fixture": {name: composed(brief, without_secrets).tokens for name, brief in briefs().items()},
            "ten_containers": {
                "one_by_one": sum(composed(item, without_secrets).tokens for item in together),
                "together": batch.tokens, "requests": 1,
            },
        },
        "prompt_ms": {"median": round(statistics.median(took) * 1000, 2), "most": round(max(took) * 1000, 2)},
    }  # fmt: skip


async def all_figures() -> dict[str, Any]:
    """The same, for `python -m benchmarks`."""
    return {"prompts": await asyncio.to_thread(prompt_figures)}


if __name__ == "__main__":
    print(json.dumps(prompt_figures(), indent=2))
