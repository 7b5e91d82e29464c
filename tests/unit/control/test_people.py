"""People and tokens: secrets shown once, refusals that say nothing, and agents that can never approve."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from opstwin.clock import VirtualClock
from opstwin.control.actors import HUB
from opstwin.control.ids import SeededIds
from opstwin.control.ledger import Ledger
from opstwin.control.people import CACHE_S, People, actor_of
from opstwin.domain.access import ActorKind, Credential, Principal, Scope
from opstwin.domain.approval import people_of
from opstwin.domain.audit import AuditEntry, AuditRow
from opstwin.domain.records import RECORD_TYPES
from opstwin.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Put, Query
from tests.rig import ANNA, ROBOT


class Hub:
    """People on a store of their own, with anna, and her agent."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.ledger = Ledger(MemoryStore(), self.clock, SeededIds(0))
        self.people = People(self.ledger)

    async def ready(self) -> "Hub":
        await self.people.create_person("anna", "Anna", HUB, scopes=frozenset(Scope))
        await self.people.create_agent("robot", "Robot", "anna", ANNA)
        return self

    async def everything(self) -> str:
        """All that is stored, as one text."""
        rows: list[object] = []
        for kind in (*RECORD_TYPES, AuditRow):
            rows += (await self.ledger.store.find(Query(kind, limit=1000))).items
        return repr(rows)


@pytest.fixture
async def hub() -> Hub:
    return await Hub().ready()


async def refused(hub: Hub, token: str) -> str:
    with pytest.raises(Unauthenticated) as error:
        await hub.people.authenticate(token)
    return str(error.value)


async def test_a_token_says_whose_it_is(hub: Hub) -> None:
    issued = await hub.people.issue_token("anna", ANNA)
    principal, credential = await hub.people.authenticate(issued.secret)
    assert (principal.id, principal.kind, Scope.APPROVE in principal.scopes) == ("anna", ActorKind.PERSON, True)
    assert credential.principal_id == "anna"
    assert actor_of(principal, "http") == replace(ANNA, face="http")


async def test_a_token_is_256_random_bits_and_only_its_hash_is_kept(hub: Hub) -> None:
    tokens = [(await hub.people.issue_token("anna", ANNA)).secret for _ in range(50)]
    assert len(set(tokens)) == 50
    assert all(token.startswith("opt_") and len(token) == 4 + 43 for token in tokens)
    stored = await hub.everything()
    assert hashlib.sha256(tokens[0].encode()).hexdigest() in stored
    assert not any(token in stored or token[4:] in stored for token in tokens)


async def test_a_secret_is_not_in_what_is_printed_of_it(hub: Hub) -> None:
    issued = await hub.people.issue_token("anna", ANNA)
    assert issued.secret not in repr(issued)


async def test_every_refusal_uses_the_same_words(hub: Hub) -> None:
    good = (await hub.people.issue_token("anna", ANNA)).secret
    code = (await hub.people.login_code("anna", HUB)).secret
    gone = await hub.people.issue_token("anna", ANNA)
    await hub.people.revoke(gone.credential.id, ANNA)
    late = await hub.people.issue_token("anna", ANNA, expires_in=timedelta(seconds=1))
    hub.clock.advance(1)
    wrong = ["", "opt_", "x", good[:-1], good + "x", good.upper(), code, gone.secret, late.secret, "opt_" + "é" * 40,
             "opt_" + "\ud800" * 40, "opt_" + "a" * 10**6, gone.credential.id]  # fmt: skip
    assert len({await refused(hub, token) for token in wrong}) == 1


async def test_a_token_holds_until_its_time_is_over_also_when_it_was_just_used(hub: Hub) -> None:
    issued = await hub.people.issue_token("anna", ANNA, expires_in=timedelta(seconds=3))
    hub.clock.advance(2.9)
    await hub.people.authenticate(issued.secret)
    hub.clock.advance(0.1)
    await refused(hub, issued.secret)


async def test_a_revoked_token_is_refused_at_once_although_it_was_just_used(hub: Hub) -> None:
    issued = await hub.people.issue_token("anna", ANNA)
    await hub.people.authenticate(issued.secret)
    ended = await hub.people.revoke(issued.credential.id, ANNA)
    await refused(hub, issued.secret)
    assert ended == await hub.ledger.need(Credential, ended.id)
    assert await hub.people.revoke(ended.id, ANNA) == ended


async def test_a_token_revoked_while_it_is_being_read_is_not_remembered_as_good(hub: Hub) -> None:
    issued = await hub.people.issue_token("anna", ANNA)

    class Slow(MemoryStore):
        gate = asyncio.Event()
        reached = asyncio.Event()

        async def get(self, kind, id):  # type: ignore[no-untyped-def]
            found = await hub.ledger.store.get(kind, id)
            if kind is Principal:
                self.reached.set()
                await self.gate.wait()
            return found

        async def commit(self, commit):  # type: ignore[no-untyped-def]
            return await hub.ledger.store.commit(commit)

    slow = Slow()
    people = People(Ledger(slow, hub.clock, SeededIds(0)))
    reading = asyncio.create_task(people.authenticate(issued.secret))
    await slow.reached.wait()
    await people.revoke(issued.credential.id, ANNA)
    slow.gate.set()
    await asyncio.gather(reading, return_exceptions=True)
    with pytest.raises(Unauthenticated):
        await people.authenticate(issued.secret)


