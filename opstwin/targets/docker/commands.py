"""Running a command inside a container, without a shell."""

import asyncio
from collections.abc import Sequence

from opstwin.domain.values import ResourceId
from opstwin.errors import InvalidInput, Rejected, Timeout
from opstwin.targets.docker.client import path_of
from opstwin.targets.docker.engine import Engine
from opstwin.targets.docker.finding import Finder
from opstwin.targets.docker.frames import Frames
from opstwin.targets.ports import ExecResult


async def ran(
    finder: Finder, resource: ResourceId, argv: Sequence[str], *, timeout_s: float, limit_bytes: int
) -> ExecResult:
    """What the command ended with; see `Writer.exec`. Output beyond the limit is read and thrown away."""
    if not argv or any("\x00" in word for word in argv):
        raise InvalidInput(
            "The command is empty or holds a NUL.", field="argv", next_step="Give a program and its words."
        )
    kind, name = finder.split(resource)
    if kind != "container":
        raise Rejected(f"Nothing can be run in a {kind}.", next_step="Name a container: opstwin get")
    id, engine = str((await finder.container(name))["Id"]), finder.engine
    body = {"Cmd": list(argv), "AttachStdout": True, "AttachStderr": True}
    made = await engine.call("exec.create", lambda api: api.command("containers", id, "exec", body=body))
    exec_id = str(made["Id"])
    out = await _output(engine, exec_id, timeout_s, limit_bytes)
    ended = await engine.call("exec.inspect", lambda api: api.read("exec", exec_id, "json"))
    if ended.get("Running"):
        raise _too_long(timeout_s)
    return ExecResult(
        exit_code=int(ended.get("ExitCode") or 0),
        stdout=out.texts["stdout"].decode(errors="replace"),
        stderr=out.texts["stderr"].decode(errors="replace"),
        truncated=out.is_cut,
    )


class _Output:
    """What a command wrote, up to a limit for both streams together."""

    def __init__(self, limit_bytes: int) -> None:
        self.texts = {"stdout": bytearray(), "stderr": bytearray()}
        self.is_cut = False
        self._left = limit_bytes

    def add(self, stream: str, piece: bytes) -> None:
        self.is_cut = self.is_cut or len(piece) > self._left
        self.texts[stream] += piece[: self._left]
        self._left -= min(self._left, len(piece))


async def _output(engine: Engine, exec_id: str, timeout_s: float, limit_bytes: int) -> _Output:
    start = {"Detach": False, "Tty": False}
    stream = await engine.open(
        "exec.start",
        lambda api: api.answer("POST", path_of("exec", exec_id, "start"), json=start, stream=True),
        idle_s=None,
    )
    out, frames = _Output(limit_bytes), Frames()
    try:
        async with asyncio.timeout(timeout_s):
            while data := await stream.read():
                for name, piece in frames.feed(data):
                    out.add(name, piece)
    except TimeoutError:
        raise _too_long(timeout_s) from None
    finally:
        await stream.close()
    return out


def _too_long(timeout_s: float) -> Timeout:
    return Timeout(
        f"The command did not end in {timeout_s:g} s and may still be running.",
        next_step="Give it more time, or restart the container to be sure that it ended.",
    )
