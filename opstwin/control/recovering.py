"""How a hub comes back: it waits when it keeps crashing, and is not ready before it took up what was interrupted."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from opstwin.clock import Clock, SystemClock

WINDOW: Final = timedelta(hours=1)
"""How long a start that no clean stop ended is counted."""

FREE_CRASHES: Final = 2
"""So many crashes in the window are nobody's pattern yet: the next start takes up work at once."""

MOST: Final = 64
"""The longest wait, as a multiple of the first one."""


def pause_after(crashes: int, first_s: float) -> float:
    """How long a hub waits after so many crashes in the window: nothing, then `first_s`, then twice as long each."""
    over = crashes - FREE_CRASHES
    return 0.0 if over <= 0 else first_s * min(2.0 ** min(over - 1, MOST), MOST)


@dataclass(slots=True)
class Recovery:
    """How far a start has come. A new one has nothing to recover from.

    `crashes` are the starts within `WINDOW` that no clean stop ended. While `pause_s` seconds run, and until `look`
    was told what was interrupted, no work is taken up.
    """

    clock: Clock = field(default_factory=SystemClock)
    crashes: int = 0
    pause_s: float = 0.0
    looked: bool = True
    _until_s: float = 0.0
    _left: set[str] = field(default_factory=set)

    @classmethod
    def begun(cls, clock: Clock, crashes: int, first_s: float) -> "Recovery":
        """A start after so many crashes; see `pause_after`."""
        wait_s = pause_after(crashes, first_s)
        return cls(clock, crashes, wait_s, looked=False, _until_s=clock.monotonic_s() + wait_s)

    async def wait(self) -> None:
        """Return when the pause is over."""
        await self.clock.sleep(max(self._until_s - self.clock.monotonic_s(), 0.0))

    def look(self, interrupted: Iterable[str]) -> None:
        """These executions were interrupted."""
        self._left, self.looked = set(interrupted), True

    def taken_up(self, execution_id: str) -> None:
        """This one had its turn: it ended, somebody else drives it, or its target is away."""
        self._left.discard(execution_id)

    def only(self, open_ones: Iterable[str]) -> None:
        """Those that are not open any more need nothing."""
        self._left.intersection_update(open_ones)

    @property
    def why(self) -> str:
        """Why the hub is not ready yet; empty once everything that was interrupted had its turn."""
        if not self.looked:
            return self._waiting()
        if self._left:
            named = ", ".join(sorted(self._left)[:3])
            return f"What was interrupted is taken up: {len(self._left)} execution(s), such as {named}."
        return ""

    def _waiting(self) -> str:
        left_s = self._until_s - self.clock.monotonic_s()
        if left_s <= 0:
            return "The hub looks at what was interrupted."
        within = f"{self.crashes} times within {WINDOW.seconds // 60} minutes"
        return f"The hub ended {within} without being stopped. It takes up work again in {left_s:.0f} s."
