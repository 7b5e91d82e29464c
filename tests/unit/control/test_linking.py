"""Who somebody is to an authorization server: an administrator's word, kept like a credential and ended like one."""

from collections.abc import Awaitable, Callable

import pytest

from opstwin.clock import VirtualClock
from opstwin.control.actors import HUB
from opstwin.control.ids import SeededIds
from opstwin.control.ledger import Ledger
from opstwin.control.people import CACHE_S, People
from opstwin.domain.access import Scope
from opstwin.domain.audit import AuditRow
from opstwin.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from opstwin.twin.memory import MemoryStore
from tests.rig import ANNA, ROBOT

ISSUER = "https://login.example.com"


class Hub:
    """Anna, her agent, and Ben."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.ledger = Ledger(MemoryStore(), self.clock, SeededIds(0))
        self.people = People(self.ledger)

    async def ready(self) -> "Hub":
        await self.people.create_person("anna", "Anna", HUB, scopes=frozenset(Scope))
        await self.people.create_person("ben", "Ben", HUB)
        await self.people.create_agent("robot", "Robot", "anna", ANNA)
        return self

    async def who(self, subject: str = "s-1", issuer: str = ISSUER) -> str | None:
        person = await self.people.linked(issuer, subject)
        return person.id if person else None


@pytest.fixture
async def hub() -> Hub:
    return await Hub().ready()


async def test_a_linked_subject_is_that_person_and_nobody_else_is(hub: Hub) -> None:
    await hub.people.link("anna", ISSUER, "s-1", ANNA)
    assert await hub.who() == "anna"
    assert [await hub.who("s-2"), await hub.who("S-1"), await hub.who("s-1", ISSUER + "/"), await hub.who("anna")] == [
        None, None, None, None,
    ]  # fmt: skip


async def test_the_link_stands_in_the_audit_with_who_made_it(hub: Hub) -> None:
    link = await hub.people.link("anna", ISSUER, "s-1", ANNA)
    [row] = [row for row in await hub.ledger.all(AuditRow) if row.action == "person.link"]
    assert (row.subject, row.actor.id) == ("anna", "anna")
    assert (row.details["issuer"], row.details["subject"], row.details["credential"]) == (ISSUER, "s-1", link.id)


async def test_linking_again_changes_nothing_and_linking_another_is_refused(hub: Hub) -> None:
    link = await hub.people.link("anna", ISSUER, "s-1", ANNA)
    assert await hub.people.link("anna", ISSUER, "s-1", ANNA) == link
    with pytest.raises(Conflict) as refused:
        await hub.people.link("ben", ISSUER, "s-1", ANNA)
    assert f"opstwin people revoke {link.id}" in refused.value.next_step
    assert await hub.who() == "anna"


async def test_a_link_that_ended_can_be_given_to_somebody_else(hub: Hub) -> None:
    link = await hub.people.link("anna", ISSUER, "s-1", ANNA)
    assert await hub.who() == "anna"
    await hub.people.revoke(link.id, ANNA)
    assert await hub.who() is None
    await hub.people.link("ben", ISSUER, "s-1", ANNA)
    assert await hub.who() == "ben"


async def test_somebody_who_is_shut_out_is_nobody_at_once(hub: Hub) -> None:
    await hub.people.link("ben", ISSUER, "s-1", ANNA)
    assert await hub.who() == "ben"
    assert await hub.people.active_person("ben") is not None
    await hub.people.deactivate("ben", ANNA)
    assert await hub.who() is None
    assert await hub.people.active_person("ben") is None


async def test_what_another_process_ends_holds_here_within_seconds(hub: Hub) -> None:
    link = await hub.people.link("anna", ISSUER, "s-1", ANNA)
    assert await hub.who() == "anna"
    assert await hub.people.active_person("ben") is not None
    other = People(hub.ledger)
    await other.revoke(link.id, ANNA)
    await other.deactivate("ben", ANNA)
    hub.clock.advance(CACHE_S)
    assert await hub.who() is None
    assert await hub.people.active_person("ben") is None


async def test_new_scopes_of_a_person_hold_at_once(hub: Hub) -> None:
    await hub.people.link("ben", ISSUER, "s-1", ANNA)
    assert await hub.who() == "ben"
    await hub.people.set_scopes("ben", {Scope.READ}, ANNA)
    person = await hub.people.linked(ISSUER, "s-1")
    assert person is not None
    assert person.scopes == {Scope.READ}


async def test_only_people_are_linked_and_only_by_people(hub: Hub) -> None:
    tries: dict[type[Exception], Callable[[], Awaitable[object]]] = {
        InvalidInput: lambda: hub.people.link("robot", ISSUER, "s-1", ANNA),
        NotFound: lambda: hub.people.link("nobody", ISSUER, "s-1", ANNA),
        Forbidden: lambda: hub.people.link("anna", ISSUER, "s-1", ROBOT),
    }
    for error, attempt in tries.items():
        with pytest.raises(error):
            await attempt()
    for issuer, subject in ((ISSUER, "a\nb"), (ISSUER, "x" * 501), (ISSUER + "\n", "s"), (ISSUER, "a\u202eb")):
        with pytest.raises(InvalidInput):
            await hub.people.link("anna", issuer, subject, ANNA)
    assert await hub.people.active_person("robot") is None


async def test_a_link_is_no_token_and_no_login_code(hub: Hub) -> None:
    """Whoever knows what stands behind a link's id, which is no secret, has gained nothing."""
    link = await hub.people.link("anna", "opt_issuer", "s-1", ANNA)
    for tried in (link.id, "opt_issuer\ns-1", f"opt_{link.id}"):
        for _ in range(2):
            assert await hub.who("s-1", "opt_issuer") == "anna"
            with pytest.raises(Unauthenticated):
                await hub.people.authenticate(tried)
    await hub.people.link("anna", "opl_issuer", "s-1", ANNA)
    with pytest.raises(Unauthenticated):
        await hub.people.redeem("opl_issuer\ns-1")


async def test_a_token_is_no_link(hub: Hub) -> None:
    token = (await hub.people.issue_token("anna", ANNA)).secret
    await hub.people.authenticate(token)
    assert await hub.who("", token) is None
