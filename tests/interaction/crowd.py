"""A twin with as many workloads as a test needs, written straight into the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opstwin.control.ledger import Ledger
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import AuditEntry
from opstwin.domain.resource import Desired, Health, Observed, Presence, WorkloadRecord
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, TargetId
from opstwin.domain.workload import Workload
from opstwin.targets.specs import full_form
from opstwin.twin.store import Put, Write

SETTER = Actor(kind=ActorKind.PERSON, id="owner", face="test")


@dataclass(frozen=True)
class Crowd:
    """How many workloads with one container each, on how many targets; every n-th is unhealthy or drifted."""

    workloads: int
    targets: int = 1
    unhealthy_every: int = 0
    drifted_every: int = 0
    name: str = "app"
    image: str = "nginx:1.27"
    place: str = "site"

    async def settle(self, ledger: Ledger) -> None:
        """Write it all."""
        names = [TargetId(f"{self.place}-{number}") for number in range(self.targets)]
        writes: list[Write] = [Put(self._target(name, ledger)) for name in names]
        for number in range(self.workloads):
            writes += self._workload(names[number % self.targets], number, ledger)
        for first in range(0, len(writes), 1000):
            entry = AuditEntry(action="test.put", subject="crowd", actor=SETTER)
            await ledger.commit(writes[first : first + 1000], [entry])

    def _target(self, name: TargetId, ledger: Ledger) -> Target:
        return Target(
            id=name, display_name=name, backend_type="sim", agent_endpoint="sim://x", created_at=ledger.clock.now()
        )

    def _workload(self, target: TargetId, number: int, ledger: Ledger) -> Sequence[Write]:
        now, name = ledger.clock.now(), f"{self.name}-{number}"
        wanted = full_form("container", {"image": self.image, "env": {"A": "1"}})
        seen: Any = {**wanted, "image": f"{self.image}-old"} if _every(number, self.drifted_every) else wanted
        ill = _every(number, self.unhealthy_every)
        id = ResourceId(f"{target}/container/{name}-1")
        record = WorkloadRecord(
            id=ResourceId(f"{target}/workload/{name}"), target=target, name=name, set_by=SETTER, set_at=now,
            workload=Workload(name=name, image=self.image),
        )  # fmt: skip
        desired = Desired(
            id=id, target=target, kind="container", name=f"{name}-1", workload=name, spec=wanted, set_by=SETTER,
            set_at=now,
        )  # fmt: skip
        observed = Observed(
            id=id, target=target, kind="container", name=f"{name}-1", presence=Presence.PRESENT, spec=seen,
            facts={"id": "x" * 64, "state": "running", "restart_count": 0, "started_at": now.isoformat()},
            health=Health.UNHEALTHY if ill else Health.HEALTHY, managed=True, observed_at=now,
        )  # fmt: skip
        return [Put(record), Put(desired), Put(observed)]


def _every(number: int, step: int) -> bool:
    return bool(step) and number % step == 0
