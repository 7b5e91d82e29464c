"""What the checks on manifests say to a draft: errors keep it from being offered, warnings raise its risk."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from opstwin.control.drafting import Drafted
from opstwin.control.scene import Scene
from opstwin.domain.plan import Change, Op
from opstwin.domain.reasons import reason
from opstwin.domain.resource import Presence
from opstwin.domain.values import Spec
from opstwin.errors import InvalidInput
from opstwin.manifests.checks.checking import checked
from opstwin.manifests.checks.findings import Finding, Level, Report
from opstwin.manifests.checks.policy import Policy
from opstwin.manifests.checks.world import References
from opstwin.targets.ports import Facts

Key = tuple[str, str, tuple[str | int, ...]]
"""Subject, rule and place of a finding."""

MOST: Final = 5
"""Findings told of one resource, and errors told at once."""

_OFTEN_UNSEEN: Final = frozenset({"ServiceAccount", "StorageClass", "PriorityClass", "IngressClass", "RuntimeClass"})
"""Kinds of which only what Opstwin made is reflected: not to have seen one says nothing."""


def with_findings(drafted: Drafted, facts: Facts, policy: Policy | None) -> Drafted:
    """`drafted` with the warnings of its manifests as reasons; what was so before the change is not told again.

    Raises `InvalidInput` naming what the cluster would refuse, what cannot run, and what the policy forbids.
    """
    manifests = [change.after for change in drafted.draft.changes if _is_manifest(change)]
    if not manifests:
        return drafted
    known = _known(drafted.scene, facts, drafted.draft.changes)
    report = checked([item for item in manifests if item], version=facts.release, policy=policy, known=known)
    if report.blocking:
        raise _refused(report)
    told = _by_subject(report.risks)
    before = [change.before for change in drafted.draft.changes if _is_manifest(change) and change.before]
    old = {(item.subject, item.rule, item.path) for item in checked(before, version=facts.release).findings}
    changes = [
        replace(change, reasons=(*change.reasons, *_reasons(told, old, change))) if _is_manifest(change) else change
        for change in drafted.draft.changes
    ]
    return replace(drafted, draft=replace(drafted.draft, changes=tuple(changes)))


def _is_manifest(change: Change) -> bool:
    return change.after is not None and "apiVersion" in change.after and change.op is not Op.RESTART


def _known(scene: Scene, facts: Facts, changes: Sequence[Change]) -> References:
    """What is on the cluster and not about to change. Of a kind of which nothing was ever seen nobody can say more."""
    changing = {change.resource for change in changes}
    seen = [item for key, item in scene.observed.items() if key not in changing and item.spec is not None]
    present = [item.spec for item in seen if item.presence is Presence.PRESENT and item.spec]
    kinds = {str(spec.get("kind")) for spec in present}
    unsure = {str((item.spec or {}).get("kind")) for item in seen if item.presence is Presence.UNKNOWN}
    unseen = (_OFTEN_UNSEEN | {name for _, name in facts.kinds if name not in kinds} | unsure) - {""}
    return References(manifests=[dict(spec) for spec in present], served=facts.kinds, unseen=frozenset(unseen))


def _refused(report: Report) -> InvalidInput:
    first, *more = report.blocking
    others = f" And {len(more)} more." if more else ""
    return InvalidInput(
        f"{first.subject}: {_field(first)}: {first.message}{others}",
        field=_field(first),
        next_step=f"{first.fix} To see all at once: opstwin lint FILES",
        details={"findings": [f"{item.rule} {item.subject} {_field(item)}" for item in report.blocking[:MOST]]},
    )


def _by_subject(findings: Iterable[Finding]) -> Mapping[str, list[Finding]]:
    found: dict[str, list[Finding]] = defaultdict(list)
    for item in findings:
        found[item.subject].append(item)
    return found


def _reasons(told: Mapping[str, list[Finding]], old: set[Key], change: Change) -> list[str]:
    after: Spec = change.after or {}
    subject = f"{after.get('kind')} {change.name}"
    new = [item for item in told.get(subject, ()) if (item.subject, item.rule, item.path) not in old]
    return [reason("finding", rule=item.rule, text=item.message) for item in new[:MOST] if item.level is Level.WARNING]


def _field(finding: Finding) -> str:
    return ".".join(map(str, finding.path))
