"""The few programs that a simulated container has: true, false, echo, env and sleep."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from opstwin.errors import InvalidInput
from opstwin.targets.ports import ExecResult
from opstwin.targets.sim.state import Container

NOT_FOUND: Final = 127
"""What a shell gives for a program that is not there."""


def ran(container: Container, argv: Sequence[str], limit_bytes: int) -> tuple[float, ExecResult]:
    """How long the command takes in seconds, and what it ends with. Raises `InvalidInput` for an empty command."""
    if not argv:
        raise InvalidInput("The command is empty.", field="argv", next_step="Give the program and its words.")
    program = PurePosixPath(argv[0]).name
    code, out, error = _PROGRAMS.get(program, _missing)(container, argv)
    took_s = float(argv[1]) if program == "sleep" and len(argv) == 2 and argv[1].isdigit() else 0.0
    raw = out.encode()
    shown = raw[:limit_bytes].decode(errors="ignore")
    return took_s, ExecResult(exit_code=code, stdout=shown, stderr=error, truncated=len(raw) > limit_bytes)


_Ended = tuple[int, str, str]


def _missing(_: Container, argv: Sequence[str]) -> _Ended:
    return NOT_FOUND, "", f"{argv[0]}: not found\n"


def _environment(container: Container, _: Sequence[str]) -> _Ended:
    env = container.spec["env"]
    lines = [f"{key}={value}\n" for key, value in sorted(env.items())] if isinstance(env, dict) else []
    return 0, "".join(lines), ""


_PROGRAMS: Final[Mapping[str, Callable[[Container, Sequence[str]], _Ended]]] = {
    "true": lambda _, __: (0, "", ""),
    "sleep": lambda _, __: (0, "", ""),
    "false": lambda _, __: (1, "", ""),
    "echo": lambda _, argv: (0, " ".join(argv[1:]) + "\n", ""),
    "env": _environment,
}
