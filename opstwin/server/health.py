"""Whether the hub lives (`/health`), can do its work (`/ready`), and what it counted (`/metrics`)."""

import asyncio
from collections.abc import Awaitable, Callable
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

FAR_FRESH_S: Final = 15.0
"""The same for what is not ours: providers of language models and registries count requests."""

WITHIN_S: Final = 3.0
_PROBE: Final = "ready:probe"


@dataclass(slots=True)
class _Kept:
    """What was found, by name and with the reason, and until when that is said again."""

    fresh_s: float
    found: dict[str, str] = field(default_factory=dict)
    at_s: float | None = None

    async def now(self, now_s: float, look: Callable[[], Awaitable[dict[str, str]]]) -> dict[str, str]:
        """It, looked for anew when it is too old."""
        if self.at_s is None or now_s - self.at_s >= self.fresh_s:
            self.found, self.at_s = await look(), now_s
        return self.found


@dataclass(slots=True)
class Health:
    """Checks of everything the hub stands on."""

    services: Services
    instruments: Instruments
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _near: _Kept = field(default_factory=lambda: _Kept(FRESH_S))
    _far: _Kept = field(default_factory=lambda: _Kept(FAR_FRESH_S))
    _images: _Kept = field(default_factory=lambda: _Kept(FAR_FRESH_S))
    _counted_s: float | None = None

    async def health(self, _request: Request) -> Response:
        """200 as long as the process answers, whatever else is down."""
        return json_response({"status": "ok", "version": self.services.version}, 200)

    async def ready(self, _request: Request) -> Response:
        """200 when everything works; else 503 with `down`, which names what does not and why.

        `limited` names what is away and is done without: registries, whose digests plans then do not tell.
        """
        async with self._lock:
            now_s = self.services.ledger.clock.monotonic_s()
            down = dict(await self._near.now(now_s, self._down))
            looks = [self._far.now(now_s, self._ai)]
            looks += [] if "store" in down else [self._images.now(now_s, self._registries)]
            ai, *images = await asyncio.gather(*looks)
        down |= ai
        limited = {"limited": found} if (found := images[0] if images else {}) else {}
        if why := self.services.recovery.why:
            down["recovery"] = why
        if not down:
            return json_response({"status": "ready", **limited}, 200)
        return json_response({"status": "not ready", "down": down, **limited}, 503, {"Retry-After": "5"})

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

    async def _ai(self) -> dict[str, str]:
        if self.services.model is None:
            return {}
        try:
            async with asyncio.timeout(WITHIN_S):
                await self.services.model.check()
        except OpstwinError as error:
            return {"ai": error.message}
        except TimeoutError:
            return {"ai": "It does not answer in time."}
        return {}

    async def _registries(self) -> dict[str, str]:
        registries = self.services.registries
        try:
            away = {} if registries is None else await registries.away(WITHIN_S)
        except OpstwinError as error:
            return {"registries": error.message}
        return {f"registry {host}": why for host, why in away.items()}

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
