"""Runs: one request to deploy, drafted from what runs to a plan that waits for a human. Nothing is applied here."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from opstwin.control.drafts import TEMPLATE, DraftAsked, Drafts, Filled, filled
from opstwin.control.generating import Generating, Generation, Learned, Wish
from opstwin.control.ledger import Ledger
from opstwin.control.manifest_goals import Manifests
from opstwin.control.planning import Planner
from opstwin.control.run_drafting import Draft
from opstwin.control.similar import Similar
from opstwin.domain.access import Actor
from opstwin.domain.audit import AuditEntry
from opstwin.domain.plan import Origin, Plan
from opstwin.domain.run import Artefact, Run, RunId, StageName
from opstwin.domain.taint import Taint
from opstwin.domain.target import Target
from opstwin.domain.values import Json, PlanId, to_json
from opstwin.errors import Conflict, OpstwinError
from opstwin.manifests.forms import Manifest
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.results import Level
from opstwin.manifests.yaml_text import text_of
from opstwin.twin.store import Put, Query

RULES: Final = "rules"
"""What analyses where no model is configured: the generator's own rules, which cost no tokens."""

_TRIES: Final = 100
"""Numbers that are tried; each conflict means that another run was stored meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAsked:
    """A request to deploy. `source` names what was found, `sort` what that is, `request` is what was asked, in words.

    `options` are the wishes as they were given; `wish` has the target and is what they come to. `words` and `said` are
    those of `DraftAsked`, `plan_id` is that of `About`.
    """

    target: Target
    source: str
    sort: str
    request: str
    options: Mapping[str, Json]
    wish: Wish
    actor: Actor
    taint: Taint | None = None
    language: str = "en"
    words: str = ""
    said: frozenset[str] = frozenset()
    plan_id: str = ""


@dataclass(frozen=True, slots=True)
class Runs:
    """Drafts runs and stores them."""

    ledger: Ledger
    generating: Generating
    planner: Planner
    drafts: Drafts | None = None

    async def start(self, asked: RunAsked) -> Run:
        """The run with its plan. What goes wrong on the way is its failed stage, and kept.

        Raises `StoreError` when the run cannot be stored.
        """
        run = await self._new(asked)
        draft = Draft(self.ledger, [*run.stages])
        try:
            learned = await self._look_back(asked, draft)
            found, made = await self._generate(asked, learned, draft)
            artefacts = tuple(map(_artefact, made.generated.manifests))
            # Stored before the plan is: whoever finds that plan after a kill finds what it was made of.
            run = await self._store(replace(run, stages=tuple(draft.stages), artefacts=artefacts), asked.actor)
            run = replace(run, plan_id=await self._plan(asked, (found, made), run, draft))
        except OpstwinError as error:
            draft.fail(error)
        return await self._store(replace(run, stages=tuple(draft.stages)), asked.actor)

    async def _new(self, asked: RunAsked) -> Run:
        """The run as it is before anything was looked at; runs are numbered, so that people can name them."""
        draft = Draft(self.ledger, [])
        draft.done(
            StageName.REQUEST,
            {
                "request": asked.request, "source": asked.source, "target": asked.target.id,
                "options": dict(asked.options), "by": asked.actor.id,
            },
        )  # fmt: skip
        containers: list[Json] = [_shown(part.info) for part in asked.wish.parts]
        draft.done(StageName.INSPECT, {"source": asked.source, "sort": asked.sort, "containers": containers})
        run = Run(
            id=RunId(""), target=asked.target.id, source=asked.source, request=asked.request, requested_by=asked.actor,
            options=asked.options, stages=tuple(draft.stages), created_at=self.ledger.clock.now(),
        )  # fmt: skip
        newest = await self.ledger.store.find(Query(Run, limit=1, newest_first=True))
        number = int(newest.items[0].id.removeprefix("run_")) if newest.items else 0
        for following in range(number + 1, number + 1 + _TRIES):
            numbered = replace(run, id=RunId(f"run_{following}"))
            try:
                await self.ledger.commit([Put(numbered)], [_entry("run.start", numbered, asked.actor)])
            except Conflict:
                continue
            return replace(numbered, version=1)
        raise Conflict("Many runs are started at this moment.", next_step="Ask again.")

    async def _look_back(self, asked: RunAsked, draft: Draft) -> Learned:
        draft.begin(StageName.HISTORY)
        learned = await self.generating.learned(asked.wish, asked.actor.human)
        items: list[Json] = [_past(item) for item in learned.most_similar]
        draft.done(StageName.HISTORY, {"items": items})
        return learned

    async def _generate(self, asked: RunAsked, learned: Learned, draft: Draft) -> tuple[Filled, Generation]:
        draft.begin(StageName.ANALYSIS)
        found = await filled(self.drafts, _draft_asked(asked, learned))
        made = await self.generating.made(found.wish, learned)
        draft.done(StageName.ANALYSIS, {**_analysed(found, made, asked.language), "usage": to_json(learned.usage)})
        result = made.generated
        draft.done(
            StageName.GENERATE,
            {
                "namespace": made.namespace, "kubernetes": made.release, "findings": to_json(result.findings),
                "secrets": to_json(result.secrets),
                "checks": {str(level.value): count for level, count in made.report.counts.items()},
            },
        )  # fmt: skip
        return found, made

    async def _plan(self, asked: RunAsked, drafted: tuple[Filled, Generation], run: Run, draft: Draft) -> PlanId:
        draft.begin(StageName.REVIEW)
        found, made = drafted
        plan = await self.planner.from_manifests(
            asked.target.id,
            Manifests(documents=tuple(item.document for item in made.generated.manifests), language=asked.language),
            request=request_of_run(run.id, asked.request), actor=asked.actor,
            origin=Origin.WORDS if asked.sort == "words" else Origin.FILE, taint=asked.taint,
            notes=tuple(_notes(made, asked.language)), language=asked.language, drafts=found.origins,
            plan_id=asked.plan_id,
        )  # fmt: skip
        draft.over()
        return plan.id

    async def _store(self, run: Run, actor: Actor) -> Run:
        action = "run.plan" if run.plan_id is not None else "run.draft" if run.is_drafting else "run.fail"
        await self.ledger.commit([Put(run)], [_entry(action, run, actor)])
        return replace(run, version=run.version + 1)


async def joined(ledger: Ledger, run: Run, plan: Plan, actor: Actor) -> Run:
    """The run with the plan that it made before its process died; as it is where it has one."""
    if run.plan_id is not None:
        return run
    run = replace(run, plan_id=plan.id)
    await ledger.commit([Put(run)], [_entry("run.plan", run, actor)])
    return replace(run, version=run.version + 1)


def request_of_run(id: str, request: str) -> str:
    """What the plan of a run says that was asked for."""
    return f"{id}: {request}"[:500]


def _entry(action: str, run: Run, actor: Actor) -> AuditEntry:
    return AuditEntry(
        action=action, subject=run.id, actor=actor, plan_id=run.plan_id,
        details={"source": run.source[:200], "target": run.target},
    )  # fmt: skip


def _shown(info: ContainerInfo) -> Json:
    """What was found out about a container, without the values of its variables."""
    return {
        "name": info.name, "image": info.image, "ports": [*info.ports, *info.udp_ports],
        "variables": [*sorted({*info.env_vars, *info.secret_env})], "cpu_usage": info.cpu_usage,
        "memory_usage": info.memory_usage, "user": info.user, "volumes": [mount.path for mount in info.mounts],
    }  # fmt: skip


def _draft_asked(asked: RunAsked, learned: Learned) -> DraftAsked:
    return DraftAsked(
        wish=asked.wish, learned=learned, words=asked.words, language=asked.language, said=asked.said,
        person=asked.actor.human,
    )  # fmt: skip


def _analysed(found: Filled, made: Generation, language: str) -> dict[str, Json]:
    """Who filled in what nobody said, what that took, and the reasons."""
    result = made.generated
    said = [note.reasoning for note in found.notes if note.source != TEMPLATE]
    cited = [id for note in found.notes for id in note.examples]
    return {
        "model": found.model or RULES, "tokens": found.tokens, "cost": found.cost_usd, "source": found.source,
        "why": found.why, "confidence": found.confidence, "cited": [*dict.fromkeys((*cited, *result.cited))],
        "reasoning": "\n".join((*said, result.reasoning_ko if language == "ko" else result.reasoning)),
    }  # fmt: skip


def _past(item: Similar) -> Json:
    past = item.deployment
    return {
        "id": past.id, "score": item.score, "service": past.service_name, "outcome": past.outcome,
        "image": f"{past.image_name}:{past.image_tag}", "target": past.target_cluster,
    }  # fmt: skip


def _artefact(manifest: Manifest) -> Artefact:
    text = text_of([manifest], language="en")
    return Artefact(name=manifest.name, kind=manifest.kind, sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)


def _notes(made: Generation, language: str) -> Iterator[str]:
    """What the reviewer must know: what the source says and the manifests do not do, or do another way."""
    findings: Sequence[Level] = (Level.LOST, Level.DIFFERS)
    for finding in made.generated.findings:
        if finding.level in findings:
            text = finding.text_ko if language == "ko" else f"{finding.text} {finding.next_step}"
            yield f"{finding.workload}: {text}"
