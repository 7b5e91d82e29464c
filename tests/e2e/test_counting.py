"""Calls to a real engine are counted by the hub as it is wired."""

from pathlib import Path

import pytest

from opstwin.domain.access import Actor, ActorKind, Principal, Scope
from opstwin.domain.audit import AuditEntry
from opstwin.settings import Settings
from opstwin.twin.store import Put
from opstwin.wiring.hub import open_hub

ME = Actor(kind=ActorKind.PERSON, id="anna", face="cli")


@pytest.mark.docker
@pytest.mark.req("S5.104")
async def test_every_call_to_the_engine_is_counted_by_operation_and_outcome(
    docker_engine: object, tmp_path: Path
) -> None:
    calls: list[tuple[str, str, str]] = []
    settings = Settings(data_dir=tmp_path, models={"from_environment": False})  # type: ignore[arg-type]
    async with open_hub(settings, on_call=lambda *call: calls.append(call)) as hub:
        services = hub.services
        person = Principal(
            id="anna", kind=ActorKind.PERSON, display_name="Anna", scopes=frozenset(Scope),
            created_at=services.ledger.clock.now(),
        )  # fmt: skip
        await services.ledger.commit([Put(person)], [AuditEntry(action="test", subject="anna", actor=ME)])
        fields = {
            "id": "here",
            "display_name": "Here",
            "backend_type": "docker",
            "agent_endpoint": settings.docker_socket,
        }
        await services.places.add(fields, ME)
        await services.observer.discover("here", ME)
    assert {backend for backend, _, _ in calls} == {"docker"}
    assert "ok" in {outcome for _, _, outcome in calls}
    assert any(operation.startswith("container") for _, operation, _ in calls)
