"""One step on its way: the order, its calls within its deadline, and what may be said when one of them fails."""

from collections.abc import Callable
from typing import TypeVar

from opstwin.domain.values import Spec
from opstwin.errors import Rejected, Timeout, Unreachable
from opstwin.targets.docker.client import Deadline, EngineClient
from opstwin.targets.docker.engine import Engine
from opstwin.targets.docker.marks import Marks, execution_of
from opstwin.targets.ports import Order

T = TypeVar("T")


class Step:
    """An order and the engine calls made for it."""

    def __init__(self, order: Order, engine: Engine) -> None:
        self.order, self.change = order, order.change
        self.deadline = engine.deadline(order.deadline_s)
        self._engine = engine
        self._has_changed = False

    @property
    def name(self) -> str:
        """The name of the thing to change."""
        return self.change.name

    @property
    def wanted(self) -> Spec:
        """What it should be. Raises `Rejected` when the order does not say."""
        if self.change.after is None:
            raise Rejected(f"The step does not say what {self.change.resource} should be.", next_step="Plan again.")
        return self.change.after

    def look_deadline(self) -> Deadline:
        """For calls that change nothing: they are quick, or the engine is stuck."""
        return Deadline(min(self.deadline.at_s, self._engine.deadline().at_s))

    async def look(self, operation: str, run: Callable[[EngineClient], T]) -> T:
        """A call that changes nothing."""
        return await self._engine.call(operation, run, self.look_deadline())

    async def do(self, operation: str, run: Callable[[EngineClient], T]) -> T:
        """A call that changes something."""
        try:
            result = await self._engine.call(operation, run, self.deadline)
        except Timeout:
            self._has_changed = True
            raise
        self._has_changed = True
        return result

    def grace_s(self, longest_s: int) -> int:
        """How long the engine may wait for a process to end by itself, so that the answer still comes in time."""
        return max(0, min(longest_s, int(self.deadline.left_s()) - 1))

    def check_fence(self, marks: Marks) -> None:
        """Raise `Rejected` when a worker that came later in the same execution has been here."""
        if marks.execution == execution_of(self.order.key) and marks.fence > self.order.fence:
            raise replaced_worker(self.order.fence, marks.fence)

    def honest(self, error: Unreachable) -> Unreachable | Timeout:
        """`Unreachable` promises that nothing was done; once something was, it becomes `Timeout`."""
        if not self._has_changed:
            return error
        return Timeout(
            f"{error.message} The step had begun.",
            next_step="Look before you try again: opstwin discover",
            details=error.details,
        )


def replaced_worker(fence: int, highest: int) -> Rejected:
    """The refusal of a worker whose lease went to another."""
    return Rejected(
        f"This step comes from a worker that was replaced (fence {fence}, now {highest}).",
        next_step="Nothing to do: another worker goes on with it.",
        details={"fence": fence, "highest": highest},
    )
