"""How risky a change is, and how risky a set of changes is together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from opstwin.domain.command_risk import command_risk
from opstwin.domain.hidden_words import hidden_programs
from opstwin.domain.kinds import CONTAINER, runs
from opstwin.domain.plan import Change, Op, Risk, loses_data
from opstwin.domain.reasons import is_finding, reason
from opstwin.domain.values import Json, Spec

MANY_CHANGES: Final = 50
"""From this number on, a plan of low-risk changes is high risk: nobody reads fifty of them one by one."""

REMOVED_SHARE: Final = 0.5
"""Removing at least this share of what a target should run is high risk, however small each removal is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is known around a change when its risk is judged.

    `siblings_left` is how many replicas of the same workload run on or are made to run by the plan; `recently_removed`
    is how many removals the same human asked for within the policy's window, `standing` how many resources of the
    target are desired now. `lost` are the volumes of ours that are gone, with their data, by name. `approved_images`
    are those that plans brought to the workload before.
    """

    siblings_left: int = 0
    adopted: bool = False
    standing: int = 0
    recently_removed: int = 0
    lost: frozenset[str] = frozenset()
    approved_images: frozenset[str] = frozenset()


def judged(change: Change, around: Surroundings) -> Change:
    """`change` with its risk and the reasons for it."""
    judgements = (
        _judge(change, around), _judge_image(change, around), _judge_findings(change), _judge_hidden(change),
    )  # fmt: skip
    found = [item for item in judgements if item is not None]
    risk = max((item for item, _ in found), key=lambda item: item.rank, default=Risk.LOW)
    told = [text for _, text in found if text not in change.reasons]
    return replace(change, risk=risk, reasons=(*change.reasons, *told))


def together(changes: Sequence[Change], around: Surroundings) -> tuple[Risk, tuple[str, ...]]:
    """The risk of the whole plan, and why it is higher than its parts where it is.

    Earlier removals count too, so that one destructive change cannot be split into small ones.
    """
    risk = max((change.risk for change in changes), key=lambda item: item.rank, default=Risk.NONE)
    notes: list[str] = []
    if len(changes) >= MANY_CHANGES and risk.rank < Risk.HIGH.rank:
        risk = Risk.HIGH
        notes.append(reason("many_changes", count=len(changes)))
    removed = sum(change.op is Op.DELETE for change in changes) + around.recently_removed
    if (
        around.standing > 1
        and removed > 1
        and removed >= around.standing * REMOVED_SHARE
        and risk.rank < Risk.HIGH.rank
    ):
        risk = Risk.HIGH
        notes.append(reason("many_removed", removed=removed, standing=around.standing))
    return risk, tuple(notes)


Finding = tuple[Risk, str]
"""How risky something about a change is, and why."""


def _judge_image(change: Change, around: Surroundings) -> Finding | None:
    """A container made from an image that has no fixed version.

    High where a plan first brings it; what was approved so before is only told, else nothing of it could be healed.
    """
    before, image = (change.before or {}).get("image"), (change.after or {}).get("image")
    stays = change.op not in (Op.CREATE, Op.REPLACE) and before == image
    if change.kind != "container" or stays or not isinstance(image, str) or not names_no_version(image):
        return None
    return Risk.LOW if image in around.approved_images else Risk.HIGH, reason("no_version", image=image)


def _judge_findings(change: Change) -> Finding | None:
    """What the checks on manifests warned of is high risk; the reason stands there already."""
    warned = next((text for text in change.reasons if is_finding(text)), None)
    return None if warned is None else (Risk.HIGH, warned)


def _judge_hidden(change: Change) -> Finding | None:
    names = hidden_programs(change.before, change.after) if change.command is None else []
    return (Risk.HIGH, reason("hidden_words", names=", ".join(names))) if names else None


def names_no_version(image: str) -> bool:
    """Whether what an image's name stands for can change: neither a digest nor a tag other than `latest`."""
    _, tagged, tag = image.rsplit("/", 1)[-1].partition(":")
    return "@" not in image and (not tagged or tag == "latest")


def _judge(change: Change, around: Surroundings) -> Finding | None:
    if change.command is not None:
        return command_risk(change.command)
    if loses_data(change):
        lost = "data_lost" if change.kind == "volume" else "content_lost"
        return Risk.DESTRUCTIVE, reason(lost, kind=change.kind, name=change.name)
    if change.op is Op.DELETE and runs(change.kind) and not around.siblings_left:
        return Risk.HIGH, reason("nothing_runs")
    if stops(change) and not around.siblings_left:
        return Risk.HIGH, reason("nothing_runs")
    if around.adopted and change.op in (Op.REPLACE, Op.DELETE):
        return Risk.HIGH, reason("not_ours")
    if hides_loss(change, around.lost):
        return Risk.HIGH, reason("hides_loss")
    if gains_host_access(change.before, change.after):
        return Risk.HIGH, reason("host_access")
    return None


def hides_loss(change: Change, lost: frozenset[str]) -> bool:
    """Whether an empty volume would stand in the place of one in `lost`: engines make one for whoever mounts it."""
    if change.kind == "volume":
        return change.op is Op.CREATE and change.name in lost
    mounts = (change.after or {}).get("mounts")
    used = {mount.get("volume") for mount in mounts if isinstance(mount, dict)} if isinstance(mounts, list) else set()
    return change.kind == "container" and not lost.isdisjoint(used)


def stops(change: Change) -> bool:
    """Whether something that runs is to stop and stay."""
    before, after = change.before or {}, change.after or {}
    if change.kind == CONTAINER:
        return bool(before.get("running")) and after.get("running") is False
    return runs(change.kind) and bool(_replicas(before)) and _replicas(after) == 0


def _replicas(spec: Spec) -> Json:
    inner = spec.get("spec")
    return inner.get("replicas") if isinstance(inner, dict) else None


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
