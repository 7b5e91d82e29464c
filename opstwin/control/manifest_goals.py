"""From manifests to a goal: what each stands for on the target, under which application, and what left the files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from opstwin.control.building import Goal, gone
from opstwin.control.comparing import Wanted
from opstwin.control.drivers import Readers
from opstwin.control.generating import no_cluster
from opstwin.control.scene import Scene
from opstwin.control.wording import worded
from opstwin.domain.kinds import runs
from opstwin.domain.names import checked_name
from opstwin.domain.values import Json, Spec
from opstwin.errors import InvalidInput
from opstwin.targets.ports import Rendered

_GROUPS: Final = ("app.kubernetes.io/part-of", "app.kubernetes.io/instance", "app.kubernetes.io/name", "app")
"""Labels that name what a manifest belongs to, the widest first (Kubernetes' recommended ones, then the usual)."""

_UNUSABLE: Final = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME: Final = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests:
    """Manifests as they were given. `name` is the application's, found in their labels when empty.

    `prune` takes away what an earlier plan of the same application brought and the files no longer hold.
    """

    documents: tuple[Spec, ...]
    name: str = ""
    prune: bool = False
    language: str = "en"


async def goal_of_manifests(readers: Readers, scene: Scene, asked: Manifests) -> tuple[Goal, tuple[str, ...]]:
    """The goal, and notes on what has left the files.

    Raises `InvalidInput` for a target that takes no manifests, for one resource given twice, and for what is wrong in
    one of them; `Unreachable` or `Timeout` when the target did not say what it serves.
    """
    previewer = readers.previewer(scene.target)
    if previewer is None:
        raise no_cluster(scene.target)
    placed = await previewer.placed(asked.documents)
    _check_once(placed)
    name = checked_name(asked.name or _application(placed), "project")
    renderer = readers.renderer(scene.target)
    wanted = [
        Wanted(
            resource=item.resource, kind=item.kind, name=item.name, workload=name, needs=item.needs,
            spec=renderer.checked(item.kind, item.name, item.spec),
        )
        for item in placed
    ]  # fmt: skip
    here = {item.resource for item in wanted}
    left = [item for item in scene.parts_of(name) if item.id not in here]
    leaving = [gone(item) for item in left] if asked.prune else []
    notes = (
        () if asked.prune or not left else (_kept([f"{item.kind} {item.name}" for item in left], name, asked.language),)
    )
    return Goal(resources=(*wanted, *leaving), language=asked.language), notes


def _check_once(placed: Sequence[Rendered]) -> None:
    seen: set[str] = set()
    for item in placed:
        if item.resource in seen:
            raise InvalidInput(
                f"{item.kind} {item.name} is in the files twice.", field="file", next_step="Keep one of the two."
            )
        seen.add(item.resource)


def _application(placed: Sequence[Rendered]) -> str:
    for label in _GROUPS:
        named = {_labels(item.spec).get(label) for item in placed} - {None}
        if len(named) == 1:
            return _usable(str(named.pop()))
    first = next((item for item in placed if runs(item.kind)), placed[0])
    return _usable(first.name.rpartition("/")[2])


def _usable(name: str) -> str:
    """A label or the name of an object as the name of an application, which has neither dots nor capitals."""
    return _UNUSABLE.sub("-", name.lower())[:_LONGEST_NAME].strip("-")


def _labels(spec: Spec) -> dict[str, Json]:
    metadata = spec.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    return labels if isinstance(labels, dict) else {}


def _kept(names: Sequence[str], application: str, language: str) -> str:
    shown = ", ".join([*names[:5], *(["…"] if len(names) > 5 else [])])
    return worded("left_files", language, names=shown, application=application)
