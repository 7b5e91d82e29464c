"""Decisions belong to people: the check that an actor is one, by the account in the twin and not by its own word."""

from collections.abc import Iterable

from opstwin.control.ledger import Ledger
from opstwin.domain.access import Actor, ActorKind, Principal
from opstwin.errors import Forbidden


def check_person(actor: Actor, principals: Iterable[Principal], what: str) -> None:
    """Raise `Forbidden` unless `actor` is a person with an active account. `what` says what only a person may do."""
    account = next((item for item in principals if item.id == actor.id), None)
    is_person = account is not None and account.is_active and account.kind is ActorKind.PERSON
    if is_person and actor.kind is ActorKind.PERSON:
        return
    raise Forbidden(
        f"Only a person with an active account can {what}.",
        next_step="Use your own account: open the login link of opstwin up, or set OPSTWIN_TOKEN to a token of yours.",
        details={"actor": actor.id, "kind": actor.kind.value},
    )


async def require_person(ledger: Ledger, actor: Actor, what: str) -> None:
    """As `check_person`, with the account read from the twin."""
    account = await ledger.get(Principal, actor.id)
    check_person(actor, [account] if account is not None else [], what)
