"""The values of the twin's secrets, known here for one purpose: that no answer to an AI client holds one."""

import asyncio
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from opstwin.clock import Clock
from opstwin.control.twin_index import Twin, TwinIndex
from opstwin.domain.secret_ends import Beginnings, Ongoing
from opstwin.domain.secret_text import pattern_of, without_secrets
from opstwin.domain.values import Json
from opstwin.errors import Rejected, StoreError
from opstwin.logs import MASK, looks_secret
from opstwin.targets.secrets import SecretSource

_FRESH_S: Final = 60.0
"""How long a secret that was replaced in its file may stay unknown."""

_WORDS: Final = frozenset(
    {
        "container", "volume", "network", "image", "workload", "target", "running", "stopped", "present", "absent",
        "unknown", "healthy", "unhealthy", "starting", "restarting", "missing", "changed", "pending", "approved",
        "rejected", "applied", "destructive", "concise", "detailed",
    }
)  # fmt: skip
"""Words of the hub's own answers: no secret of anybody makes them unreadable."""

_SHORT: Final = 200
_REMEMBERED: Final = 20_000
"""Short texts (names, states, images) that come again in every answer, up to 8 MB of them."""

_MAX_KEPT: Final = 1_000_000
"""Characters of the answers that are remembered: with what was made of them, up to 8 MB (by tracemalloc)."""

_ENTRY: Final = 2_000
"""What an answer counts beside its characters, so that many small ones are bounded too."""


class Remembered:
    """What was made of answers before, by what it depends on; all is forgotten where it grows too large."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, ...], Any] = {}
        self._size = 0

    def get(self, key: tuple[str, ...]) -> Any:
        """What was kept for `key`, None for nothing."""
        return self._made.get(key)

    def keep(self, key: tuple[str, ...], made: Any, size: int) -> None:
        """Keep `made`, of about `size` characters; nobody may change it afterwards."""
        size += _ENTRY
        if size > _MAX_KEPT:
            return
        if self._size + size > _MAX_KEPT:
            self._made.clear()
            self._size = 0
        self._made[key] = made
        self._size += size


class Veil:
    """Masks secrets in texts: those that look like one, and those that the twin names as one, however encoded."""

    def __init__(self, index: TwinIndex, secrets: SecretSource, clock: Clock) -> None:
        self._index = index
        self._secrets = secrets
        self._clock = clock
        self._twin: Twin | None = None
        self._read_s = 0.0
        self._reading = asyncio.Lock()
        self._begun = self._done = 0
        self._pattern: re.Pattern[str] | None = None
        self._beginnings: Beginnings | None = None
        self._known: dict[str, str] = {}
        self.answers = Remembered()
        """For whoever hands answers out: those that were covered by what is known now."""

    async def ready(self) -> None:
        """Learn what the twin's secrets are now. When the twin cannot be read, those known before stay known."""
        if await self._newer() is None:
            return
        ticket = self._begun
        async with self._reading:
            # One after the other, so that what was read last is what is known. A reading that began after this call
            # came in, and came to its end, has seen all that this call has to see.
            if self._done > ticket:
                return
            self._begun += 1
            await self._read()
            self._done = self._begun

    async def _read(self) -> None:
        twin, now_s = await self._newer(), self._clock.monotonic_s()
        if twin is not None:
            pattern, beginnings = await asyncio.to_thread(lambda: _read_in(list(self._values(twin))))
            if pattern != self._pattern:
                self._pattern, self._beginnings, self._known = pattern, beginnings, {}
                self.answers = Remembered()
            self._twin, self._read_s = twin, now_s

    async def _newer(self) -> Twin | None:
        """The twin, when its secrets are to be read; None when they are known, or it cannot be read."""
        try:
            twin = await self._index.now()
        except StoreError:
            return None
        is_fresh = twin is self._twin and self._clock.monotonic_s() - self._read_s < _FRESH_S
        return None if is_fresh else twin

    def over(self, text: str) -> str:
        """`text` without secrets. Call `ready` before."""
        if len(text) > _SHORT:
            return self._covered(text)
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[text] = self._covered(text)
        return found

    def ongoing(self) -> Ongoing:
        """For a text that is still being written: its pieces, together what `over` makes of it. Call `ready` before."""
        return Ongoing(self._pattern, self._beginnings)

    def _covered(self, text: str) -> str:
        return without_secrets(text if self._pattern is None else self._pattern.sub(MASK, text))

    def _values(self, twin: Twin) -> Iterator[str]:
        ours = [item.desired for item in twin.by_id.values() if item.desired is not None and item.desired.is_ours]
        specs = [item.spec for item in ours if item.spec]
        references = {str(value) for spec in specs for value in _values_of(spec.get("secret_env"))}
        yield from self._resolved(references)
        for spec in specs:
            env = spec.get("env")
            named = env.items() if isinstance(env, dict) else ()
            yield from (str(value) for key, value in named if looks_secret(key) and str(value) not in _WORDS)

    def _resolved(self, references: Iterable[str]) -> Iterator[str]:
        for reference in references:
            try:
                yield self._secrets.resolve(reference)
            except Rejected:
                # One that is not set cannot be told either.
                continue


def _read_in(secrets: list[str]) -> tuple[re.Pattern[str] | None, Beginnings]:
    return pattern_of(secrets), Beginnings(secrets)


def _values_of(value: Json) -> Iterable[Json]:
    return value.values() if isinstance(value, dict) else ()
