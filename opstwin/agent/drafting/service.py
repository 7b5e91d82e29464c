"""The port of `control/drafts.py`, carried out: wishes filled in by a model, or left as they were with why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from opstwin.agent.drafting.bases import base_of, drafted_in, filled_in
from opstwin.agent.drafting.batching import draft_many
from opstwin.agent.drafting.briefs import DraftBrief, Drafted
from opstwin.agent.drafting.composing import budget, versions
from opstwin.agent.drafting.drafter import Drafter
from opstwin.agent.drafting.policy_file import Policy, PolicyFile
from opstwin.agent.drafting.wording import why_template
from opstwin.agent.models.port import ModelReply
from opstwin.control.drafts import TEMPLATE, DraftAsked, DraftNote, Filled, PromptText
from opstwin.control.generating import Generating, Part, Wish, namespace_of, options_for
from opstwin.control.remembering import Memory
from opstwin.control.similar import sought_of
from opstwin.domain.draft_origin import DraftOrigin
from opstwin.domain.example import Example
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput
from opstwin.manifests.generating.info import ContainerInfo, info_of_workload
from opstwin.manifests.served import Served

LEAST: Final = 3
"""Examples that a prompt has at least, where the setting allows it: curated ones stand in for what is missing."""

_UNKNOWN: Final = Policy("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadAsked:
    """A workload that shall run on a target: the words, and what the deterministic way made of them (`base`).

    `current` is what runs of it now, in `resources`, and `info` what was seen of that. For `said` and `person` see
    `DraftAsked`.
    """

    words: str
    base: Workload
    target: Target
    language: str = "en"
    current: Workload | None = None
    info: ContainerInfo | None = None
    resources: tuple[ResourceId, ...] = ()
    said: frozenset[str] = frozenset()
    person: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafting:
    """Drafts for the tools. `most` is how many examples of the memory a prompt holds; without a memory, none.

    What it drafts keeps the operator's rules on manifests, which `generating` knows.
    """

    drafter: Drafter
    generating: Generating
    policy: PolicyFile
    most: int = 3
    memory: Memory | None = None

    async def filled(self, asked: DraftAsked) -> Filled:
        """See the port."""
        policy, fault = await self._policy()
        briefs = await self._briefs(asked, policy)
        drafter = Drafter(None) if fault else self.drafter
        drafts = await draft_many(drafter, briefs)
        return _filled(asked, drafts, why_template("policy", asked.language, fault) if fault else "")

    async def prompt(self, asked: DraftAsked) -> PromptText:
        """See the port."""
        policy = await self.policy.read()
        brief = (await self._briefs(asked, policy))[0]
        prompt = await self.drafter.prompt(brief)
        return PromptText(
            system=prompt.system, examples=prompt.examples, user=prompt.user, tokens=prompt.tokens, budget=budget(),
            policy=policy.source, versions=versions(),
        )  # fmt: skip

    async def workload(self, asked: WorkloadAsked) -> Drafted:
        """The draft of a workload on its target, whatever that is.

        Raises `InvalidInput` for a base that the target cannot be told, `Unreachable` or `Timeout` for a cluster that
        does not answer. A model never makes it raise.
        """
        part = Part(info=info_of_workload(asked.base), resources=asked.resources)
        wish = Wish(parts=(part,), target=asked.target)
        told = DraftAsked(
            wish=wish, learned=await self.generating.learned(wish, asked.person), words=asked.words,
            language=asked.language, said=asked.said, person=asked.person,
        )  # fmt: skip
        policy, fault = await self._policy()
        served = None if self.generating.readers.previewer(asked.target) is None else await self.generating.served(wish)
        brief = await self._brief(told, part, policy, served)
        brief = replace(brief, base=asked.base, info=asked.info, current=asked.current)
        if served is None:
            brief = replace(brief, target=asked.target.backend_type)
        draft = await (Drafter(None) if fault else self.drafter).draft(brief)
        return replace(draft, why=why_template("policy", asked.language, fault)) if fault else draft

    async def _policy(self) -> tuple[Policy, str]:
        """The policy, and why there is none."""
        try:
            return await self.policy.read(), ""
        except InvalidInput as error:
            return _UNKNOWN, str(error)

    async def _briefs(self, asked: DraftAsked, policy: Policy) -> list[DraftBrief]:
        served = await self.generating.served(asked.wish)
        return [await self._brief(asked, part, policy, served) for part in asked.wish.parts]

    async def _brief(self, asked: DraftAsked, part: Part, policy: Policy, served: Served | None) -> DraftBrief:
        wish, release = asked.wish, ".".join(map(str, served.release)) if served is not None else ""
        return DraftBrief(
            words=asked.words, base=base_of(part.info), language=asked.language, target=f"kubernetes {release}",
            info=part.info, policy=policy.text, examples=await self._examples(asked, part), said=asked.said,
            served=served, namespace=namespace_of(wish), options=options_for(wish, part, asked.learned),
            rules=self.generating.rules,
        )  # fmt: skip

    async def _examples(self, asked: DraftAsked, part: Part) -> tuple[Example, ...]:
        if self.memory is None:
            return ()
        sought = sought_of(part.info, asked.wish.target.id if asked.wish.target is not None else "")
        tenant, words = self.memory.tenant_of(asked.person), f"{asked.words} {_words(part.info)}".strip()
        found = await self.memory.similar(sought, words=words, tenant=tenant, k=self.most)
        missing = min(LEAST, self.most) - len(found)
        if missing <= 0:
            return found
        known = {item.id for item in found}
        others = [item for item in await self.memory.curated() if item.id not in known]
        others.sort(key=lambda item: item.purpose != sought.purpose)
        return (*found, *others[:missing])


def _words(info: ContainerInfo) -> str:
    """What a container is called and made of, to be found by."""
    return " ".join((info.name, info.image, *map(str, info.ports)))


def _filled(asked: DraftAsked, drafts: Sequence[Drafted], why: str) -> Filled:
    parts = [
        replace(part, info=filled_in(part.info, draft.workload), drafted=drafted_in(base_of(part.info), draft.workload))
        for part, draft in zip(asked.wish.parts, drafts, strict=True)
    ]
    replies = [reply for draft in drafts for reply in draft.replies]
    return Filled(
        wish=replace(asked.wish, parts=tuple(parts)), notes=tuple(_note(draft, why) for draft in drafts),
        model=replies[-1].model if replies else "", cost_usd=_cost(replies),
        origins=tuple(map(_origin, drafts)), tokens=sum(reply.tokens.input + reply.tokens.output for reply in replies),
    )  # fmt: skip


def _note(draft: Drafted, why: str) -> DraftNote:
    return DraftNote(
        name=draft.workload.name, source=draft.source.value, reasoning=draft.reasoning, examples=draft.examples,
        why=(why or draft.why) if draft.source.value == TEMPLATE else "", confidence=draft.confidence,
    )  # fmt: skip


def _origin(draft: Drafted) -> DraftOrigin:
    return DraftOrigin(
        workload=draft.workload.name, source=draft.source.value, confidence=draft.counted, examples=draft.examples,
        corrected=draft.confidence,
    )  # fmt: skip


def _cost(replies: Sequence[ModelReply]) -> float | None:
    """None as soon as one price is not known: a sum without it would be too low."""
    costs = [reply.cost_usd for reply in replies]
    return None if None in costs else sum(cost for cost in costs if cost is not None)
