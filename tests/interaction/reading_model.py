"""An AI client as the tools see it: it calls through the guard and gets brief answers."""

import json
from dataclasses import replace
from typing import Any, Final

from opstwin.control.people import actor_of
from opstwin.domain.resource import Observed
from opstwin.tools import guard
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.registry import Caller
from opstwin.tools.shaping import CONCISE, Part, shaped
from opstwin.twin.store import Put
from tests.interaction.house import URL, House

BUDGET: Final = 400 * 4
"""Characters of a default answer, at 4 a token; the text and the data each stay below it."""


class Model:
    """An AI client that acts for the owner."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def caller(self) -> Caller:
        """Who it is."""
        agent = await self.house.services.people.get("planner")
        actor = replace(actor_of(agent, "mcp"), on_behalf_of="owner")
        return Caller(principal=agent, scopes=agent.scopes, actor=actor, request_id="req_1", base_url=URL)

    async def whole(self, name: str, **raw: Any) -> dict[str, Any]:
        """The whole answer."""
        answer = await guard.call(REGISTRY[name], self.house.services, await self.caller(), raw)
        assert isinstance(answer, dict)
        return answer

    async def brief(self, name: str, **raw: Any) -> dict[str, Any]:
        """What it gets by default, as data."""
        return (await self.both(name, **raw))[0]

    async def both(self, name: str, **raw: Any) -> tuple[dict[str, Any], str]:
        """What it gets by default, as data and as text."""
        data, text = shaped(REGISTRY[name], await self.whole(name, **raw), Part(CONCISE))
        return json.loads(json.dumps(data)), text

    async def done(self, words: str) -> str:
        """Plan, approve, apply and finish; returns the execution's id."""
        async with self.house.caller("owner") as owner, self.house.caller("operator") as operator:
            plan = await owner.planned(words)
            decision = {"decision": "approve", "reason": "looks right", "digest": plan["digest"]}
            assert (await operator.post(f"/plans/{plan['id']}:decide", decision)).status_code == 200
        execution = await self.whole("plan_apply", id=plan["id"])
        await self.house.work()
        return str(execution["id"])


def size(data: dict[str, Any]) -> int:
    """Characters of an answer as it goes over the wire."""
    return len(json.dumps(data, ensure_ascii=False, separators=(",", ":")))


async def seen(house: House, name: str, **changes: Any) -> None:
    """Let a container of `local` be seen otherwise."""
    ledger = house.services.ledger
    old = await ledger.get(Observed, f"local/container/{name}")
    assert old is not None
    await ledger.commit([Put(replace(old, **changes))])
