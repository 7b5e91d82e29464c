"""What is remembered of a task: whose it is, which plan it applies, and what came for it.

The rest is read off the plan. It is kept in the twin, so a task outlives the process that made it, for as long as
answers to repeated calls are kept.
"""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from opstwin.control.ledger import Ledger
from opstwin.domain.audit import AuditEntry
from opstwin.domain.records import Reply
from opstwin.server.replies import KEPT_FOR
from opstwin.twin.store import Put

TTL_MS: Final = int(KEPT_FOR.total_seconds() * 1000)
_PREFIX: Final = "#task:"
"""No account's name begins so: a client's own idempotency key can never name a task."""

_ID: Final = re.compile(r"task_[0-9a-z]{1,40}_[0-9a-f]{32}")
_STATUS: Final = 202
_RANDOM_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One task. `form` and `fields` say how its result is told; `refusal` is why it ended without an execution.

    `answered_at` and `cancelled_at`: when the client answered the request to lead a human to the page, and when it
    asked to stop before anything was begun.
    """

    id: str
    plan_id: str
    owner: str
    form: str
    fields: str | None
    created_at: datetime
    answered_at: datetime | None = None
    cancelled_at: datetime | None = None
    refusal: Mapping[str, Any] | None = None
    version: int = 0


def new_id(plan_id: str) -> str:
    """An id that tells the plan and cannot be guessed: 128 random bits."""
    return f"task_{plan_id.removeprefix('plan_')}_{secrets.token_hex(_RANDOM_BYTES)}"


@dataclass(frozen=True, slots=True)
class KeptTasks:
    """Reads and writes what is kept."""

    ledger: Ledger

    async def read(self, task_id: str) -> Kept | None:
        """One task, or None: there is none, or its time is over."""
        found = await self.ledger.get(Reply, _PREFIX + task_id) if _ID.fullmatch(task_id) else None
        if found is None or self.ledger.clock.now() - found.created_at >= KEPT_FOR:
            return None
        return _from_reply(found)

    async def write(self, kept: Kept, audit: AuditEntry | None = None) -> Kept:
        """Store it as it is. Raises `Conflict` when somebody wrote it since it was read."""
        await self.ledger.commit([Put(_to_reply(kept))], [audit] if audit else [])
        return replace(kept, version=kept.version + 1)


def _to_reply(kept: Kept) -> Reply:
    body = {
        "plan_id": kept.plan_id, "owner": kept.owner, "form": kept.form, "fields": kept.fields,
        "answered_at": _text(kept.answered_at), "cancelled_at": _text(kept.cancelled_at),
        "refusal": dict(kept.refusal) if kept.refusal is not None else None,
    }  # fmt: skip
    return Reply(
        id=_PREFIX + kept.id, request_digest="", status=_STATUS, body=json.dumps(body, ensure_ascii=False),
        created_at=kept.created_at, version=kept.version,
    )  # fmt: skip


def _from_reply(reply: Reply) -> Kept:
    body: dict[str, Any] = json.loads(reply.body)
    return Kept(
        id=reply.id.removeprefix(_PREFIX), plan_id=body["plan_id"], owner=body["owner"], form=body["form"],
        fields=body["fields"], created_at=reply.created_at, answered_at=_moment(body["answered_at"]),
        cancelled_at=_moment(body["cancelled_at"]), refusal=body["refusal"], version=reply.version,
    )  # fmt: skip


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
