"""Doing one journalled step on one cluster."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from opstwin.clock import Clock
from opstwin.domain.kinds import runs
from opstwin.domain.plan import Op
from opstwin.domain.resource import Presence
from opstwin.domain.values import ResourceId
from opstwin.errors import OpstwinError, Rejected, Timeout, Unreachable
from opstwin.manifests.forms import text_at
from opstwin.targets.kubernetes.applying import Applied, Raced
from opstwin.targets.kubernetes.deleting import deleted, gone
from opstwin.targets.kubernetes.execing import Execs
from opstwin.targets.kubernetes.marks import execution_of
from opstwin.targets.kubernetes.restarting import restarted
from opstwin.targets.kubernetes.sending import Place, Wire, is_leaving, uid_of
from opstwin.targets.kubernetes.sightings import sighting_of
from opstwin.targets.kubernetes.step import Live, Step, replaced_worker
from opstwin.targets.ports import ExecResult, Order, Reader, Sighting
from opstwin.targets.secrets import SecretSource

RACES: Final = 10
"""Controllers write to an object several times while it is rolled out; each costs one more look."""

SERVED_S: Final = 20.0
POLL_S: Final = 0.5
"""How long a custom kind is waited for: its definition is served a second after it was made, in clusters with several
API servers some seconds later."""

MAX_FENCES: Final = 10_000


class KubernetesWriter:
    """Writes to one cluster; see the port."""

    def __init__(self, wire: Wire, reader: Reader, *, secrets: SecretSource, clock: Clock) -> None:
        self._wire, self._reader, self._execs = wire, reader, Execs(wire)
        self._secrets, self._clock = secrets, clock
        self._fences: OrderedDict[str, int] = OrderedDict()

    async def apply(self, order: Order) -> Sighting:
        """Make one change, or finish what an earlier try of it began; see the port."""
        self._check_fence(order)
        change = order.change
        step = Step(order, await self._place(order), self._wire.sender, self._clock)
        made: Live | None = None
        try:
            made = await self._work(change.op)(step)
        except Timeout as unknown:
            if not await self._was_done(step):
                raise unknown from None
        except Unreachable as error:
            raise step.honest(error) from error
        if change.op is Op.DELETE:
            return Sighting(resource=change.resource, kind=change.kind, name=change.name, presence=Presence.ABSENT)
        if made is not None and not runs(change.kind):  # all that a look would show is in the server's answer
            return sighting_of(change.target, change.kind, made)
        return await self._reader.observe(change.resource)

    async def _place(self, order: Order) -> Place:
        """Where the object is. A custom kind is waited for: its definition may be new. Raises `TargetError`."""
        change = order.change
        wanted = text_at(change.after or {}, "apiVersion")
        waits_s = min(SERVED_S, order.deadline_s) if change.op is Op.CREATE and "." in change.kind else 0.0
        ends_s = self._clock.monotonic_s() + waits_s
        while True:
            try:
                return await self._wire.locator.place(change.kind, change.name, wanted)
            except Rejected:
                if self._clock.monotonic_s() >= ends_s:
                    raise
            await self._clock.sleep(POLL_S)

    async def exec(
        self, resource: ResourceId, argv: Sequence[str], *, timeout_s: float, limit_bytes: int
    ) -> ExecResult:
        """Run a command without a shell in a pod; see the port and `opstwin.targets.kubernetes.execing`."""
        return await self._execs.ran(resource, argv, timeout_s=timeout_s, limit_bytes=limit_bytes)

    async def close(self) -> None:
        """End all connections of this driver, the reader's too."""
        await self._wire.close()

    def _work(self, op: Op) -> Callable[[Step], Awaitable[Live | None]]:
        """What does it; it returns the object as the server answered, None where that does not say how it is now."""
        work: dict[Op, Callable[[Step], Awaitable[Live | None]]] = {
            Op.CREATE: self._create, Op.UPDATE: self._update, Op.REPLACE: self._replace, Op.DELETE: self._delete,
            Op.RESTART: self._restart,
        }  # fmt: skip
        return work[op]

    async def _create(self, step: Step) -> Live | None:
        for attempt in range(RACES):
            live = await step.look()
            if step.is_done(live):
                return live
            if live is not None:
                await self._make_room(step, live)
            made = await _put(Applied(step, self._secrets.resolve), guarded=attempt == 0)
            if made is not None:
                return made
        raise _restless(step)

    async def _update(self, step: Step) -> Live | None:
        return await self._changed(step, lambda live: Applied(step, self._secrets.resolve).put(live))

    async def _restart(self, step: Step) -> Live | None:
        return await self._changed(step, lambda live: restarted(step, live, self._clock.now()))

    async def _changed(self, step: Step, change: Callable[[Live], Awaitable[Live]]) -> Live:
        for _ in range(RACES):
            live = await step.look()
            if live is None or is_leaving(live):
                raise Rejected(
                    f"{step.place.words} is {'being deleted' if live else 'not there any more'}.",
                    next_step="Plan again: opstwin drift shows what differs.",
                    details={"resource": step.change.resource},
                )
            if step.is_done(live):
                return live
            step.check(live)
            try:
                return await change(live)
            except Raced:
                continue
        raise _restless(step)

    async def _delete(self, step: Step) -> None:
        live = await step.look()
        if live is not None:
            await self._take_away(step, live)

    async def _replace(self, step: Step) -> Live | None:
        live = await step.look()
        if step.is_done(live) and live is not None and not is_leaving(live):
            return live
        applied = Applied(step, self._secrets.resolve)
        if live is not None:
            await self._try_successor(step, applied, live)
            await self._take_away(step, live)
        for attempt in range(RACES):
            now = await step.look()
            if step.is_done(now):
                return now
            if now is not None:
                raise _is_there(step)
            made = await _put(applied, guarded=attempt == 0, known=live)
            if made is not None:
                return made
        raise _restless(step)

    async def _try_successor(self, step: Step, applied: Applied, live: Live) -> None:
        """A successor that the cluster would refuse must not cost what is there. The addresses and ports of a Service
        are its own as long as it is there, so nobody can be asked about its successor."""
        if step.change.kind != "service" and not is_leaving(live):
            await applied.trial_new(live)

    async def _take_away(self, step: Step, live: Live) -> None:
        uid = uid_of(live)
        for _ in range(RACES):
            if is_leaving(live):
                break
            step.check(live)
            if await deleted(step, live):
                break
            now = await step.look()
            if now is None or uid_of(now) != uid:
                break
            live = now
        else:
            raise _restless(step)
        successor = await gone(step, uid)
        if successor is not None and not step.is_done(successor):
            raise _is_there(step)

    async def _make_room(self, step: Step, live: Live) -> None:
        """Wait for one that is on its way out; anything else keeps its name."""
        if not is_leaving(live):
            raise _is_there(step)
        if await gone(step, uid_of(live)) is not None:
            raise _is_there(step)

    async def _was_done(self, step: Step) -> bool:
        """Whether the object shows that the step was done, though no answer came."""
        try:
            live = await step.look()
        except OpstwinError:
            return False
        if step.change.op is Op.DELETE:
            return live is None
        return step.is_done(live) and live is not None and not is_leaving(live)

    def _check_fence(self, order: Order) -> None:
        """Tokens are compared within one execution: each starts counting anew."""
        execution = execution_of(order.key)
        highest = self._fences.get(execution, 0)
        if order.fence < highest:
            raise replaced_worker(order.fence, highest)
        self._fences[execution] = order.fence
        if len(self._fences) > MAX_FENCES:
            self._fences.popitem(last=False)


async def _put(applied: Applied, *, guarded: bool, known: Live | None = None) -> Live | None:
    """The new object; None when somebody was quicker."""
    try:
        return await applied.put(None, guarded=guarded, known=known)
    except Raced:
        return None


def _is_there(step: Step) -> Rejected:
    return Rejected(
        f"{step.place.words} is there already, and this plan did not make it.",
        next_step=f"Take it over with opstwin adopt {step.change.resource}, or use another name.",
        details={"field": "name", "resource": step.change.resource},
    )


def _restless(step: Step) -> Timeout:
    return Timeout(
        f"{step.place.words} was changed by others at each of {RACES} tries.",
        next_step="Find out who changes it: opstwin get, kubectl get --show-managed-fields; then plan again.",
        details={"resource": step.change.resource},
    )
