"""The ground that trials stand on: a twin with the past of one draw, and the product's own drafting over it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opstwin.agent.drafting.calibration import Calibration
from opstwin.agent.drafting.drafter import Drafter
from opstwin.agent.drafting.policy_file import PolicyFile
from opstwin.agent.drafting.service import Drafting
from opstwin.agent.models.port import LanguageModel
from opstwin.clock import VirtualClock
from opstwin.control.generating import Generating
from opstwin.control.ids import SeededIds
from opstwin.control.ledger import Ledger
from opstwin.control.remembering import Memory
from opstwin.control.twin_index import TwinIndex
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import AuditEntry
from opstwin.evals.shots.past import past_of
from opstwin.evals.shots.scenarios import Scenario, drawn, scenarios
from opstwin.knowledge.embedding import SentenceEmbedder
from opstwin.knowledge.exact import ExactIndex
from opstwin.manifests.checks.policy import policy_from
from opstwin.metrics.memory import MemorySamples
from opstwin.targets.secrets import HubSecrets
from opstwin.tools.veiling import Veil
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Put
from opstwin.wiring.drivers import DriverPool

RULES: Final = """
rules:
  - name: memory-limit
    match: {kinds: [Deployment, StatefulSet]}
    expression: >-
      object.spec.template.spec.containers.all(c, has(c.resources) && has(c.resources.limits) &&
      has(c.resources.limits.memory))
    message: Every container has a memory limit.
    level: warning
  - name: no-cpu-limit
    match: {kinds: [Deployment, StatefulSet]}
    expression: >-
      !object.spec.template.spec.containers.exists(c, has(c.resources) && has(c.resources.limits) &&
      has(c.resources.limits.cpu))
    message: CPU is requested and not limited.
    level: warning
  - name: readiness
    match: {kinds: [Deployment, StatefulSet]}
    expression: object.spec.template.spec.containers.all(c, !has(c.ports) || has(c.readinessProbe))
    message: What serves others has a readiness probe.
    level: warning
  - name: two-replicas
    match: {kinds: [Deployment]}
    expression: >-
      !has(object.spec.replicas) || object.spec.replicas >= 2 || !object.spec.template.spec.containers.exists(c,
      has(c.ports) && c.image.startsWith('registry.example.com/house/'))
    message: What serves people or other services has two replicas or more.
    level: warning
  - name: one-replica-of-data
    match: {kinds: [StatefulSet]}
    expression: "!has(object.spec.replicas) || object.spec.replicas == 1"
    message: What keeps data has one replica.
    level: warning
"""
"""The standards that every prompt carries, as rules that can be counted; warnings, so that none of them is repaired."""

SEEDER: Final = Actor(kind=ActorKind.SCHEDULE, id="evals", face="evals")

POLICY: Final = PolicyFile(None, ())
"""The standards that ship with Opstwin: results do not depend on what the operator of this machine wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One draw of the house: its scenarios, and the services that draft in it. Nothing of it outlives the process."""

    seed: int
    scenarios: tuple[Scenario, ...]
    generating: Generating
    memory: Memory
    veil: Veil
    calibration: Calibration

    def drafting(self, model: LanguageModel | None, k: int) -> Drafting:
        """The product's drafting that shows `k` examples."""
        drafter = Drafter(model, veil=self.veil, calibrate=self.calibration)
        return Drafting(drafter=drafter, generating=self.generating, policy=POLICY, most=k, memory=self.memory)


async def ground_of(seed: int, embeddings: Path | None = None) -> Ground:
    """The ground of one seed; `embeddings` is the folder of a sentence-transformers model, None compares no vectors."""
    clock, store = VirtualClock(), MemoryStore()
    ledger = Ledger(store, clock, SeededIds(seed))
    secrets = HubSecrets({})
    pool = DriverPool(clock=clock, secrets=secrets, stop_grace_s=0, on_call=_uncounted)
    found = tuple(drawn(item, seed) for item in scenarios())
    entry = AuditEntry(action="evals.past", subject=f"seed {seed}", actor=SEEDER)
    for item in past_of(found, seed):
        await ledger.commit([Put(item)], [entry])
    memory = Memory(ledger, ExactIndex(), SentenceEmbedder(embeddings) if embeddings is not None else None)
    generating = Generating(ledger, pool, MemorySamples(), policy_from(RULES), memory)
    return Ground(
        seed=seed, scenarios=found, generating=generating, memory=memory, calibration=Calibration(ledger),
        veil=Veil(TwinIndex(store, pool), secrets, clock),
    )  # fmt: skip


def _uncounted(_backend: str, _operation: str, _outcome: str) -> None:
    """No target is ever called."""
