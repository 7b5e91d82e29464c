"""The company's policy: a Markdown file that the operator writes, else the standards that ship with Opstwin."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from platformdirs import user_config_path

from opstwin.agent.drafting.composing import FOLDER
from opstwin.errors import InvalidInput
from opstwin.prompts.loading import prompts

FILE: Final = "policy.md"
SHIPPED: Final = "the standards that ship with Opstwin"
MAX_BYTES: Final = 24_000
"""What may be read; the prompt's budget of tokens is less where most characters are of one byte."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The text, and where it came from."""

    text: str
    source: str


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """Reads the policy anew for each draft, so that an edit counts from the next one on.

    `named` is the setting `policy_file`; without it the first `policy.md` in `folders` is read.
    """

    named: Path | None
    folders: Sequence[Path]

    async def read(self) -> Policy:
        """The policy in force. Raises `InvalidInput` for a file that is named and not there, too large or no text."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> Policy:
        if self.named is not None:
            return Policy(_text(self.named), str(self.named))
        found = next((path for path in (folder / FILE for folder in self.folders) if path.is_file()), None)
        if found is None:
            return Policy(prompts(FOLDER)["standards"].filled({}), SHIPPED)
        return Policy(_text(found), str(found))


def policy_file(named: Path | None, data_dir: Path) -> PolicyFile:
    """The policy of a hub: the file that is named, else `policy.md` in the data folder, else in the config folder."""
    return PolicyFile(named, (data_dir, user_config_path("opstwin")))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(f"The policy {path} cannot be read: {error}.", "Write it as plain Markdown in UTF-8.") from error
    if len(content) > MAX_BYTES:
        raise _wrong(f"The policy {path} has more than {MAX_BYTES} bytes.", "Shorten it: every draft carries it.")
    if "\x00" in text:
        raise _wrong(f"The policy {path} is no text.", "Write it as plain Markdown in UTF-8.")
    return text


def _wrong(message: str, next_step: str) -> InvalidInput:
    return InvalidInput(message, field="policy_file", next_step=next_step)
