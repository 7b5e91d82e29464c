"""What is kept of a command's output: the beginning of each stream, up to a limit. Pure."""

from typing import Final

FLOOD_BYTES: Final = 64 * 1024 * 1024
"""Output beyond the limit is thrown away; a command that writes this much has run away, and is ended. A package manager
or a verbose migration writes less than 1 MiB."""


class KeptOutput:
    """Two streams, each cut at `limit_bytes`."""

    def __init__(self, limit_bytes: int) -> None:
        self._kept = {"stdout": bytearray(), "stderr": bytearray()}
        self._limit_bytes = limit_bytes
        self._seen_bytes = 0
        self.is_cut = False

    @property
    def is_flood(self) -> bool:
        """Whether so much came that the command is to be ended."""
        return self._seen_bytes > FLOOD_BYTES

    @property
    def stdout(self) -> str:
        """What is kept of standard output; broken characters are replaced."""
        return self._kept["stdout"].decode(errors="replace")

    @property
    def stderr(self) -> str:
        """What is kept of standard error."""
        return self._kept["stderr"].decode(errors="replace")

    def add(self, stream: str, piece: bytes) -> None:
        """Take what came on `stdout` or `stderr`."""
        kept = self._kept[stream]
        left = self._limit_bytes - len(kept)
        self.is_cut = self.is_cut or len(piece) > left
        self._seen_bytes += len(piece)
        kept += piece[:left]
