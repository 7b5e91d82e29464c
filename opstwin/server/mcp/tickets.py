"""What a stateless client brings back with its second call: proof that it was asked, good for once.

A ticket gives no right: the call it comes with is checked like any other. The SDK seals it (AES-GCM, bound to the
caller, the tool and its input, for ten minutes); that it is taken once is kept in the twin, for all replicas.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.domain.records import Reply
from opstwin.errors import Conflict, InvalidInput
from opstwin.twin.store import Put

_SPENT: Final = 204


@dataclass(frozen=True, slots=True)
class Tickets:
    """Makes tickets and takes each once."""

    ledger: Ledger

    def new(self, subject: str) -> str:
        """A ticket for one second call about `subject`."""
        return f"{subject}:{secrets.token_hex(16)}"

    async def take(self, ticket: str) -> str:
        """The subject of a ticket, once. Raises `InvalidInput` when it was taken before."""
        subject, _, nonce = ticket.rpartition(":")
        spent = Reply(
            id=f"#ticket:{nonce}", request_digest="", status=_SPENT, body="", created_at=self.ledger.clock.now()
        )  # fmt: skip
        try:
            await self.ledger.commit([Put(spent)])
        except Conflict:
            raise InvalidInput(
                "This requestState was used before.", field="requestState", next_step="Call the tool anew, without it."
            ) from None
        return subject
