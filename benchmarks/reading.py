"""What an AI client's question about the twin costs with 5,000 resources, on the real SQLite twin."""

import gc
import json
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.measuring import compared, timed
from opstwin.control.mirror import Mirror
from opstwin.control.people import actor_of
from opstwin.domain.resource import Health, Observed
from opstwin.tools import guard
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.registry import Caller
from opstwin.tools.shaping import CONCISE, Part, shaped
from opstwin.twin.opening import open_store
from opstwin.twin.store import Put
from tests.interaction.crowd import Crowd
from tests.interaction.house import House

RESOURCES = 5000
RUNS = 200
TOUCHED = 50
"""Resources that somebody saw change between two questions: one in a hundred."""


async def furnished(folder: Path) -> House:
    """A hub on SQLite with `RESOURCES` containers on ten targets, one in fifty of them unhealthy."""
    store = await open_store(f"sqlite:///{folder / 'twin.db'}")
    house = await House(folder, store=store).furnish()
    await Crowd(RESOURCES, targets=10, unhealthy_every=50).settle(house.services.ledger)
    return house


async def asked(house: House, **raw: Any) -> tuple[dict[str, Any], str]:
    """The default answer of `twin_query`, as data and as text."""
    agent = await house.services.people.get("planner")
    caller = Caller(principal=agent, scopes=agent.scopes, actor=actor_of(agent, "mcp"), request_id="req_bench")
    whole = await guard.call(REGISTRY["twin_query"], house.services, caller, raw)
    return shaped(REGISTRY["twin_query"], whole, Part(CONCISE))


class Observing:
    """Somebody who sees `TOUCHED` containers change their health at a time."""

    def __init__(self, house: House, seen: list[Observed]) -> None:
        self._house, self._seen, self._turn = house, seen, 0

    async def look(self) -> None:
        """One commit."""
        places = [(self._turn + number) % len(self._seen) for number in range(TOUCHED)]
        self._turn += TOUCHED
        turned = [replace(self._seen[place], health=_other(self._seen[place].health)) for place in places]
        await self._house.services.ledger.commit([Put(item) for item in turned])
        for place, item in zip(places, turned, strict=True):
            self._seen[place] = replace(item, version=item.version + 1)


def _other(health: Health) -> Health:
    return Health.UNHEALTHY if health is Health.HEALTHY else Health.HEALTHY


async def questions() -> dict[str, Any]:
    """`twin_query` while nothing changes, and after one in a hundred changed, beside reading the twin whole."""
    with tempfile.TemporaryDirectory() as folder:
        house = await furnished(Path(folder))
        store = house.services.ledger.store
        observing = Observing(house, [item async for item in house.services.ledger.each(Observed)])
        read = [await timed(lambda: Mirror(store).refresh()) for _ in range(5)]
        gc.collect()
        first = await timed(lambda: asked(house))
        quiet = await _repeated(lambda: asked(house))
        workloads = await _repeated(lambda: asked(house, kind="workload", attention=True))
        busy = await _repeated(lambda: asked(house), observing.look)
        data, text = await asked(house)
        await store.close()
    return {
        "first_ms": round(first * 1000, 1),
        "quiet": _figure(quiet, read),
        "workloads_with_attention": _figure(workloads, read),
        f"after_{TOUCHED}_changes": _figure(busy, read),
        "characters": {"data": len(json.dumps(data, ensure_ascii=False)), "text": len(text), "limit": "<= 1600 each"},
    }


async def _nothing() -> None:
    return None


async def _repeated(
    question: Callable[[], Awaitable[object]], between: Callable[[], Awaitable[None]] = _nothing
) -> list[float]:
    await question()
    found: list[float] = []
    for _ in range(RUNS):
        await between()
        found.append(await timed(question))
    return found


def _figure(values_s: list[float], read_s: list[float]) -> dict[str, Any]:
    p95_ms = round(sorted(values_s)[int(len(values_s) * 0.95) - 1] * 1000, 3)
    return {**compared(values_s, read_s, baseline="reading the twin whole", limit="p95 < 50 ms"), "p95_ms": p95_ms}


async def all_figures() -> dict[str, Any]:
    """Everything of this module."""
    return {f"twin_query_{RESOURCES}": await questions()}
