"""The few programs that a simulated container has: true, false, echo, env, sleep, and some to look around with."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from opstwin.errors import InvalidInput
from opstwin.targets.kept_output import KeptOutput
from opstwin.targets.ports import ExecResult
from opstwin.targets.sim.state import Container

NOT_FOUND: Final = 127
"""What a shell gives for a program that is not there."""

KILLED: Final = 137
"""128 and the number of SIGKILL, as shells tell it."""


def ran(container: Container, argv: Sequence[str], limit_bytes: int) -> tuple[float, ExecResult]:
    """How long the command takes in seconds, and what it ends with. Raises `InvalidInput` for an empty command."""
    if not argv:
        raise InvalidInput("The command is empty.", field="argv", next_step="Give the program and its words.")
    program = PurePosixPath(argv[0]).name
    code, out, error = _PROGRAMS.get(program, _missing)(container, argv)
    took_s = float(argv[1]) if program == "sleep" and len(argv) == 2 and argv[1].isdigit() else 0.0
    kept = KeptOutput(limit_bytes)
    kept.add("stdout", out.encode())
    kept.add("stderr", error.encode())
    return took_s, ExecResult(exit_code=code, stdout=kept.stdout, stderr=kept.stderr, truncated=kept.is_cut)


_Ended = tuple[int, str, str]


def _missing(_: Container, argv: Sequence[str]) -> _Ended:
    return NOT_FOUND, "", f"{argv[0]}: not found\n"


def _environment(container: Container, _: Sequence[str]) -> _Ended:
    env = container.spec["env"]
    lines = [f"{key}={value}\n" for key, value in sorted(env.items())] if isinstance(env, dict) else []
    return 0, "".join(lines), ""


def _processes(container: Container, _: Sequence[str]) -> _Ended:
    command = container.spec.get("command")
    words = " ".join(map(str, command)) if isinstance(command, list) else str(container.spec["image"])
    return 0, f"PID   USER     COMMAND\n    1 root     {words}\n", ""


_PROGRAMS: Final[Mapping[str, Callable[[Container, Sequence[str]], _Ended]]] = {
    "true": lambda _, __: (0, "", ""),
    "sleep": lambda _, __: (0, "", ""),
    "false": lambda _, __: (1, "", ""),
    "echo": lambda _, argv: (0, " ".join(argv[1:]) + "\n", ""),
    "env": _environment,
    "ps": _processes,
    "hostname": lambda container, _: (0, f"{container.name}\n", ""),
    "id": lambda _, __: (0, "uid=0(root) gid=0(root)\n", ""),
    "uname": lambda _, __: (0, "Linux\n", ""),
}
