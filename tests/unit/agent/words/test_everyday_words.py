"""Everyday sentences come to what they mean, without a model; nothing is guessed."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from opstwin.agent.understanding import CHANGE, UNCLEAR, Understood, understood
from opstwin.clock import VirtualClock
from opstwin.control.ids import SeededIds
from opstwin.control.ledger import Ledger
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.ask import Ask
from opstwin.domain.audit import AuditEntry
from opstwin.domain.resource import WorkloadRecord
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId, resource_id
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Put
from tests.unit.agent.words.everyday import ENGLISH, KOREAN

ANNA = Actor(kind=ActorKind.PERSON, id="anna", face="cli")
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


async def a_ledger() -> Ledger:
    """Two targets, and two workloads on one of them."""
    ledger = Ledger(MemoryStore(), VirtualClock(), SeededIds(1))
    targets = [
        Put(Target(
            id=TargetId(name), display_name=name, backend_type="sim", agent_endpoint=f"sim://{name}", created_at=NOW
        ))
        for name in ("local", "prod")
    ]  # fmt: skip
    records = [
        Put(WorkloadRecord(
            id=resource_id(TargetId("local"), "workload", name), target=TargetId("local"), name=name,
            workload=Workload(name=name, image="app:1"), set_by=ANNA, set_at=NOW,
        ))
        for name in ("web", "api")
    ]  # fmt: skip
    await ledger.commit([*targets, *records], [AuditEntry(action="test.begin", subject="local", actor=ANNA)])
    return ledger


def told(found: Understood) -> str:
    if found.refused:
        return f"! {found.refused}"
    if found.kind == CHANGE and found.ask is not None:
        return " ".join(parts_of(found.ask))
    if found.kind == UNCLEAR:
        assert isinstance(found.doubt, InvalidInput)
        return f"? {found.doubt.details.get('reason')}"
    about = found.subject or (f"@{found.target}" if found.target else "")
    return f"{found.kind} {about}".strip()


def parts_of(ask: Ask) -> Iterator[str]:
    yield ask.action.value
    yield ask.name
    workload = ask.workload
    image, replicas = (workload.image, workload.replicas) if workload else (ask.image, ask.replicas)
    if image:
        yield image
    if replicas and (workload is None or replicas > 1):
        yield f"x{replicas}"
    yield from (f":{port.host}" for port in (workload.ports if workload else ask.ports))
    yield from (f"{key}={value}" for key, value in ask.env.items())
    yield from (f"-{key}" for key in ask.unset_env)
    if ask.with_volumes:
        yield "+data"
    if ask.target:
        yield f"@{ask.target}"


@pytest.mark.req("S5.13")
@pytest.mark.parametrize("words", [*ENGLISH, *KOREAN])
async def test_an_everyday_sentence_comes_to_what_it_means(words: str) -> None:
    wanted = {**ENGLISH, **KOREAN}[words]
    found = told(await understood(await a_ledger(), words, waits=False))
    assert found == wanted or (wanted == "?" and found.startswith("? "))
