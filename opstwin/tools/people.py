"""Tools about people, the agents that act for them, and their tokens. For administrators only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from opstwin.control.people import AGENT_SCOPES, PERSON_SCOPES
from opstwin.domain.access import ActorKind, Credential, Principal, Scope
from opstwin.errors import InvalidInput
from opstwin.tools.fields import AccountName, Nothing
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, Tool
from opstwin.tools.services import Services
from opstwin.tools.views import Listed, row

_USUAL = "Default: the usual ones; twin:admin is never among them."
Scopes = Annotated[list[Scope] | None, Field(max_length=len(Scope), description=_USUAL)]


class PersonAsk(Ask):
    """A new account of a person. `same_person_as` names the first account of the same human."""

    id: AccountName
    display_name: Annotated[str, Field(min_length=1, max_length=128)]
    scopes: Scopes = None
    same_person_as: AccountName | None = None


class AgentAsk(Ask):
    """A new agent; it acts for `on_behalf_of`, by default for the caller."""

    id: AccountName
    display_name: Annotated[str, Field(min_length=1, max_length=128)]
    scopes: Scopes = None
    on_behalf_of: AccountName | None = None


class ChangeAsk(Ask):
    """What to change: the scopes, whether the account is a second one of somebody, or whether it is shut out."""

    id: AccountName
    scopes: Scopes = None
    same_person_as: AccountName | None = None
    deactivate: bool = False


class AccountAsk(Ask):
    """One account."""

    id: AccountName


class TokenAsk(AccountAsk):
    """For whom, and for how long; without `expires_in_s` the token holds until it is revoked."""

    expires_in_s: Annotated[float | None, Field(gt=0, le=10 * 365 * 86400)] = None


class LinkAsk(AccountAsk):
    """What an authorization server calls the person. Without `issuer` it is the one of the hub's settings."""

    subject: Annotated[str, Field(min_length=1, max_length=500)]
    issuer: Annotated[str | None, Field(min_length=1, max_length=500)] = None


