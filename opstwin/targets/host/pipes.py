"""The pipes between the hub and bubblewrap, beside those of the command itself."""

import json
import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from select import select
from typing import Any, Final

_STATUS_BYTES: Final = 4096


@dataclass(slots=True)
class Pipes:
    """The pipes beside those of the command: what bubblewrap is told, and what it says."""

    held: ExitStack
    told: tuple[int, int] = field(init=False)
    filter: tuple[int, int] = field(init=False)
    says: tuple[int, int] = field(init=False)
    alive: tuple[int, int] = field(init=False)
    status: dict[str, Any] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.told, self.filter, self.says, self.alive = (self._made() for _ in range(4))

    @property
    def theirs(self) -> tuple[int, int, int, int]:
        """The ends that bubblewrap gets."""
        return self.told[0], self.filter[0], self.says[1], self.alive[1]

    def words(self) -> list[str]:
        """How bubblewrap is told of them."""
        options, rules, says, alive = map(str, self.theirs)
        return ["--args", options, "--seccomp", rules, "--json-status-fd", says, "--sync-fd", alive]

    def close(self, *ends: int) -> None:
        """Close some ends; closed ones are left alone."""
        for end in self._open & {*ends}:
            self._open.discard(end)
            os.close(end)

    def write(self, end: int, data: bytes) -> None:
        """Write all of it and close the end. All that is ever written fits into a pipe."""
        with suppress(BrokenPipeError):
            os.write(end, data)
        self.close(end)

    def read_status(self) -> dict[str, Any]:
        """What bubblewrap has said until now: the process it made, and when it ended how."""
        said = os.read(self.says[0], _STATUS_BYTES) if select([self.says[0]], [], [], 0)[0] else b""
        for line in said.splitlines():
            with suppress(ValueError):
                self.status |= json.loads(line)
        return self.status

    def wait_for_end(self, patience_s: float) -> None:
        """Return when the first process of the sandbox is gone, and with it, by the kernel's rule, all others."""
        select([self.alive[0]], [], [], patience_s)

    def _made(self) -> tuple[int, int]:
        ends = os.pipe()
        self._open |= {*ends}
        self.held.callback(self.close, *ends)
        return ends
