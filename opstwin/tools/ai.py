"""Tools about what a language model is told. They send nothing."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from opstwin.control.drafts import DraftAsked, PromptText
from opstwin.control.generating import Wish
from opstwin.domain.access import Scope
from opstwin.domain.target import Target
from opstwin.errors import NotFound
from opstwin.tools.fields import SubjectName, TargetName
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, Tool
from opstwin.tools.services import Services
from opstwin.tools.sources import source_named
from opstwin.tools.views import row


class PromptAsk(Ask):
    """A container or a workload that shall run on a cluster (none named: on Kubernetes as such), and what is asked."""

    source: SubjectName
    target: TargetName | None = None
    words: Annotated[str, Field(max_length=2000)] = ""
    language: Literal["en", "ko"] = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptView(PromptText):
    """The prompt of a draft, and what it is for."""

    source: str


async def _prompt(services: Services, caller: Caller, ask: PromptAsk) -> PromptView:
    if services.drafts is None:
        raise NotFound("This hub drafts nothing.", next_step="Start it with opstwin up.")
    source = await source_named(services, ask.source)
    target = None
    if ask.target is not None:
        target = await services.ledger.need(Target, ask.target, next_step="List targets: opstwin targets list")
    wish = Wish(parts=source.parts, target=target)
    learned = await services.generating.learned(wish, caller.actor.human)
    asked = DraftAsked(wish=wish, learned=learned, words=ask.words, language=ask.language, person=caller.actor.human)
    return row(PromptView, await services.drafts.prompt(asked), source=source.label)


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="ai_prompt",
        title="Show a prompt",
        purpose="Exactly what a language model would be sent to draft a container or workload; nothing is sent.",
        effect=Effect.READ,
        scope=Scope.READ,
        outward=True,
        input=PromptAsk,
        output=PromptView,
        quotes="settings of containers and past deployments",
        handler=_prompt,
        route=Route(method="GET", path="/ai/prompt"),
    ),
)
