"""Which tools a model is offered: those that only read, and those that draft a plan. It never gets any other."""

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any, Final, cast

from opstwin.agent.models.port import ToolOffer
from opstwin.agent.nodes.check import PROPOSING
from opstwin.tools.registry import AnyTool, Caller, Effect, Registry

ASKED_OF: Final = "discover_endpoint"
LEFT_OUT: Final = frozenset({"hub_info", "tools_list"})


def offered(registry: Registry, caller: Caller) -> dict[str, AnyTool]:
    """The tools by name that this caller may use and a model is offered.

    Whether something answers at an address can be asked once the person wrote one.
    """
    also = ASKED_OF if caller.named else ""
    return {tool.name: tool for tool in registry if (_fits(tool) or tool.name == also) and tool.may(caller)}


def offers(tools: Sequence[AnyTool]) -> tuple[ToolOffer, ...]:
    """The same as a model's provider takes them, in a stable order."""
    return tuple(_offer(tool) for tool in tools)


def _fits(tool: AnyTool) -> bool:
    if tool.name in PROPOSING:
        return True
    return tool.effect is Effect.READ and tool.toolset is not None and tool.name not in LEFT_OUT and not tool.secret


@lru_cache(maxsize=256)
def _offer_of(name: str, purpose: str, model: Any) -> ToolOffer:
    return ToolOffer(name=name, description=purpose, schema=model.model_json_schema())


def _offer(tool: AnyTool) -> ToolOffer:
    return _offer_of(tool.name, tool.purpose, cast("Hashable", tool.input))
