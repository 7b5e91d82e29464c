"""A command for a resource: a program and its words, as they are, and what it may take. Never a line for a shell."""

from dataclasses import dataclass
from typing import Final

from opstwin.errors import InvalidInput

TIMEOUT_S: Final = 30.0
"""What a command gets unless somebody asks for more."""

MAX_TIMEOUT_S: Final = 3600.0
OUTPUT_BYTES: Final = 64 * 1024
"""How much is kept of each of the two streams a command writes: about what a person reads, and a model can."""

MAX_WORDS: Final = 64
MAX_WORD: Final = 4096
"""Characters of one word; together with `MAX_WORDS` far below what the kernel takes (128 KiB a word)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`argv` is the program and its words. After `timeout_s` it is ended; of each stream `output_bytes` are kept.

    Raises `InvalidInput` naming the field for what is no command.
    """

    argv: tuple[str, ...]
    timeout_s: float = TIMEOUT_S
    output_bytes: int = OUTPUT_BYTES

    def __post_init__(self) -> None:
        _check_argv(self.argv)
        if not 0 < self.timeout_s <= MAX_TIMEOUT_S:
            raise InvalidInput(
                f"timeout_s must be above 0 and at most {MAX_TIMEOUT_S:g}.", field="timeout_s", next_step="Such as 30."
            )
        if not 0 < self.output_bytes <= OUTPUT_BYTES:
            raise InvalidInput(
                f"output_bytes must be 1 to {OUTPUT_BYTES}.", field="output_bytes", next_step="Leave it out."
            )

    @property
    def program(self) -> str:
        """The name of the program without its folder."""
        return self.argv[0].rsplit("/", 1)[-1]


def _check_argv(argv: tuple[str, ...]) -> None:
    if not argv or not argv[0].strip() or argv[0].startswith("-"):
        raise _wrong("The command names no program", 'Such as ["df", "-h"].')
    if len(argv) > MAX_WORDS:
        raise _wrong(f"The command has more than {MAX_WORDS} words", "Use fewer.")
    for word in argv:
        if len(word) > MAX_WORD:
            raise _wrong(f"A word of the command is longer than {MAX_WORD} characters", "Shorten it.")
        if "\x00" in word or any("\ud800" <= char <= "\udfff" for char in word):
            raise _wrong("A word of the command holds a NUL or half a character", "Leave it out.")


def _wrong(problem: str, next_step: str) -> InvalidInput:
    return InvalidInput(f"{problem}.", field="argv", next_step=next_step)
