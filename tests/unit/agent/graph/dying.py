"""Processes that die in the middle of a turn."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from opstwin.agent.checkpoints import FILE, sqlite
from opstwin.agent.conversing import Conversations
from opstwin.agent.models.port import LanguageModel
from opstwin.targets.sim.faults import Crash
from opstwin.tools.all_tools import REGISTRY
from tests.crashing import crash
from tests.interaction.house import House
from tests.interaction.planner_home import Talks

Place = Callable[[], AbstractAsyncContextManager[Any]]


def dead_behind(folder: Path, step: str) -> Place:
    """A place whose process dies when all that came before, and what `step` found, has been written down."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        seen: list[Any] = []
        async with sqlite(folder / FILE) as kept:

            async def aput(config: Any, checkpoint: Any, *given: Any) -> Any:
                found = await type(kept).aput(kept, config, checkpoint, *given)
                if _has_run(step, checkpoint, seen):
                    crash()
                return found

            kept.aput = aput  # type: ignore[method-assign, assignment]
            yield kept

    return opened


def dead_in_plan(folder: Path) -> Place:
    """A place whose process dies when what the step `plan` found would be written down: the plan stands in the twin."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        seen: list[Any] = []
        async with sqlite(folder / FILE) as kept:

            async def aput_writes(config: Any, writes: Sequence[tuple[str, Any]], *given: Any) -> None:
                if {"digest", "outcome"} <= {name for name, _ in writes}:
                    crash()
                await type(kept).aput_writes(kept, config, writes, *given)

            async def aput(config: Any, checkpoint: Any, *given: Any) -> Any:
                if _has_run("plan", checkpoint, seen):
                    crash()
                return await type(kept).aput(kept, config, checkpoint, *given)

            kept.aput_writes = aput_writes  # type: ignore[method-assign, assignment]
            kept.aput = aput  # type: ignore[method-assign, assignment]
            yield kept

    return opened


def _has_run(step: str, checkpoint: Any, seen: list[Any]) -> bool:
    """Whether a step ran since the first checkpoint: turns before this one ran it too."""
    seen.append(checkpoint["versions_seen"].get(step))
    return bool(seen[-1] != seen[0])


async def died(house: House, place: Place, words: str, model: LanguageModel | None = None) -> None:
    """A turn in a process that dies."""
    talk = Conversations(services=house.services, registry=REGISTRY, model=model, opener=place)
    with pytest.raises(Crash):
        await Talks(house, talk).say(words)
    await talk.close()
