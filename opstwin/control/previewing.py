"""What a target says to a draft before anybody is asked to approve it: refusals, owners, warnings, defaults."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from opstwin.control.drafting import Drafted
from opstwin.control.drivers import Readers
from opstwin.control.manifest_findings import with_findings
from opstwin.control.wording import worded
from opstwin.domain.plan import Change, Op
from opstwin.domain.plan_text import field_lines
from opstwin.domain.reasons import reason
from opstwin.errors import Conflict, Rejected
from opstwin.manifests.checks.policy import Policy
from opstwin.targets.ports import Preview

_ASKED: Final = frozenset({Op.CREATE, Op.UPDATE, Op.REPLACE, Op.DELETE})

SHOWN_DEFAULTS: Final = 6
"""Fields that a target fills in, told for each resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How a draft is put to the target. `take_over` lets it take fields that others own; `policy` is the user's own."""

    take_over: bool = False
    language: str = "en"
    policy: Policy | None = None


async def previewed(readers: Readers, drafted: Drafted, asking: Asking) -> Drafted:
    """`drafted` with what the target says to it; as it was where a target cannot be asked.

    Raises `Rejected` when the target would not take a change (with its own words), `Conflict` for a field that somebody
    else owns, `Forbidden` when the hub may not make a change there, and `Unreachable` or `Timeout`.
    """
    previewer = readers.previewer(drafted.scene.target)
    asked = [change for change in drafted.draft.changes if change.op in _ASKED]
    if previewer is None or not asked:
        return drafted
    drafted = with_findings(drafted, await previewer.facts(), asking.policy)
    asked = [change for change in drafted.draft.changes if change.op in _ASKED]
    said = {item.resource: item for item in await previewer.preview(asked)}
    changes = [
        _told(change, said[change.resource], asking) if change.resource in said else change
        for change in drafted.draft.changes
    ]
    notes = [note for change in asked if (note := _defaults(change, said[change.resource], asking.language))]
    draft = replace(drafted.draft, changes=tuple(changes), notes=(*drafted.draft.notes, *notes))
    return replace(drafted, draft=draft)


def _told(change: Change, preview: Preview, asking: Asking) -> Change:
    if preview.refused:
        raise Rejected(
            f"{change.target} would not take {change.kind} {change.name}: {preview.refused.rstrip('.')}.",
            next_step=preview.next_step or "Change what it names, then plan again.",
            details={"resource": change.resource},
        )
    if preview.conflicts and not asking.take_over:
        raise _owned(change, preview.conflicts)
    reasons = [reason("takes_over", owner=owner, field=field) for owner, field in preview.conflicts]
    reasons += [reason("target_warns", text=text) for text in preview.warnings]
    takes = tuple(f"{owner} {field}" for owner, field in preview.conflicts)
    return replace(change, takes=takes, reasons=(*change.reasons, *reasons))


def _owned(change: Change, conflicts: Sequence[tuple[str, str]]) -> Conflict:
    owned = "; ".join(f"{field} ({owner})" for owner, field in conflicts[:5])
    return Conflict(
        f"Somebody else set these fields of {change.kind} {change.name}: {owned}.",
        next_step="Leave them out, or plan again with --take-over to take them from their owner.",
        details={"resource": change.resource, "conflicts": [list(item) for item in conflicts]},
    )


def _defaults(change: Change, preview: Preview, language: str) -> str:
    """What the target fills in by itself, in one line; nothing for what is there already."""
    if not preview.defaults or change.op not in (Op.CREATE, Op.REPLACE):
        return ""
    lines = [line.removeprefix("+ ") for line in field_lines(preview.defaults[:SHOWN_DEFAULTS], language)]
    more = len(preview.defaults) - SHOWN_DEFAULTS
    shown = ", ".join([*lines, *([f"… {more}"] if more > 0 else [])])
    return worded("defaults", language, kind=change.kind, name=change.name, fields=shown)
