"""Tools about components beyond planning them."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from opstwin.domain.access import Scope
from opstwin.errors import InvalidInput
from opstwin.intent.document import ComponentRequest, read_document
from opstwin.tools.fields import MAX_FILE, TargetName
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, Tool
from opstwin.tools.services import Services


class NeverAsk(Ask):
    """The components file, and how the caller knows."""

    file: Annotated[str, Field(min_length=1, max_length=MAX_FILE)]
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    target: TargetName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverView:
    """The workloads that the twin now knows were never created."""

    workloads: tuple[str, ...]


async def _never(services: Services, caller: Caller, ask: NeverAsk) -> NeverView:
    document = await asyncio.to_thread(read_document, ask.file)
    if not isinstance(document, ComponentRequest):
        raise InvalidInput("This is no components file.", field="file", next_step="Give a file with components: in it.")
    said = await services.component_planner.say_never_created(document.form, ask.target, caller.actor, ask.reason)
    return NeverView(workloads=said)


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="component_never_created",
        title="Say that a component was never created",
        purpose="A person's word that what cannot be reached was never made, so that it may be bootstrapped.",
        effect=Effect.PLAN,
        scope=Scope.APPLY,
        people_only=True,
        input=NeverAsk,
        output=NeverView,
        handler=_never,
        route=Route(method="POST", path="/components:never-created"),
    ),
)
