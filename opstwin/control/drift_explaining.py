"""Drift with its story: what differs, since when, what changed it, and what happens next. Reads the twin alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opstwin.control.diagnosing_calls import NextCall
from opstwin.control.drift import explain
from opstwin.control.drift_causes import Cause, Causes
from opstwin.control.drift_outlook import Outlook, Outlooks
from opstwin.control.drivers import Readers
from opstwin.control.ledger import Ledger
from opstwin.control.retrying import Breakers
from opstwin.control.subjects import resources_of
from opstwin.domain.diagnosis import Evidence
from opstwin.domain.diff import FieldChange
from opstwin.domain.drift import Drift, DriftKind
from opstwin.domain.resource import Desired
from opstwin.domain.target import Target
from opstwin.domain.values import Json, ResourceId
from opstwin.logs import looks_secret, redacted

MASKED: Final = "(masked)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field: what should be and what is. Secret-looking values are masked on both sides."""

    path: str
    desired: Json
    observed: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The drift of one resource. `cause_text` and `outlook_text` say in words what `cause` and `outlook` name."""

    resource: ResourceId
    kind: DriftKind
    message: str
    since: datetime | None
    differences: tuple[Difference, ...]
    cause: Cause
    cause_text: str
    evidence: tuple[Evidence, ...]
    outlook: Outlook
    outlook_text: str
    next_call: NextCall


@dataclass(frozen=True, slots=True)
class DriftExplainer:
    """Tells the story of each drifted resource."""

    ledger: Ledger
    readers: Readers
    breakers: Breakers

    async def drifts(self, target: str | None, resource: str | None) -> tuple[Drift, ...]:
        """What differs on a target, at one resource (or workload), or on all active targets, by resource.

        Raises `NotFound`.
        """
        wanted = None if resource is None else set(await resources_of(self.ledger, resource, target))
        names = [target] if wanted is None else sorted({item.split("/", 1)[0] for item in wanted})
        found = [drift for name in names for drift in await explain(self.ledger, self.readers, name)]
        return tuple(drift for drift in found if wanted is None or drift.resource in wanted)

    async def stories(self, drifts: Sequence[Drift]) -> tuple[Story, ...]:
        """The story of each of these; some queries each, so ask for those of one page."""
        outlooks = Outlooks(self.ledger, self.breakers)
        return tuple([await self._story(drift, outlooks) for drift in drifts])

    async def _story(self, drift: Drift, outlooks: Outlooks) -> Story:
        desired = await self.ledger.need(Desired, drift.resource)
        target = await self.ledger.need(Target, drift.target)
        cause, text, evidence = await Causes(self.ledger).of(drift, desired)
        outlook, outlook_text, call = await outlooks.of(drift, desired, target)
        return Story(
            resource=drift.resource, kind=drift.kind, message=drift.message, since=drift.since,
            differences=tuple(map(difference, drift.fields)), cause=cause, cause_text=text, evidence=tuple(evidence),
            outlook=outlook, outlook_text=outlook_text, next_call=call,
        )  # fmt: skip


def difference(change: FieldChange) -> Difference:
    """A field of a drift for people and models: no secret is in it."""
    return Difference(
        path=".".join(change.path), desired=masked_value(change.path, change.before),
        observed=masked_value(change.path, change.after),
    )  # fmt: skip


def masked_value(path: Sequence[str], value: Json) -> Json:
    """`value` with everything masked that its name or its form says is a secret."""
    if isinstance(value, Mapping):
        return {key: masked_value((*path, key), item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked_value(path, item) for item in value]
    if isinstance(value, str) and value:
        # A reference to a secret (env:NAME) is no secret.
        return MASKED if path[:1] != ("secret_env",) and looks_secret(path[-1] if path else "") else redacted(value)
    return value
