"""What a cluster says to changes before anybody approves them: dry runs, owners, rights. Nothing is changed."""

import asyncio
from collections.abc import Sequence
from typing import Final

from opstwin.clock import Clock
from opstwin.domain.diff import FieldOp, diff
from opstwin.domain.plan import Change, Op
from opstwin.domain.values import Json, Spec
from opstwin.errors import InvalidInput, Rejected
from opstwin.manifests.forms import text_at
from opstwin.manifests.volatile import without_volatile
from opstwin.targets.kubernetes.applying import Applied, Trial
from opstwin.targets.kubernetes.placing import DefinedKind, Placing, defined_kind
from opstwin.targets.kubernetes.rights import Rights
from opstwin.targets.kubernetes.schema import check_schema
from opstwin.targets.kubernetes.sending import Place, Wire
from opstwin.targets.kubernetes.step import Step
from opstwin.targets.ports import Facts, Order, Preview, Rendered
from opstwin.targets.secrets import SecretSource

AT_ONCE: Final = 8
DEADLINE_S: Final = 30.0
"""For all calls of one dry run; servers answer in milliseconds, admission webhooks may take 10 s each."""

_DRY: Final = frozenset({Op.CREATE, Op.UPDATE, Op.REPLACE})
_KEY: Final = "preview.0"
_NO_DEFAULTS: Final = frozenset({"data", "metadata", "stringData"})
_NOTHING: Final[tuple[Json, ...]] = (None, {}, [])
"""What servers write where nothing is."""


class KubernetesPreviewer:
    """Asks one cluster; see the port."""

    def __init__(self, wire: Wire, placing: Placing, *, secrets: SecretSource, clock: Clock) -> None:
        self._wire, self._placing, self._rights = wire, placing, Rights(wire.sender)
        self._secrets, self._clock = secrets, clock

    async def placed(self, manifests: Sequence[Spec]) -> Sequence[Rendered]:
        """The resources that manifests stand for; see the port."""
        return await self._placing.placed(manifests)

    async def facts(self) -> Facts:
        """What the cluster is; see the port."""
        return await self._placing.facts()

    async def preview(self, changes: Sequence[Change]) -> Sequence[Preview]:
        """One answer for each change, in that order; see the port.

        What lies in a namespace, or is of a kind, that the same plan makes is checked without the cluster; only
        whether it is allowed is asked of it too. Raises `Forbidden` for what is not.
        """
        namespaces, kinds = _made_by(changes)
        places = [await self._place(change, kinds.get(change.kind)) for change in changes]
        await self._rights.check(zip(changes, places, strict=True))
        asked = [None if place.namespace in namespaces or place.kind in kinds else place for place in places]
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(change: Change, place: Place | None) -> Preview:
            async with slots:
                return await self._one(change, place)

        return await asyncio.gather(*map(one, changes, asked))

    async def _place(self, change: Change, defined: DefinedKind | None) -> Place:
        if defined is not None:
            return defined.place(change.name, text_at(change.after or {}, "apiVersion"))
        return await self._wire.locator.place(change.kind, change.name, text_at(change.after or {}, "apiVersion"))

    async def _one(self, change: Change, place: Place | None) -> Preview:
        if change.op not in _DRY or change.after is None:
            return Preview(resource=change.resource)
        if place is None:
            return _without_the_cluster(change, change.after)
        order = Order(change=change, key=_KEY, fence=0, deadline_s=DEADLINE_S)
        step = Step(order, place, self._wire.sender, self._clock)
        try:
            return await self._dry(change, step)
        except Rejected as refused:
            said = str(refused.details.get("server") or refused.message)
            return Preview(resource=change.resource, refused=said, next_step=refused.next_step)

    async def _dry(self, change: Change, step: Step) -> Preview:
        live = await step.look()
        applied = Applied(step, self._secrets.resolve)
        if change.op is Op.REPLACE and live is not None:
            if change.kind == "service":
                return _without_the_cluster(change, change.after or {})
            trial = await applied.trial_new(live)
        else:
            trial = await applied.trial(live)
        return _preview(change, trial)


def _preview(change: Change, trial: Trial) -> Preview:
    wanted = without_volatile(change.kind, change.after or {})
    there = without_volatile(change.kind, trial.body)
    added = (item for item in diff(wanted, there) if item.op is FieldOp.ADD and item.path[0] not in _NO_DEFAULTS)
    filled_in = tuple(item for item in added if item.after not in _NOTHING)
    return Preview(
        resource=change.resource, defaults=filled_in, warnings=trial.warnings,
        conflicts=tuple((item.owner, item.field) for item in trial.held),
    )  # fmt: skip


def _without_the_cluster(change: Change, wanted: Spec) -> Preview:
    try:
        check_schema(wanted)
    except InvalidInput as wrong:
        return Preview(resource=change.resource, refused=wrong.message)
    return Preview(resource=change.resource)


def _made_by(changes: Sequence[Change]) -> tuple[frozenset[str], dict[str, DefinedKind]]:
    """The namespaces and the custom kinds that the changes themselves make."""
    made = [change for change in changes if change.op is Op.CREATE]
    named = (defined_kind(change.after or {}) for change in made if change.kind == "customresourcedefinition")
    return frozenset(change.name for change in made if change.kind == "namespace"), {
        item.kind: item for item in named if item is not None
    }
