"""One step on its way: the order, its calls within its deadline, and what may be said when one of them fails."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from opstwin.clock import Clock
from opstwin.domain.values import Json, Spec
from opstwin.errors import Rejected, Timeout, Unreachable
from opstwin.manifests.difference import difference
from opstwin.targets.kubernetes.marks import Marks, execution_of, marks_of
from opstwin.targets.kubernetes.refusals import refusal
from opstwin.targets.kubernetes.sending import APPLY, Answer, Call, Place, Sender
from opstwin.targets.ports import Order

LOOK_S: Final = 10.0
"""Servers answer a look in milliseconds; under heavy load seconds were seen."""

LAST_LOOK_S: Final = 2.0
"""When the time of a step is over, one look still says what came of it."""

Live = dict[str, Any]


class Step:
    """An order, where its object is, and the calls made for it."""

    def __init__(self, order: Order, place: Place, sender: Sender, clock: Clock) -> None:
        self.order, self.change, self.place = order, order.change, place
        self._sender, self._clock = sender, clock
        self._ends_s = clock.monotonic_s() + order.deadline_s
        self._has_changed = False

    @property
    def wanted(self) -> Spec:
        """What it should be. Raises `Rejected` when the order does not say."""
        if self.change.after is None:
            raise Rejected(f"The step does not say what {self.change.resource} should be.", next_step="Plan again.")
        return self.change.after

    def left_s(self) -> float:
        """The seconds that are left for this step."""
        return self._ends_s - self._clock.monotonic_s()

    async def pause(self, seconds: float) -> None:
        """Let the cluster work on it."""
        await self._clock.sleep(seconds)

    async def look(self) -> Live | None:
        """The object as it is now, None by positive evidence that there is none."""
        deadline_s = min(LOOK_S, max(self.left_s(), LAST_LOOK_S))
        answer = await self._sender.send(Call(method="GET", path=self.place.path, deadline_s=deadline_s))
        if answer.ok:
            return answer.body
        if answer.status == 404 and _is_of_the_object(answer, self.place):
            return None
        raise refusal(answer, f"to show {self.place.words}")

    async def do(
        self, method: str, body: Mapping[str, Json], content_type: str, query: Mapping[str, str] | None = None
    ) -> Answer:
        """A call that changes the object; the answer may be a refusal."""
        left_s = self.left_s()
        if left_s <= 0:
            raise Timeout(f"No time was left for {self.place.words}.", next_step="Look before you try again.")
        call = Call(
            method=method, path=self.place.path, query=query or {}, body=body, content_type=content_type,
            deadline_s=left_s,
        )  # fmt: skip
        try:
            answer = await self._sender.send(call)
        except Timeout:
            self._has_changed = True
            raise
        self._has_changed = self._has_changed or answer.ok
        return answer

    async def trial(self, name: str, body: Mapping[str, Json], query: Mapping[str, str]) -> Answer:
        """What the server says to a new object called `name`; none is made."""
        place = replace(self.place, name=name)
        dry = {**query, "dryRun": "All"}
        return await self._sender.send(
            Call(method="PATCH", path=place.path, query=dry, body=body, content_type=APPLY, deadline_s=LOOK_S)
        )

    def is_done(self, live: Live | None) -> bool:
        """Whether an earlier try of this very step was here."""
        return live is not None and marks_of(live).key == self.order.key

    def check(self, live: Live) -> None:
        """Raise `Rejected` for a worker that was replaced, and for an object that is not the one the plan saw."""
        marks = marks_of(live)
        self._check_fence(marks)
        seen = self.order.found if self.order.found is not None else self.change.before
        if not marks.managed and seen is not None and difference(self.change.kind, seen, live):
            raise Rejected(
                f"Another {self.place.words} has taken its place: neither did Opstwin make it nor did the plan see it.",
                next_step=f"Look at it: opstwin get {self.change.resource}. Then plan again.",
                details={"resource": self.change.resource},
            )

    def honest(self, error: Unreachable) -> Unreachable | Timeout:
        """`Unreachable` promises that nothing was done; once something was, it becomes `Timeout`."""
        if not self._has_changed:
            return error
        return Timeout(
            f"{error.message} The step had begun.",
            next_step="Look before you try again: opstwin discover",
            details=error.details,
        )

    def _check_fence(self, marks: Marks) -> None:
        if marks.execution == execution_of(self.order.key) and marks.fence > self.order.fence:
            raise replaced_worker(self.order.fence, marks.fence)


def replaced_worker(fence: int, highest: int) -> Rejected:
    """The refusal of a worker whose lease went to another."""
    return Rejected(
        f"This step comes from a worker that was replaced (fence {fence}, now {highest}).",
        next_step="Nothing to do: another worker goes on with it.",
        details={"fence": fence, "highest": highest},
    )


def _is_of_the_object(answer: Answer, place: Place) -> bool:
    """A 404 may also say that the kind is not served, or come from something that is no API server."""
    details = answer.body.get("details")
    named = details.get("name") if isinstance(details, dict) else None
    return answer.reason == "NotFound" and named == place.name
