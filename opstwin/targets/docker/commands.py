"""Running a command inside a container, without a shell.

The engine bounds neither the time nor the output of a command: both are bounded here. Memory and the number of
processes are those of the container.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from opstwin.domain.values import ResourceId
from opstwin.errors import InvalidInput, OpstwinError, Rejected, TargetError, Timeout
from opstwin.targets.docker.client import path_of
from opstwin.targets.docker.engine import Engine, EngineStream
from opstwin.targets.docker.finding import Finder
from opstwin.targets.docker.frames import Frames
from opstwin.targets.docker.masking import secrets_of
from opstwin.targets.docker.sweeping import new_mark, swept
from opstwin.targets.kept_output import KeptOutput
from opstwin.targets.own_secrets import OwnSecrets
from opstwin.targets.ports import ExecResult
from opstwin.targets.surely import attended

_KILLED: Final = 137
"""128 and the number of SIGKILL, as shells tell it."""

_ENDED_S: Final = 1.0
"""How long the engine may take to notice that a process is gone."""

_LOOK_S: Final = 0.05


async def ran(
    finder: Finder, resource: ResourceId, argv: Sequence[str], *, timeout_s: float, limit_bytes: int
) -> ExecResult:
    """What the command ended with, without the container's own secrets; see `Writer.exec`.

    When the caller is cancelled, nothing of it is left.
    """
    if not argv or any("\x00" in word for word in argv):
        raise InvalidInput(
            "The command is empty or holds a NUL.", field="argv", next_step="Give a program and its words."
        )
    kind, name = finder.split(resource)
    if kind != "container":
        raise Rejected(f"Nothing can be run in a {kind}.", next_step="Name a container: opstwin get")
    found = await finder.container(name)
    run = _Run(finder.engine, str(found["Id"]), argv, timeout_s, KeptOutput(limit_bytes), secrets_of(found))
    return await attended(run.whole)


@dataclass(frozen=True, slots=True)
class _Run:
    engine: Engine
    container: str
    argv: Sequence[str]
    timeout_s: float
    out: KeptOutput
    own: OwnSecrets
    mark: str = field(default_factory=new_mark)

    async def whole(self, gone: asyncio.Event) -> ExecResult:
        """Start it, read what it writes, and leave nothing of it behind."""
        body = {"Cmd": [*self.argv], "Env": [self.mark], "AttachStdout": True, "AttachStderr": True}
        made = await self.engine.call(
            "exec.create", lambda api: api.command("containers", self.container, "exec", body=body)
        )
        exec_id = str(made["Id"])
        if gone.is_set():
            raise Rejected("It was cancelled before it began.")
        try:
            stopped = await self._followed(exec_id, gone)
        except TargetError as lost:
            await swept(self.engine, self.container, self.mark)
            raise _unknown(lost.message) from lost
        ended = await self._ended(exec_id)
        code = _KILLED if stopped else int(ended.get("ExitCode") or 0)
        # Megabytes of it are gone through beside the event loop.
        said, complained = await asyncio.to_thread(lambda: [*map(self.own.over, (self.out.stdout, self.out.stderr))])
        return ExecResult(exit_code=code, stdout=said, stderr=complained, truncated=self.out.is_cut, stopped=stopped)

    async def _followed(self, exec_id: str, gone: asyncio.Event) -> str:
        """Read until it ends; why it has to be stopped, empty when it ended by itself."""
        stream = await self._started(exec_id)
        reading = asyncio.create_task(self._read(stream, exec_id))
        leaving = asyncio.create_task(gone.wait())
        try:
            done, _ = await asyncio.wait(
                {reading, leaving}, timeout=self.timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            leaving.cancel()
            reading.cancel()
            await stream.close()
            await asyncio.gather(reading, leaving, return_exceptions=True)
        if reading in done:
            return reading.result()
        return "cancelled" if leaving in done else "time"

    async def _started(self, exec_id: str) -> EngineStream:
        start = {"Detach": False, "Tty": False}
        return await self.engine.open(
            "exec.start",
            lambda api: api.answer("POST", path_of("exec", exec_id, "start"), json=start, stream=True),
            idle_s=None,
        )

    async def _read(self, stream: EngineStream, exec_id: str) -> str:
        frames = Frames()
        while data := await stream.read():
            for name, piece in frames.feed(data):
                self.out.add(name, piece)
            if self.out.is_flood:
                return "output"
        # A command that closed its output may go on without it.
        while (await self._inspected(exec_id)).get("Running"):  # noqa: ASYNC110 - the engine does not tell by itself
            await asyncio.sleep(_LOOK_S)
        return ""

    async def _ended(self, exec_id: str) -> Mapping[str, Any]:
        """What the engine says of it once nothing of it is left. Raises `Timeout` when it runs still.

        Looks again until it has an exit code: the engine may take a moment to begin what it was asked for.
        """
        deadline_s = time.monotonic() + _ENDED_S
        while time.monotonic() < deadline_s:
            await swept(self.engine, self.container, self.mark)
            seen = await self._inspected(exec_id)
            if not seen.get("Running") and seen.get("ExitCode") is not None:
                return seen
            await asyncio.sleep(_LOOK_S)
        raise _unknown(f"The command did not end in {self.timeout_s:g} s and may still be running.")

    async def _inspected(self, exec_id: str) -> Mapping[str, Any]:
        try:
            return await self.engine.call("exec.inspect", lambda api: api.read("exec", exec_id, "json"))
        except OpstwinError as lost:
            raise _unknown(lost.message) from lost


def _unknown(why: str) -> Timeout:
    return Timeout(
        f"{why} What became of the command is not known.",
        next_step="See what runs in the container; restart it to be sure that the command ended.",
    )
