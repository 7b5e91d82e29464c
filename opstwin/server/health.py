"""Whether the hub lives (`/health`), can do its work (`/ready`), and what it counted (`/metrics`)."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from opstwin.control.drift import explain
from opstwin.domain.audit import AuditRow, row_hash
from opstwin.domain.records import Reply
from opstwin.domain.target import Target
from opstwin.errors import AuditBroken, Conflict, OpstwinError
from opstwin.server.instruments import MEDIA_TYPE, Instruments
from opstwin.server.problems import json_response
from opstwin.tools.services import Services
from opstwin.twin.store import Put, Query

FRESH_S: Final = 2.0
"""How long an answer is given again, so that nobody can keep targets busy by asking."""

COUNT_AGAIN_S: Final = 10.0
"""How often drift is counted for metrics: on a large twin it is a second's work."""

WITHIN_S: Final = 3.0
_PROBE: Final = "ready:probe"


@dataclass(slots=True)
class Health:
    """Checks of everything the hub stands on."""

    services: Services
    instruments: Instruments
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _known: dict[str, str] = field(default_factory=dict)
    _known_s: float | None = None
    _counted_s: float | None = None

    async def health(self, _request: Request) -> Response:
        """200 as long as the process answers, whatever else is down."""
        return json_response({"status": "ok", "version": self.services.version}, 200)

    async def ready(self, _request: Request) -> Response:
        """200 when everything works; else 503 with `down`, which names what does not and why."""
        async with self._lock:
            now_s = self.services.ledger.clock.monotonic_s()
            if self._known_s is None or now_s - self._known_s >= FRESH_S:
                self._known = await self._down()
                self._known_s = now_s
            down = dict(self._known)
        if why := self.services.recovery.why:
            down["recovery"] = why
        if not down:
            return json_response({"status": "ready"}, 200)
        return json_response({"status": "not ready", "down": down}, 503, {"Retry-After": "5"})

    async def metrics(self, _request: Request) -> Response:
        """Everything counted, in Prometheus' text form. What the twin knows is left as it was while it is away."""
        with suppress(OpstwinError):
            await self.instruments.catch_up(self.services.ledger)
            await self._count_drift()
        self.instruments.breakers(self.services.breakers.states())
        return Response(self.instruments.text(), 200, {}, MEDIA_TYPE)

    async def _count_drift(self) -> None:
        now_s = self.services.ledger.clock.monotonic_s()
        if self._counted_s is not None and now_s - self._counted_s < COUNT_AGAIN_S:
            return
        self._counted_s = now_s
        counts = {str(target.id): 0 for target in await self.services.ledger.all(Target) if target.is_active}
        for drift in await explain(self.services.ledger, self.services.readers):
            counts[drift.target] = counts.get(drift.target, 0) + 1
        self.instruments.drift(counts)

    async def _down(self) -> dict[str, str]:
        down: dict[str, str] = {}
        for name, check in (("store", self._store), ("audit", self._audit)):
            try:
                async with asyncio.timeout(WITHIN_S):
                    await check()
            except OpstwinError as error:
                down[name] = error.message
            except TimeoutError:
                down[name] = "It does not answer in time."
        if "store" not in down:
            down |= await self._targets()
        return down

    async def _store(self) -> None:
        """Read, and write something small: a full or read-only disk is seen before a change is asked for."""
        ledger = self.services.ledger
        known = await ledger.get(Reply, _PROBE)
        now = ledger.clock.now()
        probe = known or Reply(id=_PROBE, request_digest="", status=200, body="{}", created_at=now)
        try:
            await ledger.commit([Put(replace(probe, created_at=now))])
        except Conflict:
            # Another hub on the same twin wrote it at this moment: the twin can be written.
            return

    async def _audit(self) -> None:
        page = await self.services.ledger.store.find(Query(AuditRow, limit=1, newest_first=True))
        if any(row.hash != row_hash(row) for row in page.items):
            raise AuditBroken("The last row of the audit does not fit the chain.")

    async def _targets(self) -> dict[str, str]:
        targets = [item for item in await self.services.ledger.all(Target) if item.is_active]
        answers = await asyncio.gather(*(self._why_away(item) for item in targets))
        return {f"target {item.id}": why for item, why in zip(targets, answers, strict=True) if why}

    async def _why_away(self, target: Target) -> str:
        try:
            if self.services.breakers.is_open(target.id):
                return "It failed several times in a row; calls to it are paused."
            async with asyncio.timeout(WITHIN_S):
                info = await self.services.readers.reader(target).info()
        except OpstwinError as error:
            return error.message
        except TimeoutError:
            return "It does not answer in time."
        same = target.identity in ("", info.identity)
        return "" if same else "Another machine answers at its address."
