"""Taking an object away, and waiting until it is gone."""

from typing import Final

from opstwin.domain.kinds import POD_MAKERS
from opstwin.domain.values import Json
from opstwin.errors import Timeout
from opstwin.targets.kubernetes.refusals import refusal
from opstwin.targets.kubernetes.sending import JSON, is_leaving, revision_of, uid_of
from opstwin.targets.kubernetes.step import Live, Step

_LOOK_S: Final = 0.2
_LATER: Final = frozenset({"pod"})
"""Kinds that have nothing below them that would have to go first."""


async def deleted(step: Step, live: Live) -> bool:
    """Ask for the deletion of exactly this revision of this object; False when it has changed meanwhile.

    What it made itself (the pods of a Deployment) goes first. Raises the server's refusal.
    """
    first = step.change.kind in POD_MAKERS - _LATER or "." in step.change.kind
    body: dict[str, Json] = {
        "apiVersion": "v1", "kind": "DeleteOptions",
        "preconditions": {"uid": uid_of(live), "resourceVersion": revision_of(live)},
        "propagationPolicy": "Foreground" if first else "Background",
    }  # fmt: skip
    answer = await step.do("DELETE", body, JSON)
    if answer.ok or answer.status == 404:
        return True
    if answer.status == 409:
        return False
    raise refusal(answer, f"to delete {step.place.words}")


async def gone(step: Step, uid: str) -> Live | None:
    """Return when the object with this uid is no longer there: what took its name since, or None.

    Raises `Timeout` with what keeps it, when the time of the step is over.
    """
    while True:
        live = await step.look()
        if live is None or uid_of(live) != uid:
            return live
        if step.left_s() <= 0:
            raise _stays(step, live)
        await step.pause(_LOOK_S)


def _stays(step: Step, live: Live) -> Timeout:
    metadata = live.get("metadata")
    found = metadata.get("finalizers") if isinstance(metadata, dict) else None
    waits = [str(item) for item in found] if isinstance(found, list) else []
    why = f" It waits for {', '.join(waits)}." if waits else ""
    state = "is still being deleted" if is_leaving(live) else "is still there"
    return Timeout(
        f"{step.place.words} {state} after {step.order.deadline_s:g} s.{why}",
        next_step="Look at what uses it: opstwin get, kubectl describe; then plan again.",
        details={"finalizers": waits},
    )
