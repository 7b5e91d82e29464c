"""The memory of past deployments: rows of the twin, found by what they are like, judged before they are shown.

The twin's rows and its audit are the only truth; everything here is made from them and can be made again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.control.vetting import Vetting
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import AuditEntry, AuditRow
from opstwin.domain.deployment import Deployment
from opstwin.domain.example import Example
from opstwin.domain.plan import Plan
from opstwin.domain.similarity import Sought
from opstwin.errors import InvalidInput, NotFound
from opstwin.knowledge.cases import Case, summary_of
from opstwin.knowledge.curated import curated
from opstwin.knowledge.ports import Embedder, Hit, Question, VectorIndex
from opstwin.knowledge.retrieval import Shelf
from opstwin.twin.store import MAX_PAGE, Query

QUARANTINED: Final = "example.quarantined"
RELEASED: Final = "example.released"
KEEPER: Final = Actor(kind=ActorKind.SCHEDULE, id="memory", face="knowledge")
"""Who puts into quarantine what breaks the policy."""

SHARED: Final = "hub"
"""The tenant of everybody whom the settings give no other, and of what no person is behind."""

LEAST: Final = 0.2
"""How much alike something must be to be an example for a draft: with less, a word or the target is all they share."""

_SAME: Final = 2
"""Examples of one service and image in an answer: its tenth deployment teaches little that the first did not."""

_USUALLY_NEW: Final = 10
"""Rows that are read to see that there is nothing new."""

_LOOK_AT: Final = 4
"""Times `k` candidates are looked at, since some are quarantined and some repeat others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """An example that is not shown: why, since when and by whom, and where it came from."""

    id: str
    reason: str
    by: Actor
    at: datetime
    service: str
    image: str
    target: str
    plan_id: str
    requested_by: str


