"""The steps on containers. Each finds out how far an earlier try came, and goes on from there."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from opstwin.domain.diff import diff
from opstwin.domain.values import Spec
from opstwin.errors import NotFound, Rejected
from opstwin.targets.docker.clashes import is_going, is_name_taken, made_before, made_by_another
from opstwin.targets.docker.composing import limits_body
from opstwin.targets.docker.defaults import Found
from opstwin.targets.docker.describing import container_spec, is_running
from opstwin.targets.docker.finding import Finder
from opstwin.targets.docker.making import ContainerMaker
from opstwin.targets.docker.marks import NEXT, NOTE, PREVIOUS, STARTED_AT, STEP, Marks, labels_for, marks_of
from opstwin.targets.docker.steps import Step
from opstwin.targets.rendering import IN_PLACE, ContainerRenderer
from opstwin.targets.specs import full_form


@dataclass(frozen=True, slots=True)
class Place:
    """What stands in one container's place: itself, its successor in the making, and its predecessor set aside.

    Each is as the engine describes it, or None.
    """

    itself: Found | None
    successor: Found | None
    predecessor: Found | None


class ContainerSteps:
    """Creates, replaces, updates, restarts and deletes containers."""

    def __init__(self, finder: Finder, maker: ContainerMaker, grace_s: int) -> None:
        self._finder, self._maker, self._grace_s = finder, maker, grace_s
        self._renderer = ContainerRenderer(finder.target)

    async def create(self, step: Step) -> None:
        """Make it and start it. A container of this name that this very step made is only brought up."""
        try:
            id = await self._maker.make(step, step.name, {})
        except Rejected as error:
            found = await self._found(step) if is_name_taken(error) else None
            if found is None:
                raise
            self._check_own(step, found)
            await self._maker.bring_up_or_remove(step, str(found["Id"]), _joined(found))
        else:
            await self._maker.bring_up_or_remove(step, id, self._maker.first_joined(step))

    async def replace(self, step: Step) -> None:
        """Make the successor beside it, then swap them: until the successor runs, the old one is kept and comes back.

        The engine has seen the successor's image and settings before the old one is stopped.
        """
        place = await self._tidied(step, await self._place(step))
        if place.itself is None and place.successor is None:
            await self.create(step)
        elif place.itself is not None and _is_ours(step, place.itself):
            await self._finish(step, str(place.itself["Id"]), _joined(place.itself), place.predecessor)
        else:
            await self._swap(step, place)
        await self._forget_restarts(step)

    async def delete(self, step: Step) -> None:
        """Stop it and remove it with all that stands in its place. Volumes stay: they may hold data."""
        place = await self._place(step)
        present = [found for found in (place.itself, place.successor, place.predecessor) if found is not None]
        for found in present:
            await self._check_touchable(step, found)
        for found in present:
            await self._remove(step, found)
        await self._forget_restarts(step)

    async def update(self, step: Step) -> None:
        """Change limits, restart policy and whether it runs, where they are not as wanted."""
        found = await self._needed(step)
        current, wanted = await self._spec(step, found), full_form("container", step.wanted)
        forced = self._renderer.must_replace("container", current, wanted)
        if forced:
            raise Rejected(f"{', '.join(forced)} cannot be changed in place.", next_step="Plan again.")
        fields = {change.path[0] for change in diff(full_form("container", current), wanted)}
        id = str(found["Id"])
        if fields - {"running"}:
            body = limits_body(wanted, by_quota=bool((found.get("HostConfig") or {}).get("CpuQuota")))
            await step.do("container.update", lambda api: api.command("containers", id, "update", body=body))
        if "running" in fields:
            await self._run_or_stop(step, found)

    async def restart(self, step: Step) -> None:
        """Restart it once for this step, which is noted beside it before."""
        found = await self._needed(step)
        id, started_at = str(found["Id"]), str((found.get("State") or {}).get("StartedAt"))
        noted = await self._noted(step, started_at)
        if noted == started_at:
            grace_s = step.grace_s(self._grace_s)
            await step.do("container.restart", lambda api: api.command("containers", id, "restart", t=grace_s))

    async def _tidied(self, step: Step, place: Place) -> Place:
        """The place without what another step left when it was interrupted: one container, the one that ran last."""
        if place.predecessor is None or _is_ours(step, place.itself) or _is_ours(step, place.successor):
            return place
        await self._check_touchable(step, place.predecessor)
        if place.itself is not None:
            await self._check_touchable(step, place.itself)
        if place.itself is not None and is_running(place.itself):
            await self._remove(step, place.predecessor)
        else:
            if place.itself is not None:
                await self._remove(step, place.itself)
            await self._restore(step, place.predecessor)
        return await self._place(step)

    async def _swap(self, step: Step, place: Place) -> None:
        old, successor = place.itself, place.successor
        if old is not None:
            await self._check_touchable(step, old)
        if successor is not None and not _is_ours(step, successor):
            step.check_fence(_marks(successor))
            await self._remove(step, successor)
            successor = None
        id = str(successor["Id"]) if successor else await self._maker.make(step, step.name + NEXT, old or {})
        if old is not None:
            await self._stop(step, old)
            await self._rename(step, str(old["Id"]), step.name + PREVIOUS)
        await self._rename(step, id, step.name)
        joined = _joined(successor) if successor else self._maker.first_joined(step)
        await self._finish(step, id, joined, old or place.predecessor)

    async def _finish(self, step: Step, id: str, joined: Mapping[str, object], old: Found | None) -> None:
        try:
            await self._maker.bring_up_or_remove(step, id, joined)
        except Rejected:
            if old is not None:
                await self._drop(step, id)
                await self._restore(step, old)
            raise
        if old is not None:
            await self._remove(step, old)

    async def _restore(self, step: Step, old: Found) -> None:
        """Put a container back into its place, running if that is what its predecessor did."""
        id = str(old["Id"])
        await self._rename(step, id, step.name)
        if is_running(old) or (step.order.found or {}).get("running"):
            await step.do("container.start", lambda api: api.command("containers", id, "start"))

    async def _run_or_stop(self, step: Step, found: Found) -> None:
        id = str(found["Id"])
        if step.wanted.get("running", True):
            await self._maker.bring_up(step, id, _joined(found))
        else:
            await self._stop(step, found)

    async def _noted(self, step: Step, started_at: str) -> str:
        """The start that this step's restart is to end: noted now, or by an earlier try."""
        name, labels = step.name + NOTE, {**labels_for(step.order, {}), STARTED_AT: started_at}
        body = {"Name": name, "Labels": labels}
        await step.do("volume.create", lambda api: api.command("volumes", "create", body=body))
        note = await self._finder.volume(name, step.look_deadline())
        if (note.get("Labels") or {}).get(STEP) == step.order.key:
            return str(note["Labels"].get(STARTED_AT))
        await self._forget_restarts(step)
        await step.do("volume.create", lambda api: api.command("volumes", "create", body=body))
        return started_at

    async def _forget_restarts(self, step: Step) -> None:
        try:
            await step.do("volume.remove", lambda api: api.remove("volumes", step.name + NOTE))
        except NotFound:
            return

    async def _found(self, step: Step) -> Found | None:
        try:
            return await self._finder.container(step.name, step.look_deadline())
        except NotFound:
            return None

    async def _needed(self, step: Step) -> Found:
        """The container of this name, when it may be touched."""
        found = await self._finder.container(step.name, step.look_deadline())
        await self._check_touchable(step, found)
        return found

    async def _place(self, step: Step) -> Place:
        pattern = f"^/{re.escape(step.name)}({re.escape(NEXT)}|{re.escape(PREVIOUS)})?$"
        wanted = {"all": "1", "filters": json.dumps({"name": [pattern]})}
        listed = await step.look("container.list", lambda api: api.listed("containers", "json", **wanted))
        ids = {str(name).removeprefix("/"): str(item["Id"]) for item in listed for name in item.get("Names") or ()}
        found = [await self._inspected(step, ids.get(step.name + suffix)) for suffix in ("", NEXT, PREVIOUS)]
        return Place(*found)

    async def _inspected(self, step: Step, id: str | None) -> Found | None:
        if id is None:
            return None
        found: Found = await step.look("container.inspect", lambda api: api.read("containers", id, "json"))
        return found

    async def _spec(self, step: Step, found: Found) -> Spec:
        return container_spec(await self._finder.seen(found, step.look_deadline()))

    async def _check_touchable(self, step: Step, found: Found) -> None:
        """Raise `Rejected` unless Opstwin made it, or it was adopted and is still what the plan was made for."""
        marks = _marks(found)
        if marks.managed:
            step.check_fence(marks)
            return
        change, current = step.change, _settled(await self._spec(step, found))
        known = [spec for spec in (step.order.found, change.before, change.after) if spec is not None]
        if step.order.found is None or not any(current == _settled(spec) for spec in known):
            raise made_by_another(change.resource, "container", step.name)

    def _check_own(self, step: Step, found: Found) -> None:
        """Raise `Rejected` unless this step made it, or Opstwin made it from the same spec."""
        marks = _marks(found)
        if not marks.managed:
            raise made_by_another(step.change.resource, "container", step.name)
        step.check_fence(marks)
        same = marks.spec is not None and full_form("container", marks.spec) == full_form("container", step.wanted)
        if marks.step != step.order.key and not same:
            raise made_before(step.change.resource, "container", step.name)

    async def _remove(self, step: Step, found: Found) -> None:
        await self._stop(step, found)
        await self._drop(step, str(found["Id"]))

    async def _drop(self, step: Step, id: str) -> None:
        try:
            await step.do("container.remove", lambda api: api.remove("containers", id, force="true"))
        except NotFound:
            return
        except Rejected as error:
            if not is_going(error):
                raise
            wait = {"condition": "removed"}
            await step.do("container.wait", lambda api: api.command("containers", id, "wait", **wait))

    async def _stop(self, step: Step, found: Found) -> None:
        if not is_running(found):
            return
        id, grace_s = str(found["Id"]), step.grace_s(self._grace_s)
        await step.do("container.stop", lambda api: api.command("containers", id, "stop", t=grace_s))

    async def _rename(self, step: Step, id: str, name: str) -> None:
        await step.do("container.rename", lambda api: api.command("containers", id, "rename", name=name))


def _settled(spec: Spec) -> Spec:
    """Without what an interrupted try of the same step may have changed already."""
    return {key: value for key, value in full_form("container", spec).items() if key not in IN_PLACE}


def _is_ours(step: Step, found: Found | None) -> bool:
    """Whether this very step made it."""
    return found is not None and _marks(found).step == step.order.key


def _marks(found: Found) -> Marks:
    return marks_of((found.get("Config") or {}).get("Labels"))


def _joined(found: Found) -> Mapping[str, object]:
    networks: Mapping[str, object] = (found.get("NetworkSettings") or {}).get("Networks") or {}
    return networks
