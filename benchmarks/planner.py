"""What the agent adds to a turn, without the model's own time: from the words to the plan's card, and to an answer.

`python -m benchmarks.planner` prints one JSON. The twin is in memory and the model scripted, so that what remains is
the graph, its checkpoints on disk (`durability="sync"`), reading, checking and planning.
"""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.measuring import figure, timed
from opstwin.agent.models.scripted import ScriptedModel, call, calling
from tests.interaction.planner_home import talking

TURNS: Final = 20
LIMIT: Final = "60 ms"


async def all_figures() -> dict[str, Any]:
    """All figures of the planner."""
    return {
        "planner": {
            "plan_without_model": figure(await _turns("deploy app:1 as web{n}", None), limit=LIMIT),
            "plan_with_model": figure(await _turns("please bring up web{n}", _proposing()), limit=LIMIT),
            "answer": figure(await _turns("what is running? {n}", None), limit=LIMIT),
        }
    }


def _proposing() -> ScriptedModel:
    return ScriptedModel([calling(call("plan_create", words=f"deploy app:1 as web{n}")) for n in range(TURNS + 1)])


async def _turns(words: str, model: ScriptedModel | None) -> list[float]:
    """Each turn in a thread of its own, after one that is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        async with talking(Path(folder), model) as talks:
            await talks.say(words.format(n=TURNS), thread="owner:warm")
            took = []
            for n in range(TURNS):

                async def turn(n: int = n) -> object:
                    return await talks.say(words.format(n=n), thread=f"owner:{n}")

                took.append(await timed(turn))
            return took


if __name__ == "__main__":
    print(json.dumps(asyncio.run(all_figures()), indent=2))