class Memory:
    """What worked before, per tenant. `k` is how many examples there are when nobody says it.

    `tenants` maps an organisation to its accounts; without it the hub is one organisation.
    """

    def __init__(
        self,
        ledger: Ledger,
        index: VectorIndex,
        embedder: Embedder | None = None,
        *,
        k: int = 3,
        tenants: Mapping[str, Sequence[str]] | None = None,
        vetting: Vetting | None = None,
    ) -> None:
        self.k = k
        self._ledger = ledger
        self._shelf = Shelf(index, embedder)
        self._tenants = {person: name for name, people in (tenants or {}).items() for person in people}
        self._vetting = vetting or Vetting()
        self._shut: dict[str, AuditRow] = {}
        self._judged: set[str] = set()
        self._turn = asyncio.Lock()

    @property
    def without_vectors(self) -> str:
        """Why only words and known fields are compared; empty when vectors are too."""
        return self._shelf.without_vectors

    def tenant_of(self, person: str | None) -> str:
        """Whose past a person may see, and whose it becomes what they deploy."""
        return self._tenants.get(person or "", SHARED)

    async def seen_by(self, tenant: str, deployments: Sequence[Deployment]) -> tuple[Deployment, ...]:
        """Those of the deployments that a tenant may see, in their order: what its own people deployed."""
        if not self._tenants:
            return tuple(deployments)
        return tuple(case.deployment for case in await self._cases(deployments) if case.tenant == tenant)

    async def newest_of(self, tenant: str, where: Mapping[str, str | bool | None], most: int) -> tuple[Deployment, ...]:
        """The newest of a tenant's own deployments; those of others lie between them, and are passed over."""
        found: list[Deployment] = []
        after: str | None = None
        while True:
            query = Query(Deployment, where, after=after, limit=max(most, _USUALLY_NEW), newest_first=True)
            page = await self._ledger.store.find(query)
            found += await self.seen_by(tenant, page.items)
            if page.next is None or len(found) >= most:
                return tuple(found[:most])
            after = page.next

    async def sound(self, deployments: Sequence[Deployment]) -> frozenset[str]:
        """The ids of those that may be learned from: not in quarantine, and breaking no policy.

        What breaks it is put into quarantine on the way.
        """
        await self.refresh()
        cases = [case for item in deployments if (case := self._shelf.get(item.id)) is not None]
        return frozenset([case.id for case in cases if case.id not in self._shut and await self._passes(case)])

    async def similar(
        self, sought: Sought, *, words: str = "", tenant: str = SHARED, k: int | None = None, least: float = LEAST
    ) -> tuple[Example, ...]:
        """The `k` past deployments of a tenant, or curated ones, that are most like what is sought, the best first.

        `words` are what was said of it; what is less alike than `least` is left out. What breaks the
        policy is put into quarantine on the way and not shown.
        """
        wanted = self.k if k is None else k
        if wanted <= 0:
            return ()
        await self.refresh()
        question = Question(
            text=words, k=wanted * _LOOK_AT, image=sought.image, language=sought.language, purpose=sought.purpose,
            target=sought.target, tenant=tenant,
        )  # fmt: skip
        hits = await self._renewed(question, await self._shelf.nearest(question))
        return await self._shown([hit for hit in hits if hit.score >= least], wanted)

    async def curated(self) -> tuple[Example, ...]:
        """The examples that ship with the product, without those in quarantine."""
        await self.refresh()
        return tuple(_example(case, 0.0) for case in curated() if case.id not in self._shut)

    async def rebuild(self) -> int:
        """Forget everything and read it anew from the twin; how many deployments there are now."""
        async with self._turn:
            await self._shelf.remove([case.id for case in self._shelf.cases])
            self._judged.clear()
        await self.refresh()
        return len(self._shelf)

    async def size(self) -> int:
        """How many examples there are to find, those that ship with the product included."""
        await self.refresh()
        return len(self._shelf)

    async def refresh(self) -> None:
        """Take in what the twin has learned since."""
        async with self._turn:
            if not len(self._shelf):
                await self._shelf.put(curated())
            self._shut = await self._shut_now()
            fresh = await self._fresh()
            for place in range(0, len(fresh), MAX_PAGE):
                await self._shelf.put(await self._cases(fresh[place : place + MAX_PAGE]))

    async def quarantine(self, id: str, reason: str, by: Actor) -> Quarantine:
        """Show an example no more, until it is released. Raises `NotFound`, and `InvalidInput` without a reason."""
        return await self._decide(QUARANTINED, id, reason, by)

    async def release(self, id: str, reason: str, by: Actor) -> Quarantine:
        """Show it again, also where it breaks the policy: a person has looked at it. Raises like `quarantine`."""
        if id not in await self._shut_now():
            raise NotFound(f"{id} is not in quarantine.", next_step="What is: opstwin history quarantined")
        return await self._decide(RELEASED, id, reason, by)

    async def quarantined(self, tenant: str = SHARED) -> tuple[Quarantine, ...]:
        """What is not shown and why, the newest first, of one tenant and of the curated ones."""
        await self.refresh()
        rows = sorted(self._shut.values(), key=lambda row: -row.seq)
        return tuple([_quarantine(row) for row in rows if row.details.get("tenant") in ("", tenant)])

    async def owner_of(self, id: str) -> str:
        """Whose an example is; empty for a curated one. Raises `NotFound`."""
        return (await self._need(id)).tenant

    async def close(self) -> None:
        """Release the index; the memory is not used afterwards."""
        await self._shelf.close()

    async def _need(self, id: str) -> Case:
        await self.refresh()
        case = self._shelf.get(id)
        if case is None:
            raise NotFound(
                f"There is no past deployment {id!r}.", next_step="List them: opstwin history list",
                details={"kind": "deployment", "id": id},
            )  # fmt: skip
        return case

    async def _decide(self, action: str, id: str, reason: str, by: Actor) -> Quarantine:
        if not reason.strip():
            raise InvalidInput("A reason is needed.", field="reason", next_step="Say why, for those who ask later.")
        case = await self._need(id)
        await self._write(action, case, reason.strip(), by)
        self._shut = await self._shut_now()
        rows = Query(AuditRow, {"action": action, "subject": id}, limit=1, newest_first=True)
        return _quarantine((await self._ledger.store.find(rows)).items[0])

    async def _write(self, action: str, case: Case, reason: str, by: Actor) -> None:
        past = case.deployment
        plan = await self._ledger.get(Plan, past.plan_id) if past.plan_id else None
        details = {
            "service": past.service_name, "image": f"{past.image_name}:{past.image_tag}", "tenant": case.tenant,
            "target": str(past.target_cluster), "requested_by": plan.requested_by.id if plan else "",
        }  # fmt: skip
        entry = AuditEntry(
            action=action, subject=case.id, actor=by, reason=reason, plan_id=past.plan_id or None, details=details
        )
        await self._ledger.commit([], [entry])

    async def _shut_now(self) -> dict[str, AuditRow]:
        """What is in quarantine by the audit: the newest decision on each counts."""
        shut = {row.subject: row for row in await self._ledger.all(AuditRow, {"action": QUARANTINED})}
        freed = {row.subject: row.seq for row in await self._ledger.all(AuditRow, {"action": RELEASED})}
        # A person's release stands also against the policy.
        self._judged |= freed.keys()
        return {id: row for id, row in shut.items() if row.seq > freed.get(id, -1)}

    async def _fresh(self) -> list[Deployment]:
        """Deployments that are not here yet, the oldest first: those newer than the first that is."""
        found: list[Deployment] = []
        after, limit = None, _USUALLY_NEW
        while True:
            page = await self._ledger.store.find(Query(Deployment, after=after, limit=limit, newest_first=True))
            fresh = [item for item in page.items if item.id not in self._shelf]
            found += fresh
            if page.next is None or len(fresh) < len(page.items):
                return found[::-1]
            after, limit = page.next, MAX_PAGE

    async def _cases(self, deployments: Sequence[Deployment]) -> list[Case]:
        ids = {item.plan_id for item in deployments}
        page = await self._ledger.store.find(Query(Plan, ids=ids, limit=MAX_PAGE))
        people = {plan.id: plan.requested_by.human for plan in page.items}
        return [Case(deployment=item, tenant=self.tenant_of(people.get(item.plan_id))) for item in deployments]

    async def _renewed(self, question: Question, hits: Sequence[Hit]) -> list[Hit]:
        """The hits with what has become of them since: their use, and kills that were counted later."""
        ids = [hit.id for hit in hits]
        page = await self._ledger.store.find(Query(Deployment, ids=ids, limit=MAX_PAGE))
        changed = [item for item in page.items if self._shelf.renew(item)]
        return await self._shelf.nearest(question) if changed else list(hits)

    async def _shown(self, hits: Sequence[Hit], wanted: int) -> tuple[Example, ...]:
        examples: list[Example] = []
        seen: dict[tuple[str, str], int] = {}
        for hit in hits:
            case = self._shelf.get(hit.id)
            if case is None or case.id in self._shut or not case.deployment.replicas:
                continue
            kind = (case.deployment.service_name, case.deployment.image_name)
            if seen.get(kind, 0) >= _SAME or not await self._passes(case):
                continue
            seen[kind] = seen.get(kind, 0) + 1
            examples.append(_example(case, hit.score))
            if len(examples) == wanted:
                break
        return tuple(examples)

    async def _passes(self, case: Case) -> bool:
        """Whether the checks let it pass; what they block goes into quarantine, once."""
        if case.curated or case.id in self._judged:
            return True
        plan = await self._ledger.get(Plan, case.deployment.plan_id)
        breach = await asyncio.to_thread(self._vetting.breach, case.deployment, plan)
        if not breach:
            self._judged.add(case.id)
            return True
        await self._write(QUARANTINED, case, breach, KEEPER)
        self._shut = await self._shut_now()
        return False


def _example(case: Case, score: float) -> Example:
    past = case.deployment
    return Example(
        id=past.id, score=score, service=past.service_name, image=f"{past.image_name}:{past.image_tag}",
        purpose=past.service_type, language=past.language, target=past.target_cluster, outcome=past.outcome,
        success=past.success, oom_events=past.oom_events, cpu_request=past.cpu_request, cpu_limit=past.cpu_limit,
        memory_request=past.memory_request, memory_limit=past.memory_limit, usage=past.usage,
        manifest_summary=summary_of(case), curated=case.curated, workload=past.workload,
        deployed_at=past.deployed_at,
    )  # fmt: skip


def _quarantine(row: AuditRow) -> Quarantine:
    told = {key: str(row.details.get(key, "")) for key in ("service", "image", "target", "requested_by")}
    return Quarantine(id=row.subject, reason=row.reason, by=row.actor, at=row.at, plan_id=row.plan_id or "", **told)
