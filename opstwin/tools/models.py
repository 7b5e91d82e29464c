"""The tool that says which language models this hub asks, and what its memory stands on. No key is ever shown."""

import asyncio
from dataclasses import dataclass
from typing import Final

from opstwin.domain.access import Scope
from opstwin.domain.model_place import ModelPlace
from opstwin.knowledge.embedding import GET_IT
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, Tool
from opstwin.tools.services import Services

NO_MODEL: Final = (
    "Set OPENAI_API_KEY or ANTHROPIC_API_KEY for the hub, or models.providers in its config file, and start it again. "
    "Until then requests are read without a model."
)


class ModelsAsk(Ask):
    """With `ask` each provider is asked whether it answers and takes its key; that costs nothing."""

    ask: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryView:
    """What past deployments are found with. `embeddings` is the folder of the model for vectors, empty without one."""

    index: str
    examples: int
    embeddings: str
    embeddings_there: bool
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsView:
    """The providers, first asked first; `next_step` says how to set one up where there is none."""

    providers: tuple[ModelPlace, ...]
    next_step: str
    memory: MemoryView | None


async def _models(services: Services, _caller: Caller, ask: ModelsAsk) -> ModelsView:
    model = services.model
    providers = await model.about(ask=ask.ask) if model is not None else ()
    return ModelsView(providers=providers, next_step="" if providers else NO_MODEL, memory=await _memory(services))


async def _memory(services: Services) -> MemoryView | None:
    if services.memory is None:
        return None
    chosen = services.settings.knowledge
    folder = chosen.embeddings
    there = folder is not None and await asyncio.to_thread(folder.is_dir)
    return MemoryView(
        index=chosen.index, examples=await services.memory.size(), embeddings="" if folder is None else str(folder),
        embeddings_there=there, next_step="" if there else GET_IT,
    )  # fmt: skip


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="models_list",
        title="Language models",
        purpose="Which language models are set up and whether they answer, and how past deployments are found.",
        effect=Effect.READ,
        scope=Scope.READ,
        outward=True,
        input=ModelsAsk,
        output=ModelsView,
        handler=_models,
        route=Route(method="GET", path="/ai/models"),
    ),
)
