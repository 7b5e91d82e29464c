"""The hub's own host as a target: one resource to look at, and commands in a sandbox. Nothing on it is changed."""

import asyncio
import os
import platform
import socket
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from opstwin.clock import Clock
from opstwin.domain.diff import FieldChange, diff
from opstwin.domain.resource import Health, Presence
from opstwin.domain.target import Target
from opstwin.domain.values import Json, ResourceId, Spec, TargetId, resource_id
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput, NotFound, Rejected
from opstwin.targets.host.commands import ran
from opstwin.targets.host.sandbox import Sandbox
from opstwin.targets.ports import (
    Driver,
    ExecResult,
    LogLine,
    Order,
    Rendered,
    Sighting,
    TargetEvent,
    TargetInfo,
    UsageReading,
)

KIND: Final = "host"
_MACHINE_ID: Final = Path("/etc/machine-id")
_NOTHING: Final = "On the host only commands are run: opstwin exec"


def host_driver(target: Target, *, clock: Clock, sandbox: Sandbox) -> Driver:
    """The driver of the machine that the hub runs on."""
    return Driver(reader=HostReader(target.id, clock), renderer=HostRenderer(), writer=HostWriter(target.id, sandbox))


class HostReader:
    """Looks at the hub's machine; see the port."""

    def __init__(self, target: TargetId, clock: Clock) -> None:
        self._target, self._clock = target, clock
        self._id = resource_id(target, KIND, target)

    async def info(self) -> TargetInfo:
        """Which machine it is: a hash of its id, so that the id itself stays on it (machine-id(5) asks for that)."""
        identity = await asyncio.to_thread(_identity)
        return TargetInfo(identity=identity, version=platform.release(), details=_facts())

    async def discover(self) -> Sequence[Sighting]:
        """The host itself."""
        return [await self.observe(self._id)]

    async def observe(self, resource: ResourceId) -> Sighting:
        """The host is there while the hub is; anything else is not."""
        _, kind, name = resource.split("/", 2)
        if resource != self._id:
            return Sighting(resource=resource, kind=kind, name=name, presence=Presence.ABSENT)
        return Sighting(
            resource=resource, kind=kind, name=name, presence=Presence.PRESENT, spec={}, health=Health.HEALTHY,
            facts={"id": await asyncio.to_thread(_identity), **_facts()},
        )  # fmt: skip

    async def watch(self) -> AsyncIterator[TargetEvent]:
        """One look at the beginning; a host says nothing by itself."""
        yield TargetEvent(resource=None, type="host.watched", at=self._clock.now(), gap=True)
        await asyncio.Event().wait()

    def logs(self, resource: ResourceId, *, tail: int, follow: bool) -> AsyncIterator[LogLine]:
        """There are none. Raises `Rejected`."""
        raise Rejected(f"{resource} has no logs of its own.", next_step=_NOTHING)

    async def usage(self, resource: ResourceId) -> UsageReading:
        """Not measured. Raises `NotFound`."""
        raise NotFound(f"The use of {resource} is not measured.", next_step="See it: opstwin exec host -- free -m")


class HostRenderer:
    """A host runs no workloads."""

    def render(self, workload: Workload) -> Sequence[Rendered]:
        """Raises `InvalidInput`."""
        raise InvalidInput(
            f"{workload.name} cannot run on a host target.", field="target", next_step="Name a Docker target."
        )

    def must_replace(self, kind: str, before: Spec, after: Spec) -> tuple[str, ...]:
        """Everything: nothing is changed in place."""
        return tuple(".".join(item.path) for item in diff(before, after))

    def comparable(self, kind: str, spec: Spec) -> Spec:
        """As it is."""
        return spec

    def difference(self, kind: str, wanted: Spec, found: Spec) -> tuple[FieldChange, ...]:
        """Every field."""
        return diff(wanted, found)

    def checked(self, kind: str, name: str, spec: Spec) -> Spec:
        """Raises `InvalidInput`."""
        raise InvalidInput(f"A {kind[:40]} has no desired state.", field="kind", next_step="Name a Docker target.")

    def verdict_s(self, kind: str, spec: Spec) -> float:
        """Nothing is judged."""
        return 0.0


class HostWriter:
    """Runs commands in the sandbox; see the port."""

    def __init__(self, target: TargetId, sandbox: Sandbox) -> None:
        self._id, self._sandbox = resource_id(target, KIND, target), sandbox

    async def apply(self, order: Order) -> Sighting:
        """Raises `Rejected`."""
        raise Rejected(f"{order.change.resource} cannot be changed.", next_step=_NOTHING)

    async def exec(
        self, resource: ResourceId, argv: Sequence[str], *, timeout_s: float, limit_bytes: int
    ) -> ExecResult:
        """Run a command in a sandbox of its own; see the port."""
        if resource != self._id:
            raise NotFound(f"There is no {resource}.", next_step=f"Name {self._id}.")
        return await ran(self._sandbox, argv, timeout_s=timeout_s, limit_bytes=limit_bytes)

    async def close(self) -> None:
        """Nothing is held open."""
        await asyncio.sleep(0)


def _identity() -> str:
    try:
        own = _MACHINE_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        own = ""
    return sha256(f"opstwin-host {own or socket.gethostname()}".encode()).hexdigest()[:32]


def _facts() -> dict[str, Json]:
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "hostname": socket.gethostname(), "system": platform.system(), "kernel": platform.release(),
        "machine": platform.machine(), "cpus": os.cpu_count() or 1, "memory_bytes": memory_bytes,
    }  # fmt: skip
