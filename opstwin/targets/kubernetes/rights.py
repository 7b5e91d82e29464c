"""May the hub's account do what a plan needs? The cluster is asked before anybody is asked to approve."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from opstwin.domain.plan import Change, Op, inverse
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


def needs_of_undoing(change: Change, place: Place) -> set[Need]:
    """What the inverse of one change needs to be allowed; nothing where there is none."""
    back = inverse(change, change.before)
    return set() if back is None else needs_of(back, place)


class Rights:
    """Asks one cluster what the hub's account may do."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def check(self, pairs: Iterable[tuple[Change, Place]]) -> None:
        """Raise `Forbidden` that names what is not allowed: verb, kind and namespace.

        A change whose inverse is not allowed is refused too: what goes wrong could not be taken back.
        """
        pairs = list(pairs)
        forward = {need for change, place in pairs for need in needs_of(change, place)}
        back = {need for change, place in pairs for need in needs_of_undoing(change, place)}
        lacking = await self.lacking(forward | back)
        if not lacking:
            return
        first = [need for need in lacking if need in forward]
        then = [need for need in lacking if need not in forward]
        raise Forbidden(
            _words(first, then),
            next_step="Have a Role or ClusterRole with these verbs bound to it, then plan again.",
            details={"lacking": [str(item) for item in first], "lacking_to_undo": [str(item) for item in then]},
        )  # fmt: skip

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


def _words(forward: Sequence[Need], back: Sequence[Need]) -> str:
    """What is not allowed of the changes themselves, and what only of the way back."""
    if not back:
        return f"The hub's account may not do this on the cluster: {_named(forward)}."
    if not forward:
        return f"The hub's account may do this on the cluster but could not undo it, for it may not: {_named(back)}."
    return f"{_words(forward, ())} To undo it the account would also have to: {_named(back)}."


def _named(needs: Sequence[Need]) -> str:
    more = f" and {len(needs) - _SHOWN} more" if len(needs) > _SHOWN else ""
    return f"{'; '.join(map(str, needs[:_SHOWN]))}{more}"
