"""People, their agents, and the tokens and codes that prove who calls. Secrets are shown once, never stored."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from opstwin.control.credentials import (
    LINK,
    LOGIN,
    TOKEN,
    Issued,
    credential_entry,
    hashed,
    holds,
    issued,
    link_id,
    looks_like,
    refused,
)
from opstwin.control.ledger import Ledger
from opstwin.domain.access import Actor, ActorKind, Credential, Principal, Scope
from opstwin.domain.audit import AuditEntry
from opstwin.domain.names import checked_name, checked_text
from opstwin.errors import Conflict, Forbidden, InvalidInput
from opstwin.twin.store import Put, Write

LOGIN_LIFE: Final = timedelta(minutes=10)
SESSION_LIFE: Final = timedelta(days=30)
"""How long the token holds that a login code is exchanged for."""

CACHE_S: Final = 5.0
"""How long an answer is reused: what another process revokes holds here after this time, what this one does at once."""

PERSON_SCOPES: Final = frozenset(Scope) - {Scope.ADMIN}
"""What a person may do unless more is asked for: accounts and targets are for administrators."""

AGENT_SCOPES: Final = frozenset({Scope.READ, Scope.PLAN})
_MAX_LINKED: Final = 500
_LIST: Final = "List people: opstwin people list"


@dataclass(frozen=True, slots=True)
class _Answer:
    principal: Principal
    credential: Credential
    read_s: float


class People:
    """Who may call, and proof of it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._cache: dict[str, _Answer] = {}
        self._reading: dict[tuple[str, str, int], asyncio.Task[tuple[Principal, Credential] | None]] = {}
        self._persons: dict[str, tuple[Principal, float]] = {}
        self._changes = 0

    async def create_person(
        self,
        id: str,
        display_name: str,
        actor: Actor,
        *,
        scopes: Collection[Scope] = PERSON_SCOPES,
        same_person_as: str | None = None,
    ) -> Principal:
        """A new account of a person; `same_person_as` names the first account of the same human.

        Raises `InvalidInput`, `Conflict` (id taken), `NotFound` (the other account) or `Forbidden` (an agent asks).
        """
        root = await self._person(same_person_as) if same_person_as is not None else None
        principal = Principal(
            id=checked_name(id, "id"), kind=ActorKind.PERSON, display_name=_display_name(display_name),
            scopes=frozenset(scopes), same_person_as=(root.same_person_as or root.id) if root else None,
            created_at=self._ledger.clock.now(),
        )  # fmt: skip
        return await self._add(principal, actor)

    async def create_agent(
        self,
        id: str,
        display_name: str,
        on_behalf_of: str,
        actor: Actor,
        *,
        scopes: Collection[Scope] = AGENT_SCOPES,
    ) -> Principal:
        """A new agent that acts for a person. Raises as `create_person`; plan:approve is `InvalidInput`."""
        person = await self._person(on_behalf_of)
        if Scope.APPROVE in scopes:
            raise InvalidInput(
                "An agent cannot be given plan:approve: only people decide.", field="scopes",
                next_step=f"Use: {', '.join(sorted(item.value for item in Scope if item is not Scope.APPROVE))}.",
            )  # fmt: skip
        principal = Principal(
            id=checked_name(id, "id"), kind=ActorKind.AGENT, display_name=_display_name(display_name),
            scopes=frozenset(scopes), on_behalf_of=person.id, created_at=self._ledger.clock.now(),
        )  # fmt: skip
        return await self._add(principal, actor)

    async def same_person(self, id: str, other: str, actor: Actor) -> Principal:
        """Record that `id` is a second account of the human behind `other`; it is not taken back."""
        _not_by_agent(actor)
        second, first = await self._person(id), await self._person(other)
        root = first.same_person_as or first.id
        if root == second.id:
            raise InvalidInput(
                f"{other} is already an account of {id}.", field="same_person_as", next_step="Name another account."
            )
        return await self._change(replace(second, same_person_as=root), "person.same", actor)

    async def set_scopes(self, id: str, scopes: Collection[Scope], actor: Actor) -> Principal:
        """What an account may do from now on. An agent never gets plan:approve (`InvalidInput`)."""
        _not_by_agent(actor)
        principal = await self.get(id)
        if principal.kind is not ActorKind.PERSON and Scope.APPROVE in scopes:
            raise InvalidInput("Only people decide.", field="scopes", next_step="Leave out plan:approve.")
        return await self._change(replace(principal, scopes=frozenset(scopes)), "person.scopes", actor)

    async def deactivate(self, id: str, actor: Actor) -> Principal:
        """Shut an account out at once, and every agent that acts for it."""
        _not_by_agent(actor)
        return await self._change(replace(await self.get(id), is_active=False), "person.deactivate", actor)

    async def get(self, id: str) -> Principal:
        """One account; raises `NotFound`."""
        return await self._ledger.need(Principal, id, next_step=_LIST)

    async def all(self) -> Sequence[Principal]:
        """Every account, the shut-out ones too."""
        return await self._ledger.all(Principal)

    async def credentials(self, principal_id: str) -> Sequence[Credential]:
        """The tokens and codes of an account; their ids are hashes and give nothing away."""
        return await self._ledger.all(Credential, {"principal_id": principal_id})

    async def issue_token(self, principal_id: str, actor: Actor, *, expires_in: timedelta | None = None) -> Issued:
        """A new token, shown once; without `expires_in` it holds until revoked. Raises `NotFound`, `Forbidden`."""
        _not_by_agent(actor)
        made = self._new(await self._usable(principal_id), TOKEN, expires_in)
        await self._ledger.commit([Put(made.credential)], [credential_entry("token.issue", made.credential, actor)])
        return made

    async def login_code(self, principal_id: str, actor: Actor) -> Issued:
        """A code that signs a person in once, within ten minutes. Raises `NotFound`, `Forbidden`."""
        _not_by_agent(actor)
        made = self._new(await self._person(principal_id), LOGIN, LOGIN_LIFE)
        await self._ledger.commit([Put(made.credential)], [credential_entry("login.offer", made.credential, actor)])
        return made

    async def redeem(self, code: str) -> Issued:
        """Exchange a login code for a token. Of several tries, at the same time too, one succeeds.

        Raises `Unauthenticated`, which never says why.
        """
        found = await self._found(code, LOGIN)
        if found is None or found[1].used_at is not None:
            raise refused()
        principal, credential = found
        made = self._new(principal, TOKEN, SESSION_LIFE)
        used = replace(credential, used_at=self._ledger.clock.now())
        actor = actor_of(principal, "login")
        writes: list[Write] = [Put(used), Put(made.credential)]
        try:
            await self._ledger.commit(writes, [credential_entry("login.redeem", made.credential, actor)])
        except Conflict as error:
            raise refused() from error
        return made

    async def revoke(self, credential_id: str, actor: Actor) -> Credential:
        """End a token or code, at once in this process; an agent only its own. Raises `NotFound`, `Forbidden`."""
        credential = await self._ledger.need(Credential, credential_id, next_step=_LIST)
        if actor.id != credential.principal_id:
            _not_by_agent(actor)
        if credential.revoked_at is not None:
            return credential
        ended = replace(credential, revoked_at=self._ledger.clock.now())
        await self._ledger.commit([Put(ended)], [credential_entry("token.revoke", ended, actor)])
        self._forget()
        return replace(ended, version=ended.version + 1)

    async def link(self, id: str, issuer: str, subject: str, actor: Actor) -> Credential:
        """Say that whom an authorization server calls `subject` is this person; it ends as a token does, by `revoke`.

        Raises `NotFound`, `InvalidInput` (no person), `Forbidden` or `Conflict` (linked to somebody else).
        """
        _not_by_agent(actor)
        person = await self._person(id)
        checked_text(issuer, "issuer", _MAX_LINKED)
        checked_text(subject, "subject", _MAX_LINKED)
        known = await self._ledger.get(Credential, link_id(issuer, subject))
        if known is not None and known.revoked_at is None:
            if known.principal_id == person.id:
                return known
            raise Conflict(
                f"{subject} is linked to {known.principal_id} already.",
                next_step=f"End that link first: opstwin people revoke {known.id}",
                details={"kind": "link", "id": known.id},
            )
        made = Credential(
            id=link_id(issuer, subject), principal_id=person.id, purpose=LINK, created_at=self._ledger.clock.now(),
            version=known.version if known else 0,
        )  # fmt: skip
        entry = credential_entry("person.link", made, actor)
        named = {**entry.details, "issuer": issuer, "subject": subject}
        await self._ledger.commit([Put(made)], [replace(entry, details=named)])
        self._forget()
        return replace(made, version=made.version + 1)

    async def linked(self, issuer: str, subject: str) -> Principal | None:
        """The person whom an authorization server calls `subject`, if an administrator said who that is."""
        found = await self._held(link_id(issuer, subject), LINK)
        return found[0] if found is not None and found[0].kind is ActorKind.PERSON else None

    async def active_person(self, id: str) -> Principal | None:
        """The person with this account, unless it is shut out."""
        now_s = self._ledger.clock.monotonic_s()
        cached = self._persons.get(id)
        if cached is not None and now_s - cached[1] < CACHE_S:
            return cached[0]
        changes = self._changes
        principal = await self._ledger.get(Principal, id)
        if principal is None or not principal.is_active or principal.kind is not ActorKind.PERSON:
            return None
        if changes == self._changes:
            self._persons[id] = (principal, now_s)
        return principal

    async def authenticate(self, token: str) -> tuple[Principal, Credential]:
        """Whose token this is; an agent's scopes are cut to those its person has now, without plan:approve.

        Raises `Unauthenticated`, with the same words whatever is wrong.
        """
        found = await self._held(hashed(token), TOKEN) if looks_like(token, TOKEN) else None
        if found is None:
            raise refused()
        return found

    async def _held(self, key: str, purpose: str) -> tuple[Principal, Credential] | None:
        """As `_read`, from memory where that is young enough."""
        cached = self._cache.get(key)
        now_s = self._ledger.clock.monotonic_s()
        if cached is not None and now_s - cached.read_s < CACHE_S and self._holds(cached.credential):
            return (cached.principal, cached.credential) if cached.credential.purpose == purpose else None
        changes = self._changes
        found = await self._read_together(key, purpose)
        if found is None:
            self._cache.pop(key, None)
        elif changes == self._changes:
            self._cache[key] = _Answer(*found, now_s)
        return found

    async def _read_together(self, key: str, purpose: str) -> tuple[Principal, Credential] | None:
        """As `_read`, once for all who ask at the same moment; not for those who come after a change."""
        place = (key, purpose, self._changes)
        reading = self._reading.get(place)
        if reading is None:
            reading = self._reading[place] = asyncio.create_task(self._read(key, purpose))
            reading.add_done_callback(lambda _: self._reading.pop(place, None))
        return await asyncio.shield(reading)

    async def _found(self, secret: str, purpose: str) -> tuple[Principal, Credential] | None:
        return await self._read(hashed(secret), purpose) if looks_like(secret, purpose) else None

    async def _read(self, key: str, purpose: str) -> tuple[Principal, Credential] | None:
        credential = await self._ledger.get(Credential, key)
        if credential is None or credential.purpose != purpose or not self._holds(credential):
            return None
        principal = await self._ledger.get(Principal, credential.principal_id)
        if principal is None or not principal.is_active:
            return None
        if principal.kind is ActorKind.PERSON:
            return principal, credential
        person = await self._ledger.get(Principal, principal.on_behalf_of or "")
        if person is None or not person.is_active:
            return None
        scopes = (principal.scopes & person.scopes) - {Scope.APPROVE}
        return replace(principal, scopes=scopes), credential

    def _holds(self, credential: Credential) -> bool:
        return holds(credential, self._ledger.clock.now())

    def _new(self, principal: Principal, purpose: str, life: timedelta | None) -> Issued:
        return issued(principal.id, purpose, self._ledger.clock.now(), life)

    async def _usable(self, id: str) -> Principal:
        principal = await self.get(id)
        if not principal.is_active:
            raise Forbidden(f"Account {id} is shut out.", next_step="Use another account.")
        return principal

    async def _person(self, id: str) -> Principal:
        principal = await self._usable(id)
        if principal.kind is not ActorKind.PERSON:
            raise InvalidInput(f"{id} is not a person.", field="person", next_step=_LIST)
        return principal

    async def _add(self, principal: Principal, actor: Actor) -> Principal:
        _not_by_agent(actor)
        if await self._ledger.get(Principal, principal.id) is not None:
            raise Conflict(
                f"There is an account {principal.id} already.", next_step="Take another id.",
                details={"kind": "principal", "id": principal.id},
            )  # fmt: skip
        return await self._change(principal, f"{principal.kind.value}.create", actor)

    async def _change(self, principal: Principal, action: str, actor: Actor) -> Principal:
        entry = AuditEntry(
            action=action, subject=principal.id, actor=actor,
            details={
                "scopes": [item.value for item in sorted(principal.scopes)], "is_active": principal.is_active,
                "same_person_as": principal.same_person_as, "on_behalf_of": principal.on_behalf_of,
            },
        )  # fmt: skip
        await self._ledger.commit([Put(principal)], [entry])
        self._forget()
        return replace(principal, version=principal.version + 1)

    def _forget(self) -> None:
        """Drop every cached answer, those too that are being read at this moment."""
        self._changes += 1
        self._cache.clear()
        self._persons.clear()


def actor_of(principal: Principal, face: str) -> Actor:
    """The account as the actor of a call that came in through `face`."""
    return Actor(kind=principal.kind, id=principal.id, on_behalf_of=principal.on_behalf_of, face=face)


def _display_name(text: str) -> str:
    if not text.strip():
        raise InvalidInput("display_name is empty.", field="display_name", next_step="Give the name people know.")
    return checked_text(text, "display_name", 128)


def _not_by_agent(actor: Actor) -> None:
    if actor.kind is ActorKind.AGENT:
        raise Forbidden(
            "An agent cannot make or change accounts and tokens.",
            next_step="Ask the person it acts for.",
            details={"actor": actor.id},
        )
