"""A command that somebody wants run: at once when it only reads, else as a plan that waits for a human.

What only reads is said by a closed list (`opstwin.domain.read_only`) over typed words. Nothing that the caller sends
along, and nothing in the words themselves, makes a command run without an approval.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from opstwin.control.applying import Applier
from opstwin.control.ledger import Ledger
from opstwin.control.planning import Planner
from opstwin.control.running import Ran
from opstwin.control.transcripts import safe_words
from opstwin.domain.access import Actor
from opstwin.domain.audit import AuditEntry
from opstwin.domain.command import Command
from opstwin.domain.kinds import RUNS, is_named
from opstwin.domain.names import checked_text
from opstwin.domain.plan import Plan
from opstwin.domain.read_only import why_not_read_only
from opstwin.domain.resource import Observed, Presence
from opstwin.domain.taint import Taint
from opstwin.domain.values import ResourceId
from opstwin.errors import Forbidden, InvalidInput, LimitExceeded, NotFound, Unclear

AT_ONCE: Final = 4
"""Commands that run at the same time on one target: a person or an agent looks at one after the other."""

REFUSED: Final = "exec.refused"
_KINDS: Final = ("container", *sorted(RUNS - {"container", "cronjob"}), "host")
_LIST: Final = "See what there is: opstwin get"
HOST: Final = "host"
_ADD_HOST: Final = "Let an administrator allow it: opstwin targets add host --backend host --endpoint host://hub"


@dataclass(frozen=True, slots=True)
class Commander:
    """Runs commands that only read, and makes plans of the others. `longest_s` bounds the time of any."""

    ledger: Ledger
    planner: Planner
    applier: Applier
    longest_s: float = 300.0
    _running: Counter[str] = field(default_factory=Counter, init=False)

    async def find(self, named: str) -> ResourceId:
        """The container or host that is meant by a full id or by a bare name.

        Raises `NotFound`, `Unclear` when several have the name, `InvalidInput` for what can run nothing.
        """
        checked_text(named, "resource", 400)
        if named.count("/") < 2:
            return await self._by_name(named)
        kind = named.split("/")[1]
        if kind not in _KINDS:
            raise InvalidInput(
                f"Nothing can be run in a {kind}.", field="resource",
                next_step="Name a container, a pod or what makes pods (a Deployment, …), or a host target.",
            )  # fmt: skip
        return ResourceId(named)

    async def run(
        self, resource: ResourceId, command: Command, actor: Actor, *, taint: Taint | None = None, language: str = "en"
    ) -> Ran | Plan:
        """The outcome of a command that only reads, else the plan of it, which waits for a human.

        Raises `InvalidInput` (the time), `LimitExceeded` (too many at once), and as `Applier.look` and
        `Planner.for_command` do.
        """
        if command.timeout_s > self.longest_s:
            raise InvalidInput(
                f"A command may take {self.longest_s:g} s here.", field="timeout_s",
                next_step="Ask for less, or raise the setting exec_timeout_s.",
            )  # fmt: skip
        if why_not_read_only(command.argv):
            return await self._planned(resource, command, actor, taint, language)
        target = resource.split("/", 1)[0]
        if self._running[target] >= AT_ONCE:
            raise LimitExceeded(
                f"{AT_ONCE} commands run on {target} already.", next_step="Wait for one of them.", retry_after_s=1.0
            )
        self._running[target] += 1
        try:
            return await self.applier.look(resource, command, actor)
        finally:
            self._running[target] -= 1

    async def _planned(
        self, resource: ResourceId, command: Command, actor: Actor, taint: Taint | None, language: str
    ) -> Plan:
        try:
            return await self.planner.for_command(resource, command, actor, taint=taint, language=language)
        except Forbidden as refusal:
            words = " ".join(str(word) for word in safe_words(command))
            entry = AuditEntry(
                action=REFUSED, subject=resource, actor=actor, outcome="refused", reason=refusal.message[:500],
                details={"code": refusal.code, "argv": words[:500]},
            )  # fmt: skip
            await self.ledger.commit([], [entry])
            raise

    async def _by_name(self, named: str) -> ResourceId:
        fitting: list[ResourceId] = []
        for kind in reversed(_KINDS):
            found = [item async for item in self.ledger.each(Observed, {"kind": kind}) if is_named(item.name, named)]
            fitting += [item.id for item in found if item.presence is not Presence.ABSENT]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise _several(named, fitting)
        raise NotFound(
            f"There is no container or host {named[:80]!r}.", next_step=_ADD_HOST if named == HOST else _LIST,
            details={"kind": "resource", "id": named[:200]},
        )  # fmt: skip


def _several(named: str, fitting: Sequence[ResourceId]) -> Unclear:
    return Unclear(
        f"{named[:80]!r} fits several: {', '.join(fitting[:5])}.", field="resource", next_step="Give the full id.",
        details={"choices": list(fitting[:20])},
    )  # fmt: skip
