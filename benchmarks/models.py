"""What the gateway adds to a request to a model, beside the same request through the vendor's SDK alone.

`python -m benchmarks.models` prints one JSON. The model is a script in this process, so the model's own time and the
network's are left out; the request is as large as a draft with its examples.
"""

import asyncio
import json
from typing import Any

from benchmarks.measuring import compared, figure, in_turn, timed, timed_sync
from opstwin.agent.models import anthropic_wire, openai_wire
from opstwin.agent.models.gateway import Gateway
from opstwin.agent.models.opening import open_model
from opstwin.agent.models.outward import covering, outward
from opstwin.agent.models.port import Message, ModelRequest, Role, ToolOffer
from opstwin.agent.models.scripted_client import client_of
from opstwin.agent.models.scripted_server import ScriptedServer
from opstwin.clock import SystemClock
from opstwin.settings import Settings

RUNS = 200
LIMIT_MS = 10
"""Of a turn's 60 ms without the model."""

_LINE = "deployment web-7: image nginx:1.27, port 80, 256Mi requested, 210Mi used at most, healthy for 9 days.\n"
_TOOLS = [
    ToolOffer(name=f"tool_{number}", description="Reads one part of the twin.", schema={
        "type": "object", "properties": {"id": {"type": "string"}, "limit": {"type": "integer"}}})
    for number in range(12)
]  # fmt: skip


def request(number: int, *, tools: bool) -> ModelRequest:
    """A request of about 12 kB, each another one."""
    return ModelRequest(
        purpose="draft", system=_LINE * 40, examples=_LINE * 40,
        messages=[Message(role=Role.USER, text=f"{_LINE * 20}Deploy web number {number}.")],
        tools=_TOOLS if tools else (),
    )  # fmt: skip


def _gateway(kind: str, server: ScriptedServer) -> Gateway:
    own = {"requests_per_minute": 0, "providers": {"it": {"kind": kind, "model": "m-1", "credential": "env:KEY"}}}
    settings = Settings.model_validate({"models": own})
    return open_model(settings, SystemClock(), str, environ={"KEY": "k"}, http=client_of(server))


async def overhead(kind: str) -> dict[str, Any]:
    """One request through the gateway, and the same body through the SDK."""
    server = ScriptedServer(otherwise="256Mi is enough.")
    gateway, numbers = _gateway(kind, server), iter(range(10_000_000))
    alone = _alone(kind, server)

    async def ours() -> None:
        await gateway.complete(request(next(numbers), tools=True))

    async def theirs() -> None:
        await alone(request(next(numbers), tools=True))

    ours_s, theirs_s = await in_turn(ours, theirs, RUNS)
    found = compared(ours_s, theirs_s, baseline="the vendor's SDK alone", limit=f"adds < {LIMIT_MS} ms")
    return {**found, "adds_ms": round(found["median_ms"] - found["baseline_median_ms"], 3)}


def _alone(kind: str, server: ScriptedServer) -> Any:
    if kind == "anthropic":
        import anthropic

        messages = anthropic.AsyncAnthropic(api_key="k", http_client=client_of(server), max_retries=0).messages
        return lambda one: messages.create(
            **anthropic_wire.body_of(one, "m-1", shape=dict, room=0, streaming=False)
        )  # fmt: skip
    import openai

    completions = openai.AsyncOpenAI(api_key="k", http_client=client_of(server), max_retries=0).chat.completions
    return lambda one: completions.create(
        **openai_wire.body_of(one, "m-1", compatible=False, room=0, streaming=False)
    )  # fmt: skip


async def kept() -> dict[str, Any]:
    """The same request again: how long, and how many requests the provider got for all of them."""
    server = ScriptedServer(otherwise="256Mi is enough.")
    gateway, same = _gateway("openai", server), request(0, tools=False)
    await gateway.complete(same)
    took_s = [await timed(lambda: gateway.complete(same)) for _ in range(RUNS)]
    return figure(took_s, calls_made=len(server.requests) - 1, limit="0 calls")


def covered() -> dict[str, Any]:
    """Covering every text of a request, a part of what the gateway adds."""
    cover, one = covering(str), request(0, tools=True)
    return figure([timed_sync(lambda: outward(one, cover)) for _ in range(RUNS)])


async def all_figures() -> dict[str, Any]:
    """All figures of the gateway."""
    return {
        "models": {
            "openai": await overhead("openai"), "anthropic": await overhead("anthropic"), "kept_answer": await kept(),
            "covering": covered(),
        }
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(asyncio.run(all_figures()), indent=2))
