"""Reading and checking the audit: the chain in pages, and heads signed and kept elsewhere.

The chain alone shows an edit, but not a rebuild by somebody who can write the whole database. A signed head that was
exported to another machine before does: the rebuilt chain has another hash at its place.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.domain.audit import GENESIS, AuditRow, verify_chain
from opstwin.domain.values import Json
from opstwin.errors import AuditBroken, InvalidInput
from opstwin.twin.store import MAX_PAGE, Page, Query

_FILTERS: Final = ("action", "subject", "plan_id", "execution_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A sound chain: how many rows it has, and the hash of the last one."""

    rows: int
    head: str


@dataclass(frozen=True, slots=True)
class Auditing:
    """The audit as people see it. The signing key lies in `data_dir`."""

    ledger: Ledger
    data_dir: Path

    async def verify(self) -> Verified:
        """Check every row, and that none is missing at the end.

        Raises `AuditBroken`, whose `details["seq"]` names the first bad one, and `StoreError` when the twin cannot be
        written: only the next commit compares the end of the chain with what the store remembers of it.
        """
        verified = (await self._walk(0))[0]
        receipt = await self.ledger.commit()
        if verified.rows < receipt.audit_seq:
            return (await self._walk(0))[0]
        return verified

    async def list(
        self,
        where: Mapping[str, str] | None = None,
        *,
        after: str | None = None,
        limit: int = 50,
        newest_first: bool = True,
    ) -> Page[AuditRow]:
        """A page of rows in the order of their sequence numbers, whatever the clock said.

        `where` may name action, subject, plan_id and execution_id. Raises `InvalidInput` for another field or cursor.
        """
        for name in where or {}:
            if name not in _FILTERS:
                raise InvalidInput(
                    f"The audit cannot be filtered by {name[:40]!r}.", field=name[:40],
                    next_step=f"Use: {', '.join(_FILTERS)}.",
                )  # fmt: skip
        query = Query(AuditRow, dict(where or {}), after=after, limit=limit, newest_first=newest_first)
        return await self.ledger.store.find(query)

    async def export_head(self) -> dict[str, Json]:
        """The signed last row of a chain that was just verified: seq, hash, at, key_id, signature.

        Raises `AuditBroken`, `StoreError` (the key cannot be used).
        """
        from opstwin.control.signing import signed, signing_key

        verified = await self.verify()
        key = await asyncio.to_thread(signing_key, self.data_dir)
        now = self.ledger.clock.now()
        return signed({"seq": verified.rows, "hash": verified.head, "at": now.isoformat()}, key)

    async def public_key(self) -> str:
        """The public half of the signing key, PEM; keep it with the heads, off this machine."""
        from opstwin.control.signing import public_pem, signing_key

        key = await asyncio.to_thread(signing_key, self.data_dir)
        return public_pem(key.public_key()).decode()

    async def verify_head(self, document: Mapping[str, Json], public_key: bytes | str) -> Verified:
        """Check the chain, and that it goes on from a head that was exported earlier.

        Raises `InvalidInput` for a document that this key did not sign, and `AuditBroken` when the chain does not
        verify, is shorter than the head, or was rebuilt with other content.
        """
        from opstwin.control.signing import check_signed

        check_signed(document, public_key)
        seq, head = document["seq"], document["hash"]
        assert isinstance(seq, int)
        verified, at_seq = await self._walk(seq)
        if verified.rows < seq:
            raise _disagrees(verified.rows + 1, f"the chain ends at row {verified.rows}, the head stands at {seq}")
        if at_seq != head:
            raise _disagrees(seq, f"row {seq} is not the one that was signed: the chain was rebuilt")
        return verified

    async def _walk(self, seq: int) -> tuple[Verified, str]:
        """The verified chain, and the hash of row `seq`."""
        count, head, found = 0, GENESIS, GENESIS
        after: str | None = None
        while True:
            page = await self.ledger.store.find(Query(AuditRow, after=after, limit=MAX_PAGE))
            count, head = verify_chain(page.items, seq=count, head=head)
            found = next((row.hash for row in page.items if row.seq == seq), found)
            if page.next is None:
                return Verified(rows=count, head=head), found
            after = page.next


def _disagrees(seq: int, why: str) -> AuditBroken:
    return AuditBroken(
        f"The audit does not go on from the exported head: {why}.",
        next_step="Stop the hub, keep the database file, and compare it with your last backup.",
        details={"seq": seq},
    )
