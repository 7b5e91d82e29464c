"""May the hub's account do what a plan needs? The cluster is asked before anybody is asked to approve."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from opstwin.domain.plan import Change, Op
from opstwin.domain.values import Json
from opstwin.errors import Forbidden
from opstwin.targets.kubernetes.refusals import refusal
from opstwin.targets.kubernetes.sending import Call, Place, Sender

AT_ONCE: Final = 8
_LOOK_S: Final = 10.0
_SHOWN: Final = 5
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

_VERBS: Final = {
    Op.CREATE: ("get", "create", "patch"),
    Op.UPDATE: ("get", "patch"),
    Op.RESTART: ("get", "patch"),
    Op.REPLACE: ("get", "create", "patch", "delete"),
    Op.DELETE: ("get", "delete"),
    Op.EXEC: ("get",),
}
"""An apply is a patch, and a create too where there is nothing yet."""


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """One thing that must be allowed; `namespace` is empty for what stands in none."""

    verb: str
    group: str
    plural: str
    namespace: str
    subresource: str = ""

    @property
    def what(self) -> str:
        """What it is about, as RBAC names it: `deployments.apps`, `pods/log`."""
        what = f"{self.plural}.{self.group}" if self.group else self.plural
        return f"{what}/{self.subresource}" if self.subresource else what

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.what}{where}"


def needs_of(change: Change, place: Place) -> set[Need]:
    """What one change needs to be allowed."""
    found = {Need(verb, place.group, place.plural, place.namespace) for verb in _VERBS[change.op]}
    if change.op is Op.EXEC:
        found |= {Need("create", "", "pods", place.namespace, "exec"), Need("list", "", "pods", place.namespace)}
    return found


class Rights:
    """Asks one cluster what the hub's account may do."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def check(self, needs: Iterable[Need]) -> None:
        """Raise `Forbidden` that names what is not allowed: verb, kind and namespace."""
        lacking = await self.lacking(needs)
        if not lacking:
            return
        more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
        named = "; ".join(map(str, lacking[:_SHOWN]))
        raise Forbidden(
            f"The hub's account may not do this on the cluster: {named}{more}.",
            next_step="Have a Role or ClusterRole with these verbs bound to it, then plan again.",
            details={"lacking": [str(item) for item in lacking]},
        )

    async def lacking(self, needs: Iterable[Need]) -> Sequence[Need]:
        """Those that are not allowed. Raises `TargetError` when the cluster does not say."""
        asked = sorted(set(needs))
        slots = asyncio.Semaphore(AT_ONCE)

        async def allowed(need: Need) -> bool:
            async with slots:
                return await self._allowed(need)

        answers = await asyncio.gather(*map(allowed, asked))
        return [need for need, may in zip(asked, answers, strict=True) if not may]

    async def _allowed(self, need: Need) -> bool:
        attributes: dict[str, Json] = {
            "verb": need.verb, "group": need.group, "resource": need.plural, "namespace": need.namespace,
            "subresource": need.subresource,
        }  # fmt: skip
        body: dict[str, Json] = {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
        }  # fmt: skip
        answer = await self._sender.send(Call(method="POST", path=_REVIEWS, body=body, deadline_s=_LOOK_S))
        if not answer.ok:
            raise refusal(answer, "to say what the hub's account may do")
        status = answer.body.get("status")
        return isinstance(status, dict) and status.get("allowed") is True
