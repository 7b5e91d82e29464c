"""Running one command in the sandbox, with its time, output, memory and number of processes bounded."""

import asyncio
import os
import subprocess
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from signal import SIGKILL
from typing import Any, Final

from opstwin.errors import InvalidInput
from opstwin.targets.host.limits import ControlGroup, resident_bytes
from opstwin.targets.host.pipes import Pipes
from opstwin.targets.host.sandbox import OUTSIDE_ID, Sandbox, Tools, cannot, environment, is_too_old, too_old
from opstwin.targets.host.seccomp import program
from opstwin.targets.kept_output import KeptOutput
from opstwin.targets.ports import ExecResult
from opstwin.targets.surely import attended

_CHUNK_BYTES: Final = 64 * 1024
_LOOK_S: Final = 0.2
"""How often the memory of a command is added up where no control group bounds it."""

_GONE_S: Final = 2.0
"""How long the kernel may take to end what was killed: milliseconds, but on a machine that is out of breath."""

_BURIED_S: Final = 0.5
CANCELLED: Final = "cancelled"


async def ran(sandbox: Sandbox, argv: Sequence[str], *, timeout_s: float, limit_bytes: int) -> ExecResult:
    """What the command ended with; see `Writer.exec`. When the caller is cancelled, nothing of it is left."""
    if not argv or any("\x00" in word for word in argv):
        raise InvalidInput(
            "The command is empty or holds a NUL.", field="argv", next_step="Give a program and its words."
        )
    out = KeptOutput(limit_bytes)
    return await attended(lambda gone: _whole(sandbox, argv, timeout_s, out, gone))