class RevokeAsk(Ask):
    """Which token, by the id that the list shows."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """An account: a person, or an agent that acts for one."""

    id: str
    kind: ActorKind
    display_name: str
    scopes: tuple[str, ...]
    same_person_as: str | None
    on_behalf_of: str | None
    is_active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """A new token; this is the only time that it is shown. `id` names it for revoking."""

    id: str
    principal_id: str
    token: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """AI clients with an access token of `subject` act for `principal_id`. `id` names the link for revoking."""

    id: str
    principal_id: str
    issuer: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginView:
    """A link that signs a person in once, within its time."""

    url: str
    expires_at: datetime | None


def _view(principal: Principal) -> PersonView:
    return row(PersonView, principal, scopes=tuple(sorted(scope.value for scope in principal.scopes)))


def _chosen(scopes: Sequence[Scope] | None, usual: frozenset[Scope]) -> frozenset[Scope]:
    return usual if scopes is None else frozenset(scopes)


async def _list(services: Services, _caller: Caller, _ask: Nothing) -> Listed[PersonView]:
    return Listed(items=tuple(_view(item) for item in await services.people.all()))


async def _add_person(services: Services, caller: Caller, ask: PersonAsk) -> PersonView:
    return _view(
        await services.people.create_person(
            ask.id, ask.display_name, caller.actor, scopes=_chosen(ask.scopes, PERSON_SCOPES),
            same_person_as=ask.same_person_as,
        )
    )  # fmt: skip


async def _add_agent(services: Services, caller: Caller, ask: AgentAsk) -> PersonView:
    return _view(
        await services.people.create_agent(
            ask.id, ask.display_name, ask.on_behalf_of or caller.principal.id, caller.actor,
            scopes=_chosen(ask.scopes, AGENT_SCOPES),
        )
    )  # fmt: skip


async def _change(services: Services, caller: Caller, ask: ChangeAsk) -> PersonView:
    people = services.people
    changed = await people.get(ask.id)
    if ask.scopes is not None:
        changed = await people.set_scopes(ask.id, frozenset(ask.scopes), caller.actor)
    if ask.same_person_as is not None:
        changed = await people.same_person(ask.id, ask.same_person_as, caller.actor)
    if ask.deactivate:
        changed = await people.deactivate(ask.id, caller.actor)
    return _view(changed)


async def _tokens(services: Services, _caller: Caller, ask: AccountAsk) -> Listed[Credential]:
    await services.people.get(ask.id)
    return Listed(items=tuple(await services.people.credentials(ask.id)))


async def _issue(services: Services, caller: Caller, ask: TokenAsk) -> TokenView:
    life = None if ask.expires_in_s is None else timedelta(seconds=ask.expires_in_s)
    issued = await services.people.issue_token(ask.id, caller.actor, expires_in=life)
    return row(TokenView, issued.credential, token=issued.secret)


async def _login(services: Services, caller: Caller, ask: AccountAsk) -> LoginView:
    issued = await services.people.login_code(ask.id, caller.actor)
    return LoginView(url=f"{caller.base_url}/login?code={issued.secret}", expires_at=issued.credential.expires_at)


async def _link(services: Services, caller: Caller, ask: LinkAsk) -> LinkView:
    issuer = ask.issuer or services.settings.oauth_issuer
    if not issuer:
        raise InvalidInput(
            "This hub has no oauth_issuer.", field="issuer", next_step="Name the issuer, or set OPSTWIN_OAUTH_ISSUER."
        )
    link = await services.people.link(ask.id, issuer, ask.subject, caller.actor)
    return LinkView(id=link.id, principal_id=link.principal_id, issuer=issuer, subject=ask.subject)


async def _revoke(services: Services, caller: Caller, ask: RevokeAsk) -> Credential:
    return await services.people.revoke(ask.id, caller.actor)


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="people_list",
        title="List people",
        purpose="Everybody who may sign in: people, and the agents that act for them.",
        effect=Effect.READ,
        scope=Scope.ADMIN,
        people_only=True,
        input=Nothing,
        output=Listed[PersonView],
        handler=_list,
        route=Route(method="GET", path="/people"),
    ),
    Tool(
        name="person_add",
        title="Add a person",
        purpose="Make an account for a person.",
        effect=Effect.ADMIN,
        scope=Scope.ADMIN,
        people_only=True,
        input=PersonAsk,
        output=PersonView,
        handler=_add_person,
        route=Route(method="POST", path="/people", status=201),
    ),
    Tool(
        name="agent_add",
        title="Add an agent",
        purpose="Make an account for an AI client or a script that acts for a person. It can never approve.",
        effect=Effect.ADMIN,
        scope=Scope.ADMIN,
        people_only=True,
        input=AgentAsk,
        output=PersonView,
        handler=_add_agent,
        route=Route(method="POST", path="/people/agents", status=201),
    ),
    Tool(
        name="person_update",
        title="Change an account",
        purpose="Change what an account may do, say that it is a second account of somebody, or shut it out.",
        effect=Effect.ADMIN,
        scope=Scope.ADMIN,
        people_only=True,
        input=ChangeAsk,
        output=PersonView,
        handler=_change,
        route=Route(method="PATCH", path="/people/{id}"),
    ),
    Tool(
        name="tokens_list",
        title="List tokens",
        purpose="The tokens of an account by the hash that names them; the tokens themselves are not kept.",
        effect=Effect.READ,
        scope=Scope.ADMIN,
        people_only=True,
        input=AccountAsk,
        output=Listed[Credential],
        handler=_tokens,
        route=Route(method="GET", path="/people/{id}/tokens"),
    ),
    Tool(
        name="token_issue",
        title="Issue a token",
        purpose="Make a token for an account; it is shown once.",
        effect=Effect.ADMIN,
        scope=Scope.ADMIN,
        people_only=True,
        secret=True,
        input=TokenAsk,
        output=TokenView,
        handler=_issue,
        route=Route(method="POST", path="/people/{id}/tokens", status=201),
    ),
    Tool(
        name="login_offer",
        title="Offer a login",
        purpose="Make a link that signs a person in with a browser, once.",
        effect=Effect.ADMIN,
        scope=Scope.ADMIN,
        people_only=True,
        secret=True,
        input=AccountAsk,
        output=LoginView,
        handler=_login,
        route=Route(method="POST", path="/people/{id}:login", status=201),
    ),
    Tool(
        name="person_link",
        title="Link a person to their sign-in",
        purpose="Say who a person is to the authorization server, so that AI clients with its tokens act for them.",
        effect=Effect.ADMIN,
        scope=Scope.ADMIN,
        people_only=True,
        repeatable=True,
        input=LinkAsk,
        output=LinkView,
        handler=_link,
        route=Route(method="POST", path="/people/{id}:link", status=201),
    ),
    Tool(
        name="token_revoke",
        title="Revoke a token",
        purpose="Make a token, or a link to a person, useless at once.",
        effect=Effect.ADMIN,
        scope=Scope.ADMIN,
        people_only=True,
        input=RevokeAsk,
        output=Credential,
        handler=_revoke,
        route=Route(method="POST", path="/tokens/{id}:revoke"),
    ),
)
