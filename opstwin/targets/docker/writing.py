"""Doing one journalled step on one Docker Engine."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from opstwin.domain.plan import Op
from opstwin.domain.values import ResourceId
from opstwin.errors import NotFound, Rejected, Unreachable
from opstwin.targets.docker.commands import ran
from opstwin.targets.docker.containers import ContainerSteps
from opstwin.targets.docker.finding import Finder
from opstwin.targets.docker.making import ContainerMaker
from opstwin.targets.docker.marks import execution_of
from opstwin.targets.docker.sightings import absent
from opstwin.targets.docker.steps import Step, replaced_worker
from opstwin.targets.docker.stores import StoreSteps
from opstwin.targets.ports import ExecResult, Order, Sighting
from opstwin.targets.secrets import SecretSource

MAX_FENCES: Final = 10_000


class _Steps(Protocol):
    async def create(self, step: Step) -> None: ...
    async def replace(self, step: Step) -> None: ...
    async def update(self, step: Step) -> None: ...
    async def restart(self, step: Step) -> None: ...
    async def delete(self, step: Step) -> None: ...


class DockerWriter:
    """Writes to one engine; see the port."""

    def __init__(self, finder: Finder, secrets: SecretSource, *, stop_grace_s: int) -> None:
        self._finder = finder
        maker = ContainerMaker(finder.engine, finder.images, secrets)
        self._steps: dict[str, _Steps] = {
            "container": ContainerSteps(finder, maker, stop_grace_s),
            "volume": StoreSteps(finder, "volume"),
            "network": StoreSteps(finder, "network"),
        }
        self._fences: OrderedDict[str, int] = OrderedDict()

    async def apply(self, order: Order) -> Sighting:
        """Make one change, or finish what an earlier try of it began; see the port."""
        self._check_fence(order)
        change, step = order.change, Step(order, self._finder.engine)
        try:
            await self._work(step)(step)
            if change.op is Op.DELETE:
                return absent(self._finder.target, change.kind, change.name)
            return await self._afterwards(step)
        except NotFound as error:
            raise Rejected(error.message, next_step=error.next_step, details=error.details) from error
        except Unreachable as error:
            raise step.honest(error) from error

    async def exec(
        self, resource: ResourceId, argv: Sequence[str], *, timeout_s: float, limit_bytes: int
    ) -> ExecResult:
        """Run a command without a shell; see the port."""
        return await ran(self._finder, resource, argv, timeout_s=timeout_s, limit_bytes=limit_bytes)

    async def close(self) -> None:
        """End all connections of this driver, the reader's too."""
        await self._finder.engine.close()

    def _work(self, step: Step) -> Callable[[Step], Awaitable[None]]:
        kind, name = self._finder.split(step.change.resource)
        steps = self._steps.get(kind)
        if steps is None or name != step.name or kind != step.change.kind:
            raise Rejected(f"{step.change.resource} cannot be changed here.", next_step="Plan again.")
        work: dict[Op, Callable[[Step], Awaitable[None]]] = {
            Op.CREATE: steps.create,
            Op.REPLACE: steps.replace,
            Op.UPDATE: steps.update,
            Op.RESTART: steps.restart,
            Op.DELETE: steps.delete,
        }
        return work[step.change.op]

    async def _afterwards(self, step: Step) -> Sighting:
        try:
            return await self._finder.sighting(step.change.kind, step.name, step.look_deadline())
        except NotFound:
            return absent(self._finder.target, step.change.kind, step.name)

    def _check_fence(self, order: Order) -> None:
        """Tokens are compared within one execution: each starts counting anew."""
        execution = execution_of(order.key)
        highest = self._fences.get(execution, 0)
        if order.fence < highest:
            raise replaced_worker(order.fence, highest)
        self._fences[execution] = order.fence
        if len(self._fences) > MAX_FENCES:
            self._fences.popitem(last=False)
