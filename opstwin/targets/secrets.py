"""Where drivers get the values of secrets, which the twin knows by reference only."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from opstwin.domain.workload import check_secret_reference
from opstwin.errors import InvalidInput, Rejected

MAX_SECRET_BYTES: Final = 64 * 1024
"""Above what one variable may hold on Linux after the rest of the environment (MAX_ARG_STRLEN is 128 KiB)."""


class SecretSource(Protocol):
    """Turns references into values, at the moment they are needed and not before."""

    def resolve(self, reference: str) -> str:
        """The value behind `env:NAME` or `file:NAME`.

        Raises `Rejected` that names the reference and never a value.
        """
        ...


class HubSecrets:
    """Secrets that the hub itself holds: variables of its process, and files of one folder."""

    def __init__(self, environ: Mapping[str, str], folder: Path | None = None) -> None:
        self._environ, self._folder = environ, folder

    def resolve(self, reference: str) -> str:
        """See the port. A file's last line break is not part of its secret."""
        try:
            source, _, name = check_secret_reference(reference).partition(":")
        except InvalidInput as error:
            raise Rejected(error.message, next_step=error.next_step, details={"field": "secret_env"}) from None
        value = self._environ.get(name) if source == "env" else self._from_file(reference, name)
        if value is None:
            raise _refused(reference, "is not set", f"Set the variable {name} of the hub, then start the hub again.")
        if "\x00" in value:
            raise _refused(reference, "holds a NUL", "Store it as plain text.")
        return value

    def _from_file(self, reference: str, name: str) -> str:
        if self._folder is None:
            raise _refused(reference, "has no folder to come from", "Set secrets_dir of the hub.")
        try:
            folder = self._folder.resolve()
            path = (folder / name).resolve()
        except RuntimeError:  # a link that leads to itself, up to Python 3.12
            raise _refused(reference, "is a link that leads nowhere", "Put the file itself there.") from None
        if path.parent != folder:
            raise _refused(reference, "leads out of the secrets folder", "Put the file itself there, not a link.")
        try:
            with path.open("rb") as file:
                content = file.read(MAX_SECRET_BYTES + 1)
            text = content.decode()
        except (OSError, UnicodeDecodeError):
            # The cause is left out: what a codec could not read would be quoted in it.
            raise _refused(reference, "cannot be read", f"Put it in the hub's secrets folder as {name}.") from None
        if len(content) > MAX_SECRET_BYTES:
            raise _refused(reference, f"is longer than {MAX_SECRET_BYTES} bytes", "Use a shorter secret.")
        return text.removesuffix("\n").removesuffix("\r")


def _refused(reference: str, what: str, next_step: str) -> Rejected:
    return Rejected(
        f"Secret {reference} {what}.",
        next_step=next_step,
        details={"field": "secret_env", "reference": reference},
    )