async def _whole(
    sandbox: Sandbox, argv: Sequence[str], timeout_s: float, out: KeptOutput, gone: asyncio.Event
) -> ExecResult:
    tools = await asyncio.to_thread(_checked, sandbox)
    group = await asyncio.to_thread(ControlGroup.made, sandbox.limits, sandbox.groups)
    try:
        call = _Call(sandbox=sandbox, tools=tools, group=group, argv=argv, timeout_s=timeout_s)
        return await _ran(call, out, gone)
    finally:
        if group is not None:
            await asyncio.to_thread(group.end, _GONE_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    sandbox: Sandbox
    tools: Tools
    group: ControlGroup | None
    argv: Sequence[str]
    timeout_s: float

    @property
    def words(self) -> list[str]:
        """The command with its limits."""
        return [*self.sandbox.limits.words(self.tools.prlimit, self.timeout_s), *self.argv]


class _Flooded(Exception):
    """It wrote far more than anybody reads."""


async def _ran(call: _Call, out: KeptOutput, gone: asyncio.Event) -> ExecResult:
    with ExitStack() as held:
        pipes = Pipes(held)
        process = await _started(call, pipes)
        try:
            _held(call, process, pipes)
            stopped = await _followed(call, process, out, gone)
        finally:
            await _ended(process, pipes)
    status = pipes.status
    if "exit-code" not in status and not stopped:
        raise cannot(out.stderr)
    return ExecResult(
        exit_code=128 + SIGKILL if stopped else int(status["exit-code"]), stdout=out.stdout, stderr=out.stderr,
        truncated=out.is_cut, stopped=stopped,
    )  # fmt: skip


async def _started(call: _Call, pipes: Pipes) -> Process:
    """bubblewrap, which makes no process of its own before it is told what to do."""
    as_root = os.geteuid() == 0
    other: dict[str, Any] = {"user": OUTSIDE_ID, "group": OUTSIDE_ID, "extra_groups": []} if as_root else {}
    try:
        process = await asyncio.create_subprocess_exec(
            call.tools.bwrap, *pipes.words(), "--", *call.words, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, cwd="/",
            env=environment(), pass_fds=pipes.theirs, start_new_session=True, limit=_CHUNK_BYTES, **other,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise cannot(str(error)) from error
    return process


def _held(call: _Call, process: Process, pipes: Pipes) -> None:
    """Put it into its control group, and tell it what it waits for."""
    pipes.close(*pipes.theirs)
    try:
        if call.group is not None:
            call.group.take(process.pid)
    except ProcessLookupError:
        return  # it has ended already, and its output says why
    except OSError as error:
        raise cannot(str(error)) from error
    pipes.write(pipes.filter[1], program())
    pipes.write(pipes.told[1], b"".join(word.encode() + b"\x00" for word in call.sandbox.words()))


async def _ended(process: Process, pipes: Pipes) -> None:
    """Kill it, and with it all that it started; return when it is gone.

    The first process of the sandbox goes first, so that its parent can bury it.
    """
    buried = asyncio.create_task(_drain_and_wait(process))
    first = pipes.read_status().get("child-pid")
    if isinstance(first, int) and process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(first, SIGKILL)
        await asyncio.wait({buried}, timeout=_BURIED_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, SIGKILL)
    await asyncio.to_thread(pipes.wait_for_end, _GONE_S)
    async with asyncio.timeout(_GONE_S):
        await buried
    pipes.read_status()
    if isinstance(first, int):
        # A hub that is the first process of a container inherits it.
        with suppress(ChildProcessError):
            os.waitpid(first, os.WNOHANG)  # noqa: ASYNC222 - does not wait


async def _drain_and_wait(process: Process) -> None:
    assert process.stdout is not None
    assert process.stderr is not None
    # asyncio says that a process has ended only when all that it wrote was read.
    await asyncio.gather(_drained(process.stdout), _drained(process.stderr), process.wait())


async def _drained(stream: asyncio.StreamReader) -> None:
    while await stream.read(_CHUNK_BYTES):
        pass


async def _followed(call: _Call, process: Process, out: KeptOutput, gone: asyncio.Event) -> str:
    """Why it has to be stopped, empty when it ended by itself."""
    ending = asyncio.create_task(_finished(process, out))
    leaving = asyncio.create_task(gone.wait())
    growing = asyncio.create_task(_outgrown(call, process))
    try:
        done, _ = await asyncio.wait(
            {ending, leaving, growing}, timeout=call.timeout_s, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        for task in (ending, leaving, growing):
            task.cancel()
        ends = await asyncio.gather(ending, leaving, growing, return_exceptions=True)
    if ending in done:
        return "output" if isinstance(ends[0], _Flooded) else ""
    if leaving in done:
        return CANCELLED
    return "memory" if growing in done else "time"


async def _finished(process: Process, out: KeptOutput) -> None:
    assert process.stdout is not None
    assert process.stderr is not None
    streams = {"stdout": process.stdout, "stderr": process.stderr}
    readers = [asyncio.create_task(_read(name, stream, out)) for name, stream in streams.items()]
    try:
        await asyncio.gather(*readers)
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    await process.wait()


async def _read(name: str, stream: asyncio.StreamReader, out: KeptOutput) -> None:
    while piece := await stream.read(_CHUNK_BYTES):
        out.add(name, piece)
        if out.is_flood:
            raise _Flooded


async def _outgrown(call: _Call, process: Process) -> None:
    """Return when its processes together use more memory than they may; for ever where a control group sees to it."""
    if call.group is not None:
        await asyncio.Event().wait()
    # Nobody tells when memory is used up.
    while await asyncio.to_thread(resident_bytes, process.pid) <= call.sandbox.limits.memory_bytes:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_S)


def _checked(sandbox: Sandbox) -> Tools:
    tools = sandbox.tools()
    said = _version(tools.bwrap)
    if is_too_old(said):
        raise too_old(said)
    return tools


@cache
def _version(bwrap: str) -> str:
    done = subprocess.run([bwrap, "--version"], capture_output=True, text=True, timeout=5, check=False)  # noqa: S603
    return done.stdout.strip()
