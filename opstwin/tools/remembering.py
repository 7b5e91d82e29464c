"""Tools about what worked before: past deployments that are alike, what no draft learns from, and predictions."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field

from opstwin.control.predicting import Prediction, Predictor
from opstwin.control.remembering import Memory, Quarantine
from opstwin.control.resembling import meant_by
from opstwin.control.sizing_words import sizing_text
from opstwin.domain.access import Scope
from opstwin.domain.example import Example
from opstwin.domain.similarity import Sought
from opstwin.errors import InvalidInput, NotFound
from opstwin.tools.fields import Nothing, Reason, SubjectName, TargetName, WorkloadName
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, Tool
from opstwin.tools.services import Services
from opstwin.tools.views import Listed, row

MOST: Final = 20

PastName = Annotated[str, Field(max_length=80, pattern=r"^(dep_[0-9a-z]{1,40}|curated-[a-z-]{1,60})$")]


class SimilarAsk(Ask):
    """Like what: `name`, a workload or resource, or what is told of it; `words` in English or Korean."""

    name: SubjectName | None = None
    words: Annotated[str, Field(max_length=2000)] = ""
    image: Annotated[str, Field(max_length=500)] = ""
    purpose: Literal["", "web", "api", "worker", "db", "cache"] = ""
    language: Annotated[str, Field(max_length=40, pattern=r"^[a-z0-9+#.-]*$")] = ""
    target: TargetName | None = None
    k: Annotated[int, Field(ge=1, le=MOST)] = 5


class PredictAsk(Ask):
    """For which workload."""

    workload: WorkloadName
    target: TargetName | None = None
    language: Literal["en", "ko"] = "en"


class QuarantineAsk(Ask):
    """Which past deployment, and why."""

    id: PastName
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionView(Prediction):
    """What to request, what that stands on, and the same in words."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """How many past deployments are remembered, and why vectors are not compared where they are not."""

    deployments: int
    without_vectors: str


def memory_of(services: Services) -> Memory:
    """The memory of this hub. Raises `NotFound` where it has none."""
    if services.memory is None:
        raise NotFound("This hub remembers nothing.", next_step="Start it with opstwin up.")
    return services.memory


def predictor_of(services: Services) -> Predictor:
    """What predicts in this hub. Raises `NotFound` where it remembers nothing."""
    return Predictor(services.ledger, services.sampler.store, memory_of(services))


def tenant_of(services: Services, caller: Caller) -> str:
    """Whose past the caller may see: that of the person behind it."""
    return memory_of(services).tenant_of(caller.actor.human)


async def _similar(services: Services, caller: Caller, ask: SimilarAsk) -> Listed[Example]:
    memory, tenant = memory_of(services), tenant_of(services, caller)
    sought, words = Sought(image="", target=ask.target or ""), ask.words
    if ask.name is not None:
        sought, own = await meant_by(services.ledger, ask.name, ask.target)
        words = f"{own} {words}".strip()
    sought = Sought(
        image=ask.image or sought.image, target=sought.target, purpose=ask.purpose or sought.purpose,
        language=ask.language or sought.language,
    )  # fmt: skip
    if not (words or sought.image or sought.purpose or sought.language):
        raise InvalidInput(
            "Like what?", field="name", next_step="Give a name, words, an image, a purpose or a language."
        )
    return Listed(items=await memory.similar(sought, words=words, tenant=tenant, k=ask.k, least=0.0), next=None)


async def _curated(services: Services, _caller: Caller, _ask: Nothing) -> Listed[Example]:
    return Listed(items=await memory_of(services).curated(), next=None)


async def _quarantined(services: Services, caller: Caller, _ask: Nothing) -> Listed[Quarantine]:
    return Listed(items=await memory_of(services).quarantined(tenant_of(services, caller)), next=None)


async def _quarantine(services: Services, caller: Caller, ask: QuarantineAsk) -> Quarantine:
    await _check_own(services, caller, ask.id)
    return await memory_of(services).quarantine(ask.id, ask.reason, caller.actor)


async def _release(services: Services, caller: Caller, ask: QuarantineAsk) -> Quarantine:
    await _check_own(services, caller, ask.id)
    return await memory_of(services).release(ask.id, ask.reason, caller.actor)


async def _rebuild(services: Services, _caller: Caller, _ask: Nothing) -> Rebuilt:
    memory = memory_of(services)
    count = await memory.rebuild()
    return Rebuilt(deployments=count, without_vectors=memory.without_vectors)


async def _predict(services: Services, caller: Caller, ask: PredictAsk) -> PredictionView:
    predictor = predictor_of(services)
    found = await predictor.predict(ask.workload, ask.target, tenant_of(services, caller))
    return row(PredictionView, found, text=sizing_text(found.name, found.advice, ask.language))


async def _check_own(services: Services, caller: Caller, id: str) -> None:
    owner = await memory_of(services).owner_of(id)
    if owner not in ("", tenant_of(services, caller)):
        # What belongs to another organisation does not exist for this one.
        raise NotFound(f"There is no past deployment {id!r}.", next_step="List them: opstwin history list")


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="deployments_similar",
        title="Similar deployments",
        purpose="Past deployments that are most like a workload, or like what is told of one, with what they used.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=SimilarAsk,
        output=Listed[Example],
        handler=_similar,
        route=Route(method="GET", path="/deployments/similar"),
    ),
    Tool(
        name="deployments_curated",
        title="Curated examples",
        purpose="The well-made examples that ship with the product.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=Nothing,
        output=Listed[Example],
        handler=_curated,
        route=Route(method="GET", path="/deployments/curated"),
    ),
    Tool(
        name="deployments_quarantined",
        title="Examples in quarantine",
        purpose="Past deployments that no draft learns from: why, by whom, and where they came from.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=Nothing,
        output=Listed[Quarantine],
        handler=_quarantined,
        route=Route(method="GET", path="/deployments/quarantined"),
    ),
    Tool(
        name="deployment_quarantine",
        title="Put an example into quarantine",
        purpose="No draft learns from a past deployment any more.",
        effect=Effect.ADMIN,
        scope=Scope.ADMIN,
        people_only=True,
        repeatable=True,
        input=QuarantineAsk,
        output=Quarantine,
        handler=_quarantine,
        route=Route(method="POST", path="/deployments:quarantine"),
    ),
    Tool(
        name="deployment_release",
        title="Release an example",
        purpose="Drafts may learn from a past deployment again.",
        effect=Effect.ADMIN,
        scope=Scope.ADMIN,
        people_only=True,
        input=QuarantineAsk,
        output=Quarantine,
        handler=_release,
        route=Route(method="POST", path="/deployments:release"),
    ),
    Tool(
        name="memory_rebuild",
        title="Rebuild the memory",
        purpose="Read all past deployments anew from the twin; nothing is lost by it.",
        effect=Effect.ADMIN,
        scope=Scope.ADMIN,
        people_only=True,
        repeatable=True,
        input=Nothing,
        output=Rebuilt,
        handler=_rebuild,
        route=Route(method="POST", path="/deployments:rebuild"),
    ),
    Tool(
        name="predict",
        title="Predict resources",
        purpose="The CPU and memory that a workload should request: from its use, or from what is like it.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=PredictAsk,
        output=PredictionView,
        handler=_predict,
        route=Route(method="GET", path="/predictions"),
    ),
)
