"""What the detectors of a cluster look at: one resource with what stands around it. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opstwin.domain.diagnosis import Clue, Code, Doubt, Evidence, Severity
from opstwin.domain.event import Event
from opstwin.domain.resource import Desired, Observed, Presence
from opstwin.domain.values import Json, ResourceId, Spec, TargetId

SHOWN: Final = 3
"""Pods, and warnings, that are shown as evidence of one finding."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9./:@_+-]{0,250}")
"""What names, images and amounts are made of: nothing else of a cluster's words stands in a sentence of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterCase:
    """One resource of a cluster.

    `pods` are those of a workload (of a pod itself), those that a Service's or a budget's selector matches, or those
    that mount a claim. `near` are the workloads whose pods a Service is for, or the nodes that take no more pods.
    `events` are the cluster's warnings about it, its pods and its ReplicaSets, and its own changes of health, oldest
    first. `is_sure` says that every pod could be seen, `wanted_inside` how much of what is in a namespace is wanted.
    """

    id: ResourceId
    target: TargetId
    kind: str
    name: str
    now: datetime
    observed: Observed | None = None
    desired: Desired | None = None
    pods: Sequence[Observed] = ()
    near: Sequence[Observed] = ()
    events: Sequence[Event] = ()
    is_sure: bool = True
    wanted_inside: int = 0

    @property
    def is_unknown(self) -> bool:
        """Whether nobody can say how it is."""
        return self.observed is None or self.observed.presence is Presence.UNKNOWN

    @property
    def present(self) -> Observed | None:
        """What is there, None where nothing is or nobody can say."""
        seen = self.observed
        return seen if seen is not None and seen.presence is Presence.PRESENT else None

    @property
    def state(self) -> str:
        """What the target calls how it is; empty where it is not there."""
        return text_of(self.present, "state")

    @property
    def is_leaving(self) -> bool:
        """Whether it is being deleted."""
        return self.state == "leaving"

    @property
    def conditions(self) -> tuple[str, ...]:
        """Its conditions, such as `Progressing=False ProgressDeadlineExceeded`."""
        return conditions_of(self.present)

    @property
    def counts(self) -> tuple[int, int]:
        """How many are ready (or there), of how many; zeros where it does not say."""
        left, _, right = text_of(self.present, "ready").partition("/")
        return (int(left), int(right)) if left.isdecimal() and right.isdecimal() else (0, 0)

    @property
    def spec(self) -> Spec:
        """The `spec` of its manifest as it was last seen."""
        return part_of(self.present.spec if self.present is not None else None, "spec")

    @property
    def severity(self) -> Severity:
        """How bad it is that some of its pods do not come up: a workload of which others serve still works."""
        return Severity.WARNING if self.kind != "pod" and self.counts[0] > 0 else Severity.CRITICAL

    @property
    def turned_at(self) -> datetime | None:
        """Since when its health is as it is."""
        return next((event.at for event in reversed(self.events) if event.type == "resource.health"), None)

    def warnings(self, *reasons: str) -> list[Event]:
        """What the cluster warned of lately, for one of these reasons."""
        return [item for item in self.events if item.type.endswith(".warning") and said(item, "reason") in reasons]

    def seen(self, fact: str, item: Observed | None = None) -> list[Evidence]:
        """A fact of its own, or of another resource, as evidence; nothing where there is no such fact."""
        known = item or self.observed
        value = known.facts.get(fact) if known is not None else None
        return [] if known is None or value in (None, "") else [shown(fact, value, known)]

    def clue(self, code: Code, severity: Severity, evidence: Sequence[Evidence], /, **values: str) -> Clue:
        """A finding about it; `words` and `since` are `values` of their own meaning (`since` as ISO 8601)."""
        since = values.pop("since", "")
        return Clue(
            code=code, severity=severity, subject=self.id, target=self.target, words=values.pop("words", code.value),
            since=datetime.fromisoformat(since) if since else None, evidence=tuple(evidence),
            values={"name": self.name, **values},
        )  # fmt: skip

    def doubt(self, code: Code) -> Doubt:
        """The verdict of a detector that cannot see it."""
        return Doubt(code=code, subject=self.id, target=self.target)


def shown(fact: str, value: Json, item: Observed) -> Evidence:
    """Something that was observed, as evidence."""
    return Evidence(fact=fact, value=value, source="observation", at=item.observed_at)


def warned(event: Event) -> Evidence:
    """A warning of the cluster as evidence: its reason and its words, which are data."""
    text = f"{said(event, 'reason')}: {said(event, 'message')}"
    return Evidence(fact="warning", value=text, source=f"event {event.seq}", at=event.at)


def said(event: Event, name: str) -> str:
    """A detail of an event."""
    return str(event.details.get(name) or "")


def text_of(item: Observed | None, fact: str) -> str:
    """A fact that is text, empty where there is none."""
    value = item.facts.get(fact) if item is not None else None
    return value if isinstance(value, str) else ""


def number_of(item: Observed, fact: str) -> int:
    """A fact that is a whole number, 0 where there is none."""
    value = item.facts.get(fact)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def moment_of(item: Observed, fact: str) -> datetime | None:
    """A fact that is a moment."""
    try:
        moment = datetime.fromisoformat(text_of(item, fact))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def earliest(moments: Iterator[datetime | None]) -> str:
    """The first of some moments as ISO 8601, empty where none is known."""
    known = [moment for moment in moments if moment is not None]
    return min(known).isoformat() if known else ""


def conditions_of(item: Observed | None) -> tuple[str, ...]:
    """The conditions of a resource, as far as the target shows them."""
    found = item.facts.get("conditions") if item is not None else None
    return tuple(str(entry) for entry in found) if isinstance(found, list) else ()


def part_of(value: object, *path: str) -> Spec:
    """The object at a path of a manifest, an empty one where there is none."""
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def containers_of(manifest: Spec | None) -> list[Spec]:
    """The containers of a pod, or of a workload's template."""
    spec = part_of(manifest, "spec")
    for path in (("jobTemplate", "spec", "template", "spec"), ("template", "spec"), ()):
        found = part_of(spec, *path).get("containers")
        if isinstance(found, list):
            return [entry for entry in found if isinstance(entry, dict)]
    return []


def plain(text: str) -> str:
    """A name, image or amount that may stand in a sentence of ours; a question mark for anything else."""
    return text if _PLAIN.fullmatch(text) else "?"
