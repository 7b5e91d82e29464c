"""The steps on volumes and networks, which can be made and removed but not changed."""

from collections.abc import Awaitable, Callable
from typing import Any

from opstwin.errors import NotFound, Rejected
from opstwin.targets.docker.clashes import made_before, made_by_another
from opstwin.targets.docker.composing import texts
from opstwin.targets.docker.defaults import Found
from opstwin.targets.docker.failures import status_of
from opstwin.targets.docker.finding import Finder
from opstwin.targets.docker.marks import Marks, labels_for, marks_of
from opstwin.targets.docker.steps import Step
from opstwin.targets.specs import full_form


class StoreSteps:
    """Creates, replaces and deletes the things of one kind, `volume` or `network`."""

    def __init__(self, finder: Finder, kind: str) -> None:
        self._finder, self._kind = finder, kind
        finds: dict[str, Callable[..., Awaitable[Found]]] = {"volume": finder.volume, "network": finder.network}
        self._find = finds[kind]

    async def create(self, step: Step) -> None:
        """Make it, unless this step made it before. An engine answers with what is there, so its marks decide."""
        try:
            made: Found = await step.do(
                f"{self._kind}.create", lambda api: api.command(f"{self._kind}s", "create", body=self._body(step))
            )
        except Rejected as error:
            if status_of(error) != 409:
                raise
            made = await self._find(step.name, step.look_deadline())
        else:
            if self._kind == "network" or marks_of(made.get("Labels")).step == step.order.key:
                return
            # An engine that was restarted answers for a volume that is there already, but without its labels.
            made = await self._find(step.name, step.look_deadline())
        self._check_own(step, marks_of(made.get("Labels")))

    async def replace(self, step: Step) -> None:
        """Remove it and make it anew, unless this step did so before."""
        found = await self._found(step)
        if found is not None and marks_of(found.get("Labels")).step != step.order.key:
            await self._remove(step, found)
        await self.create(step)

    async def delete(self, step: Step) -> None:
        """Remove it."""
        found = await self._found(step)
        if found is not None:
            await self._remove(step, found)

    async def update(self, step: Step) -> None:
        """Raises `Rejected`: nothing of it can be changed in place."""
        raise Rejected(f"A {self._kind} cannot be changed in place.", next_step="Plan again: it must be replaced.")

    async def restart(self, step: Step) -> None:
        """Raises `Rejected`."""
        raise Rejected(f"A {self._kind} cannot be restarted.", next_step="Plan again.")

    async def _found(self, step: Step) -> Found | None:
        try:
            return await self._find(step.name, step.look_deadline())
        except NotFound:
            return None

    async def _remove(self, step: Step, found: Found) -> None:
        self._check_touchable(step, found)
        id = str(found.get("Id") or found["Name"])
        await step.do(f"{self._kind}.remove", lambda api: api.remove(f"{self._kind}s", id))

    def _check_touchable(self, step: Step, found: Found) -> None:
        marks = marks_of(found.get("Labels"))
        step.check_fence(marks)
        shown = full_form(self._kind, {"driver": str(found.get("Driver")), "labels": dict(found.get("Labels") or {})})
        known = [spec for spec in (step.order.found, step.change.before) if spec is not None]
        adopted = step.order.found is not None and any(full_form(self._kind, spec) == shown for spec in known)
        if not marks.managed and not adopted:
            raise made_by_another(step.change.resource, self._kind, step.name)

    def _check_own(self, step: Step, marks: Marks) -> None:
        if marks.step == step.order.key:
            return
        if not marks.managed:
            raise made_by_another(step.change.resource, self._kind, step.name)
        if marks.spec is None or full_form(self._kind, marks.spec) != full_form(self._kind, step.wanted):
            raise made_before(step.change.resource, self._kind, step.name)

    def _body(self, step: Step) -> dict[str, Any]:
        labels = {**texts(step.wanted, "labels"), **labels_for(step.order, step.wanted)}
        body = {"Name": step.name, "Driver": step.wanted.get("driver"), "Labels": labels}
        # Engines let two networks share a name unless they are told to look.
        return body | ({"CheckDuplicate": True} if self._kind == "network" else {})
