"""From an access token to a caller: an AI client by its own name that acts for a person of this hub; never a person."""

import shlex
from dataclasses import dataclass

from opstwin.control.people import People
from opstwin.domain.access import Actor, ActorKind, Principal, Scope
from opstwin.errors import Forbidden
from opstwin.server.oauth import AccessTokens, Vouched
from opstwin.server.oauth_keys import Keys, source_of
from opstwin.settings import Settings
from opstwin.tools.guard import MCP
from opstwin.tools.services import Services

PREFIX = "oauth:"
"""Before the client's name in the audit. No account of the hub has a colon in its id, so none can be taken for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An AI client acting for a person: what the two may do together, and what this token was given of it."""

    principal: Principal
    actor: Actor
    scopes: frozenset[Scope]
    issuer: str


@dataclass(frozen=True, slots=True)
class OAuth:
    """Tells who is behind an access token."""

    settings: Settings
    people: People
    tokens: AccessTokens

    async def identity(self, token: str, path: str) -> Identity:
        """Who calls `path` with this token.

        The principal's scopes are what its person may do now, without plan:approve; the identity's are those of them
        that the token carries. Raises `Unauthenticated`, `Unreachable` (no keys) and `Forbidden` (nobody we know).
        """
        vouched = await self.tokens.vouched(token, path)
        person = await self._person(vouched.subject)
        if person is None:
            raise self._unknown(vouched)
        actor = Actor(kind=ActorKind.AGENT, id=PREFIX + vouched.client, on_behalf_of=person.id, face=MCP)
        usable = person.scopes - {Scope.APPROVE}
        principal = Principal(
            id=f"{actor.id}@{person.id}", kind=ActorKind.AGENT, display_name=vouched.client, scopes=usable,
            on_behalf_of=person.id, created_at=person.created_at,
        )  # fmt: skip
        return Identity(
            principal=principal, actor=actor, scopes=vouched.scopes & usable, issuer=self.settings.oauth_issuer
        )

    async def _person(self, subject: str) -> Principal | None:
        if self.settings.oauth_people == "by_id":
            return await self.people.active_person(subject)
        return await self.people.linked(self.settings.oauth_issuer, subject)

    def _unknown(self, vouched: Vouched) -> Forbidden:
        if self.settings.oauth_people == "by_id":
            step = "An administrator makes an account of that id: opstwin people add NAME"
        else:
            step = f"An administrator says who it is: opstwin people link NAME --subject {shlex.quote(vouched.subject)}"
        return Forbidden(
            f"{vouched.subject} of {self.settings.oauth_issuer} is no person of this hub.",
            next_step=step,
            details={"subject": vouched.subject, "issuer": self.settings.oauth_issuer},
        )


def oauth_of(services: Services) -> OAuth | None:
    """What tells callers from access tokens, None when OAuth is off."""
    settings, clock = services.settings, services.ledger.clock
    if not settings.oauth_issuer:
        return None
    tokens = AccessTokens(settings, Keys(source_of(settings), clock), clock)
    return OAuth(settings, services.people, tokens)
