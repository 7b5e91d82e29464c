"""How risky a change is, and how risky a set of changes is together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from opstwin.domain.plan import Change, Op, Risk, loses_data
from opstwin.domain.values import Spec

MANY_CHANGES: Final = 50
"""From this number on, a plan of low-risk changes is high risk: nobody reads fifty of them one by one."""

REMOVED_SHARE: Final = 0.5
"""Removing at least this share of what a target should run is high risk, however small each removal is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is known around a change when its risk is judged.

    `siblings_left` is how many replicas of the same workload run on or are made to run by the plan; `recently_removed`
    is how many removals the same human asked for within the policy's window, `standing` how many resources of the
    target are desired now. `lost` are the volumes of ours that are gone, with their data, by name.
    """

    siblings_left: int = 0
    adopted: bool = False
    standing: int = 0
    recently_removed: int = 0
    lost: frozenset[str] = frozenset()


def judged(change: Change, around: Surroundings) -> Change:
    """`change` with its risk and the reasons for it."""
    risk, reason = _judge(change, around)
    return replace(change, risk=risk, reasons=(*change.reasons, *([reason] if reason else [])))


def together(changes: Sequence[Change], around: Surroundings) -> tuple[Risk, tuple[str, ...]]:
    """The risk of the whole plan, and why it is higher than its parts where it is.

    Earlier removals count too, so that one destructive change cannot be split into small ones.
    """
    risk = max((change.risk for change in changes), key=lambda item: item.rank, default=Risk.NONE)
    notes: list[str] = []
    if len(changes) >= MANY_CHANGES and risk.rank < Risk.HIGH.rank:
        risk = Risk.HIGH
        notes.append(f"{len(changes)} changes at once are high risk together.")
    removed = sum(change.op is Op.DELETE for change in changes) + around.recently_removed
    if (
        around.standing > 1
        and removed > 1
        and removed >= around.standing * REMOVED_SHARE
        and risk.rank < Risk.HIGH.rank
    ):
        risk = Risk.HIGH
        notes.append(f"With earlier plans this removes {removed} of {around.standing} resources.")
    return risk, tuple(notes)


def _judge(change: Change, around: Surroundings) -> tuple[Risk, str]:
    if loses_data(change):
        return Risk.DESTRUCTIVE, f"the data in volume {change.name} is lost and cannot be brought back"
    if change.op is Op.DELETE and change.kind == "container" and not around.siblings_left:
        return Risk.HIGH, "nothing of this workload keeps running"
    if stops(change) and not around.siblings_left:
        return Risk.HIGH, "nothing of this workload keeps running"
    if around.adopted and change.op in (Op.REPLACE, Op.DELETE):
        return Risk.HIGH, "this container was not made by Opstwin; files written inside it are lost"
    if hides_loss(change, around.lost):
        return Risk.HIGH, "an empty volume would hide that its data is gone"
    if gains_host_access(change.before, change.after):
        return Risk.HIGH, "it gains access to files of the host"
    return Risk.LOW, ""


def hides_loss(change: Change, lost: frozenset[str]) -> bool:
    """Whether an empty volume would stand in the place of one in `lost`: engines make one for whoever mounts it."""
    if change.kind == "volume":
        return change.op is Op.CREATE and change.name in lost
    mounts = (change.after or {}).get("mounts")
    used = {mount.get("volume") for mount in mounts if isinstance(mount, dict)} if isinstance(mounts, list) else set()
    return change.kind == "container" and not lost.isdisjoint(used)


def stops(change: Change) -> bool:
    """Whether a container that runs is to stop and stay."""
    before, after = change.before or {}, change.after or {}
    return change.kind == "container" and bool(before.get("running")) and after.get("running") is False


def gains_host_access(before: Spec | None, after: Spec | None) -> bool:
    """Whether `after` mounts a path of the host that `before` did not, or may write where `before` could only read."""
    return bool(_host_access(after) - _host_access(before))


def _host_access(spec: Spec | None) -> set[tuple[str, str]]:
    mounts = (spec or {}).get("mounts")
    if not isinstance(mounts, list):
        return set()
    found = [mount for mount in mounts if isinstance(mount, dict) and mount.get("host_path")]
    reads = {(str(mount["host_path"]), "read") for mount in found}
    return reads | {(str(mount["host_path"]), "write") for mount in found if not mount.get("read_only")}
