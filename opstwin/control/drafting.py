"""From a goal to a draft: render, look where it is not certain, compare, put in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from opstwin.control.asking import current_workload
from opstwin.control.building import Draft, Goal, foreign_notes, freed, left_over, rendered, resolved
from opstwin.control.command_owners import check_ours
from opstwin.control.comparing import Wanted, change_of, compared
from opstwin.control.drivers import Readers
from opstwin.control.ledger import Ledger
from opstwin.control.port_claims import clash
from opstwin.control.scene import Scene, made_sure
from opstwin.control.sequencing import sequenced
from opstwin.control.wording import worded
from opstwin.domain.command import Command
from opstwin.domain.kinds import RESTARTS
from opstwin.domain.plan import Change, Op, WorkloadChange
from opstwin.domain.resource import Desired, Presence
from opstwin.domain.values import ResourceId, Spec, TargetId
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput, NotFound
from opstwin.targets.ports import Renderer


@dataclass(frozen=True, slots=True)
class Drafter:
    """Drafts changes for one target."""

    ledger: Ledger
    readers: Readers
    scene: Scene

    @property
    def renderer(self) -> Renderer:
        """What the target's driver knows without touching it."""
        return self.readers.renderer(self.scene.target)

    @property
    def _has_engine(self) -> bool:
        """Whether containers stand on the target themselves, with ports of a host and images that are there or not."""
        return self.scene.target.backend_type != "kubernetes"

    async def reaching(self, goal: Goal) -> "Drafted":
        """What brings the target to `goal`.

        Raises `InvalidInput` (a field is wrong, a port is taken, needs in a circle), `NotFound` (a workload to remove),
        `Conflict` (a container of that name is not ours) and `Unreachable` (it is unknown what is there).
        """
        for name in goal.remove:
            current_workload(name, self.scene)
        goal, notes = resolved(self.scene, goal) if self._has_engine else (goal, ())
        after = left_over(self.scene, goal)
        wanted = rendered(self.scene, self.renderer, goal)
        leaving, kept = freed(self.scene, goal, wanted)
        wanted += leaving
        scene = await made_sure(self.ledger, self.readers, self.scene, [item.resource for item in wanted])
        changes = list(compared(scene, self.renderer, wanted))
        check_ports(scene, wanted)
        workloads = _workload_changes(scene, goal, changes, after)
        shown = (*notes, *kept, *foreign_notes(scene, wanted, goal.language)) if changes else ()
        draft = Draft(changes=tuple(changes), workloads=workloads, after=after, notes=shown)
        return self.ordered(scene, draft)

    async def restarting(self, name: str, language: str = "en") -> "Drafted":
        """Restart every replica, one at a time; one that is not as desired is brought back to it instead.

        Of what was given as manifests, that is everything that can be restarted; a note tells of what runs beside it.
        Raises `InvalidInput` for what is stopped, and when nothing of it can be restarted.
        """
        runners = self.scene.runners_of(name)
        replicas, left = _restartable(name, runners)
        given = self.scene.records.get(name) is None and bool(runners)
        if not given and not current_workload(name, self.scene).running:
            start = f'opstwin plan "start {name}" --target {self.scene.target.id}'
            raise InvalidInput(f"{name} is stopped.", field="name", next_step=f"Start it: {start}")
        scene = await made_sure(self.ledger, self.readers, self.scene, [item.id for item in replicas])
        wanted = [
            Wanted(resource=item.id, kind=item.kind, name=item.name, workload=name, spec=item.spec)
            for item in replicas
        ]  # fmt: skip
        changes = [change_of(scene, self.renderer, item) or _restart(item) for item in wanted]
        notes = (worded("not_restarted", language, names=left),) if left else ()
        return self.ordered(scene, Draft(changes=tuple(changes), after=_workloads(scene), notes=notes))

    async def running(self, resource: ResourceId, command: Command, language: str) -> "Drafted":
        """Run one command. Raises `NotFound` when the resource is not there, `Unreachable` when nobody can say.

        Raises `Forbidden` for what is not Opstwin's, see `check_ours`.
        """
        scene = await made_sure(self.ledger, self.readers, self.scene, [resource])
        found = scene.observed[resource]
        if found.presence is Presence.ABSENT:
            raise NotFound(
                f"There is no {resource}.", next_step="See what there is: opstwin get", details={"id": resource}
            )
        await check_ours(self.ledger, scene, resource)
        owner = scene.desired.get(resource)
        change = Change(
            resource=resource, target=scene.target.id, kind=found.kind, name=found.name, op=Op.EXEC,
            workload=owner.workload if owner else None, command=command,
        )  # fmt: skip
        notes = (worded("command_once", language),)
        return Drafted(scene=scene, draft=Draft(changes=(change,), after=_workloads(scene), notes=notes))

    def ordered(self, scene: Scene, draft: Draft) -> "Drafted":
        """`draft` with the needs of its changes set."""
        changes = sequenced(draft.changes, _workloads(scene), draft.after)
        return Drafted(scene=scene, draft=replace(draft, changes=changes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A draft, and the scene it was made for."""

    scene: Scene
    draft: Draft


def check_ports(scene: Scene, wanted: Sequence[Wanted]) -> None:
    """Raise `InvalidInput` when a port of the host is held by another container, wanted or observed."""
    touched = {item.resource for item in wanted}
    around: dict[ResourceId, Spec] = {}
    for key, found in scene.observed.items():
        if found.kind == "container" and found.presence is not Presence.ABSENT and found.spec is not None:
            around[key] = found.spec
    for key, record in scene.live().items():
        if record.kind == "container" and record.spec is not None:
            around[key] = record.spec
    around = {key: spec for key, spec in around.items() if key not in touched}
    taken = clash({item.resource: item.spec for item in wanted if item.spec is not None}, around)
    if taken is not None:
        resource, claim, holder = taken
        name, other = resource.rsplit("/", 1)[-1], holder.rsplit("/", 1)[-1]
        raise InvalidInput(
            f"Port {claim.port} for {name} is taken by container {other} on {scene.target.id}.",
            field="ports",
            next_step="Use another port of the host, or stop the other container first.",
            details={"port": claim.port, "protocol": claim.protocol, "holder": holder},
        )


def _restartable(name: str, runners: Sequence[Desired]) -> tuple[list[Desired], str]:
    """What can be restarted of these, and the names of the others, empty when there are none."""
    replicas = [item for item in runners if item.kind in RESTARTS]
    names = [f"{item.kind} {item.name}" for item in runners if item.kind not in RESTARTS]
    left = ", ".join([*names[:5], *(["…"] if len(names) > 5 else [])])
    if left and not replicas:
        raise InvalidInput(
            f"Nothing of {name} can be restarted: {left}.", field="name",
            next_step="Only Deployments, StatefulSets and DaemonSets are restarted. See what runs: opstwin get",
        )  # fmt: skip
    return replicas, left


def _restart(wanted: Wanted) -> Change:
    return Change(
        resource=wanted.resource, target=TargetId(wanted.resource.split("/", 1)[0]), kind=wanted.kind,
        name=wanted.name, op=Op.RESTART, workload=wanted.workload, before=wanted.spec, after=wanted.spec,
    )  # fmt: skip


def _workload_changes(
    scene: Scene, goal: Goal, changes: Iterable[Change], after: dict[str, Workload]
) -> tuple[WorkloadChange, ...]:
    """The Workloads that differ from what the twin holds, or whose resources change."""
    changing = {change.workload for change in changes}
    names = [item.name for item in goal.workloads] + list(goal.remove)
    return tuple(
        WorkloadChange(target=scene.target.id, name=name, workload=after.get(name))
        for name in names
        if name in changing or scene.workload(name) != after.get(name)
    )


def _workloads(scene: Scene) -> dict[str, Workload]:
    return {name: item.workload for name, item in scene.records.items() if item.workload is not None}