async def test_many_calls_at_once_read_the_twin_once(hub: Hub) -> None:
    issued = await hub.people.issue_token("robot", ANNA)
    reads: list[type] = []

    class Counting:
        async def get(self, kind, id):  # type: ignore[no-untyped-def]
            reads.append(kind)
            await asyncio.sleep(0)
            return await hub.ledger.store.get(kind, id)

    people = People(Ledger(Counting(), hub.clock, SeededIds(0)))  # type: ignore[arg-type]
    for rounds in (1, 2):
        got = await asyncio.gather(*(people.authenticate(issued.secret) for _ in range(200)))
        assert {principal.id for principal, _ in got} == {"robot"}
        assert len(reads) == 3 * rounds
        hub.clock.advance(CACHE_S)


async def test_one_of_them_that_goes_away_takes_no_answer_from_the_others(hub: Hub) -> None:
    issued = await hub.people.issue_token("anna", ANNA)
    first, second = (asyncio.create_task(hub.people.authenticate(issued.secret)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second)[0].id == "anna"


async def test_what_another_process_revokes_holds_here_within_seconds(hub: Hub) -> None:
    issued = await hub.people.issue_token("anna", ANNA)
    await hub.people.authenticate(issued.secret)
    await People(hub.ledger).revoke(issued.credential.id, ANNA)
    hub.clock.advance(5)
    await refused(hub, issued.secret)


async def test_a_person_who_is_shut_out_takes_their_agents_with_them(hub: Hub) -> None:
    mine = (await hub.people.issue_token("anna", ANNA)).secret
    bots = (await hub.people.issue_token("robot", ANNA)).secret
    for token in (mine, bots):
        await hub.people.authenticate(token)
    await hub.people.deactivate("anna", HUB)
    for token in (mine, bots):
        await refused(hub, token)
    with pytest.raises(Forbidden):
        await hub.people.issue_token("anna", HUB)


async def test_an_agent_acts_for_its_person_and_can_never_approve(hub: Hub) -> None:
    with pytest.raises(InvalidInput) as wrong:
        await hub.people.create_agent("bot", "Bot", "anna", ANNA, scopes=set(Scope))
    assert wrong.value.field == "scopes"
    with pytest.raises(InvalidInput):
        await hub.people.set_scopes("robot", set(Scope), ANNA)
    forged = replace(await hub.people.get("robot"), scopes=frozenset(Scope))
    entry = AuditEntry(action="test.forge", subject="robot", actor=ANNA)
    await hub.ledger.commit([Put(forged)], [entry])
    principal, _ = await hub.people.authenticate((await hub.people.issue_token("robot", ANNA)).secret)
    assert Scope.APPROVE not in principal.scopes
    assert actor_of(principal, "http") == ROBOT
    assert actor_of(principal, "http").human == "anna"


async def test_an_agent_has_no_scope_that_its_person_has_lost(hub: Hub) -> None:
    await hub.people.set_scopes("robot", {Scope.READ, Scope.APPLY}, ANNA)
    token = (await hub.people.issue_token("robot", ANNA)).secret
    assert (await hub.people.authenticate(token))[0].scopes == {Scope.READ, Scope.APPLY}
    await hub.people.set_scopes("anna", {Scope.READ}, HUB)
    assert (await hub.people.authenticate(token))[0].scopes == {Scope.READ}


async def test_an_agent_can_make_no_accounts_and_no_tokens_and_end_only_its_own(hub: Hub) -> None:
    theirs = await hub.people.issue_token("anna", ANNA)
    own = await hub.people.issue_token("robot", ANNA)
    attempts = [
        hub.people.create_person("eve", "Eve", ROBOT),
        hub.people.create_agent("bot", "Bot", "anna", ROBOT),
        hub.people.issue_token("anna", ROBOT),
        hub.people.issue_token("robot", ROBOT),
        hub.people.login_code("anna", ROBOT),
        hub.people.set_scopes("robot", {Scope.ADMIN}, ROBOT),
        hub.people.deactivate("anna", ROBOT),
        hub.people.same_person("anna", "robot", ROBOT),
        hub.people.revoke(theirs.credential.id, ROBOT),
    ]
    for attempt in attempts:
        with pytest.raises(Forbidden):
            await attempt
    await hub.people.revoke(own.credential.id, ROBOT)
    await refused(hub, own.secret)


async def test_a_login_code_signs_in_once_within_ten_minutes(hub: Hub) -> None:
    code = (await hub.people.login_code("anna", HUB)).secret
    hub.clock.advance(599)
    token = (await hub.people.redeem(code)).secret
    assert (await hub.people.authenticate(token))[0].id == "anna"
    with pytest.raises(Unauthenticated):
        await hub.people.redeem(code)
    late = (await hub.people.login_code("anna", HUB)).secret
    hub.clock.advance(600)
    with pytest.raises(Unauthenticated):
        await hub.people.redeem(late)


async def test_a_code_used_by_many_at_once_signs_in_one(hub: Hub) -> None:
    for _ in range(20):
        code = (await hub.people.login_code("anna", HUB)).secret
        results = await asyncio.gather(*(hub.people.redeem(code) for _ in range(20)), return_exceptions=True)
        assert sum(not isinstance(item, Exception) for item in results) == 1
        assert {str(item) for item in results if isinstance(item, Exception)} == {await refused(hub, "x")}


async def test_a_token_is_no_login_code_and_a_revoked_code_signs_nobody_in(hub: Hub) -> None:
    token = await hub.people.issue_token("anna", ANNA)
    code = await hub.people.login_code("anna", HUB)
    await hub.people.revoke(code.credential.id, ANNA)
    for secret in (token.secret, code.secret, "", "opl_" + "a" * 43, "opl_\ud800"):
        with pytest.raises(Unauthenticated):
            await hub.people.redeem(secret)
    with pytest.raises(InvalidInput, match="not a person"):
        await hub.people.login_code("robot", ANNA)


async def test_a_second_account_counts_as_the_same_human_also_in_a_row(hub: Hub) -> None:
    await hub.people.create_person("anna-work", "Anna", HUB, same_person_as="anna")
    third = await hub.people.create_person("anna-phone", "Anna", HUB, same_person_as="anna-work")
    assert third.same_person_as == "anna"
    await hub.people.create_agent("helper", "Helper", "anna-phone", ANNA)
    people = people_of(await hub.people.all())
    assert {people.human(name) for name in ("anna", "anna-work", "anna-phone", "robot", "helper")} == {"anna"}


async def test_two_accounts_can_be_found_out_later_to_be_one_human(hub: Hub) -> None:
    await hub.people.create_person("ben", "Ben", HUB)
    await hub.people.same_person("ben", "anna", HUB)
    people = people_of(await hub.people.all())
    assert people.human("ben") == people.human("anna")
    with pytest.raises(InvalidInput):
        await hub.people.same_person("anna", "ben", HUB)
    with pytest.raises(NotFound):
        await hub.people.create_person("eve", "Eve", HUB, same_person_as="nobody")
    with pytest.raises(InvalidInput):
        await hub.people.create_person("eve", "Eve", HUB, same_person_as="robot")


@pytest.mark.parametrize(
    ("id", "name", "field"), [("A B", "x", "id"), ("eve", " ", "display_name"), ("e\n", "x", "id")]
)
async def test_a_wrong_account_is_refused_by_field(hub: Hub, id: str, name: str, field: str) -> None:
    with pytest.raises(InvalidInput) as wrong:
        await hub.people.create_person(id, name, HUB)
    assert wrong.value.field == field


async def test_an_id_that_is_taken_is_a_conflict_and_takes_nothing_over(hub: Hub) -> None:
    with pytest.raises(Conflict):
        await hub.people.create_person("robot", "Eve", HUB)
    assert (await hub.people.get("robot")).kind is ActorKind.AGENT


async def test_every_change_of_accounts_and_tokens_is_audited_without_the_secret(hub: Hub) -> None:
    code = await hub.people.login_code("anna", HUB)
    token = await hub.people.redeem(code.secret)
    await hub.people.revoke(token.credential.id, ANNA)
    rows = await hub.ledger.all(AuditRow)
    assert [row.action for row in rows] == [
        "person.create", "agent.create", "login.offer", "login.redeem", "token.revoke",
    ]  # fmt: skip
    assert not any(secret in repr(rows) for secret in (code.secret, token.secret))
    assert [item.purpose for item in await hub.people.credentials("anna")] != []


@pytest.mark.parametrize("life", [timedelta(0), timedelta(seconds=-1)])
async def test_a_token_that_would_be_over_at_once_is_refused(hub: Hub, life: timedelta) -> None:
    with pytest.raises(InvalidInput) as wrong:
        await hub.people.issue_token("anna", ANNA, expires_in=life)
    assert wrong.value.field == "expires_in"


async def test_a_person_administers_only_when_that_is_asked_for(hub: Hub) -> None:
    usual = await hub.people.create_person("ben", "Ben", HUB)
    assert usual.scopes == frozenset(Scope) - {Scope.ADMIN}
    asked = await hub.people.create_person("eve", "Eve", HUB, scopes={Scope.READ, Scope.ADMIN})
    assert Scope.ADMIN in asked.scopes
