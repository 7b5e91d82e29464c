"""Tools that look at a container as Kubernetes would need it, and that make its manifests."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from opstwin.control.drafts import TEMPLATE, DraftAsked, DraftNote, Filled, filled
from opstwin.control.generating import Generation, Learned, Wish
from opstwin.control.inspecting import seen_container
from opstwin.domain.access import Scope
from opstwin.domain.deployment import Usage
from opstwin.domain.resource import Health
from opstwin.domain.secret_text import words_without_secrets
from opstwin.domain.target import Target
from opstwin.domain.values import Json, ResourceId
from opstwin.manifests.checks.findings import Finding as Checked
from opstwin.manifests.forms import Decision, Manifest
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.results import Finding, SecretNeed
from opstwin.manifests.yaml_text import text_of
from opstwin.tools.drafting import said_in, words_of
from opstwin.tools.fields import OfResource
from opstwin.tools.registry import AnyTool, Caller, Effect, Route, Tool
from opstwin.tools.services import Services
from opstwin.tools.sources import Source, seen_in
from opstwin.tools.things import found
from opstwin.tools.views import row
from opstwin.tools.wanted import Meant, Wanted, meant
from opstwin.tools.wishes import Wishes, options_of

Language = Literal["en", "ko"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectView(ContainerInfo):
    """A container as it would be deployed elsewhere, what it uses now, and when it was last seen."""

    id: ResourceId
    observed_health: Health
    observed_at: datetime


class GenerateAsk(Wanted):
    """From what, exactly one of `source`, a container, workload or image; `file`, a workload or Compose file; and
    `words`. With a `target` the manifests are for that cluster. `with_secret` adds the Secret that only Opstwin can
    apply. `language` is that of the words, else English.
    """

    with_secret: bool = False
    language: Language | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestView:
    """One manifest: as data, as YAML with the reasons on its lines, and the reasons by themselves."""

    api_version: str
    kind: str
    namespace: str
    name: str
    document: dict[str, Json]
    text: str
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastView:
    """A past deployment that was looked at, and how similar it is, from 0 to 1."""

    id: str
    score: float
    service: str
    image: str
    target: str
    outcome: str
    oom_events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedView:
    """Manifests in the order in which they are applied, and what whoever applies them should know.

    `findings` say what differs or is lost on the way, `checks` what the checks find, `secrets` which keys a Secret
    must hold, `usage` what each container used, `history` what was deployed before.

    `of` is what they were made from. `source` says who filled in what nobody said: a `model`, the `cache` of its
    answers, or the `template`; then `why` says why. `drafts` tell it of each container; `confidence` is their lowest.
    """

    of: str
    source: str
    why: str
    confidence: float | None
    drafts: tuple[DraftNote, ...]
    target: str | None
    namespace: str
    kubernetes: str
    manifests: tuple[ManifestView, ...]
    findings: tuple[Finding, ...]
    checks: tuple[Checked, ...]
    secrets: tuple[SecretNeed, ...]
    usage: dict[str, Usage]
    history: tuple[PastView, ...]
    cited: tuple[str, ...]
    reasoning: str


def wish_of(source: Source, target: Target | None, wishes: Wishes, *, with_secret: bool) -> Wish:
    """The whole wish. Raises `InvalidInput` for options that cannot be."""
    return Wish(
        parts=source.parts, target=target, release=wishes.kubernetes or "", namespace=wishes.namespace or "",
        options=options_of(wishes, with_secret=with_secret),
    )  # fmt: skip


def past_views(learned: Learned) -> tuple[PastView, ...]:
    """The past deployments, the most similar first."""
    return tuple(
        PastView(
            id=item.deployment.id, score=item.score, service=item.deployment.service_name,
            image=f"{item.deployment.image_name}:{item.deployment.image_tag}", target=item.deployment.target_cluster,
            outcome=item.deployment.outcome, oom_events=item.deployment.oom_events,
        )
        for item in learned.most_similar
    )  # fmt: skip


async def _generate(services: Services, caller: Caller, ask: GenerateAsk) -> GeneratedView:
    behind = await meant(services, ask, for_target=False)
    wish = wish_of(behind.source, behind.target, ask.options, with_secret=ask.with_secret)
    learned = await services.generating.learned(wish, caller.actor.human)
    language = ask.language or behind.said.language
    asked = DraftAsked(
        wish=wish, learned=learned, words=words_of(ask, behind.said), language=language, said=said_in(ask),
        person=caller.actor.human,
    )  # fmt: skip
    draft = await filled(services.drafts, asked)
    return _view(behind, learned, draft, await services.generating.made(draft.wish, learned), language)


def _view(behind: Meant, learned: Learned, draft: Filled, made: Generation, language: str) -> GeneratedView:
    result = made.generated
    said = [note.reasoning for note in draft.notes if note.source != TEMPLATE]
    cited = [id for note in draft.notes for id in note.examples]
    return GeneratedView(
        of=behind.source.label, source=draft.source, why=draft.why, confidence=draft.confidence, drafts=draft.notes,
        target=behind.target.id if behind.target else None, namespace=made.namespace,
        kubernetes=made.release, manifests=tuple(_manifests(result.manifests, language)), findings=result.findings,
        checks=made.report.findings, secrets=result.secrets, usage=dict(learned.usage), history=past_views(learned),
        cited=tuple(dict.fromkeys((*cited, *result.cited))),
        reasoning="\n".join((*said, result.reasoning_ko if language == "ko" else result.reasoning)),
    )  # fmt: skip


def _manifests(manifests: Iterable[Manifest], language: str) -> Iterable[ManifestView]:
    for item in manifests:
        yield ManifestView(
            api_version=item.api_version, kind=item.kind, namespace=item.namespace, name=item.name,
            document=item.document, text=text_of([item], language=language), decisions=item.decisions,
        )  # fmt: skip


def _covered(info: ContainerInfo) -> ContainerInfo:
    """Without the secrets that stand in its commands."""
    command, health = info.command, info.health
    return replace(
        info, command=None if command is None else tuple(words_without_secrets(command)),
        health=None if health is None else replace(health, command=tuple(words_without_secrets(health.command))),
    )  # fmt: skip


async def _inspect(services: Services, _caller: Caller, ask: OfResource) -> InspectView:
    twin = await services.index.now()
    seen = seen_in(twin, await found(twin, ask.id))
    info = await seen_container(services.ledger, services.readers, services.breakers, seen)
    return row(InspectView, _covered(info), id=seen.id, observed_health=seen.health, observed_at=seen.observed_at)


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="container_inspect",
        title="Inspect a container",
        purpose="A container as another place would need it: image, ports, variables, volumes, user, and its use now.",
        effect=Effect.READ,
        scope=Scope.READ,
        outward=True,
        input=OfResource,
        output=InspectView,
        quotes="settings of containers",
        handler=_inspect,
        route=Route(method="GET", path="/resources/{id:path}/inspect"),
    ),
    Tool(
        name="manifests_generate",
        title="Generate manifests",
        purpose="Kubernetes manifests for a container, a workload, an image, a Compose file or words, all explained.",
        effect=Effect.READ,
        scope=Scope.READ,
        outward=True,
        input=GenerateAsk,
        output=GeneratedView,
        quotes="settings of containers",
        handler=_generate,
        route=Route(method="POST", path="/manifests:generate"),
    ),
)
