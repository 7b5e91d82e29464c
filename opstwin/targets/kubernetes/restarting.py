"""Starting the pods of a workload anew, as `kubectl rollout restart` does."""

from datetime import datetime
from typing import Final

from opstwin.domain.kinds import ROLLED_OUT
from opstwin.domain.values import Json
from opstwin.errors import Rejected
from opstwin.manifests.ownership import RESTORER
from opstwin.targets.kubernetes.applying import Raced
from opstwin.targets.kubernetes.marks import FENCE, KEY
from opstwin.targets.kubernetes.refusals import refusal
from opstwin.targets.kubernetes.sending import MERGE, revision_of
from opstwin.targets.kubernetes.step import Live, Step

RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
"""The annotation that kubectl sets: a changed pod template is rolled out."""


async def restarted(step: Step, live: Live, now: datetime) -> Live:
    """The object with a pod template that differs in the moment of this restart. Raises `Raced` when it has changed.

    The moment belongs to another manager than what Opstwin wants, so that the next apply does not take it back.
    """
    if step.change.kind not in ROLLED_OUT:
        raise Rejected(
            f"A {step.change.kind} cannot be restarted.",
            next_step="Restart the Deployment, StatefulSet or DaemonSet that it belongs to: opstwin get",
            details={"resource": step.change.resource},
        )
    marks: dict[str, Json] = {KEY: step.order.key, FENCE: str(step.order.fence)}
    moment: dict[str, Json] = {RESTARTED_AT: now.isoformat(timespec="seconds")}
    patch: dict[str, Json] = {
        "metadata": {"resourceVersion": revision_of(live), "annotations": marks},
        "spec": {"template": {"metadata": {"annotations": moment}}},
    }
    answer = await step.do("PATCH", patch, MERGE, {"fieldManager": RESTORER})
    if answer.ok:
        return answer.body
    if answer.status == 409:
        raise Raced
    raise refusal(answer, f"to restart {step.place.words}")
