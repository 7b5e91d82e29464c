"""The operator's rules for manifests, read from the file that the settings name."""

from typing import Final

from opstwin.errors import InvalidInput
from opstwin.manifests.checks.policy import Policy, policy_from
from opstwin.settings import Settings

MAX_BYTES: Final = 1 << 20
"""Two hundred rules take a tenth of it."""


def rules_of(settings: Settings) -> Policy | None:
    """The rules; None where no file is named.

    Raises `InvalidInput` for a file that cannot be read or is no policy, naming the file and the place in it.
    """
    path = settings.manifest_policy
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"The policy for manifests {path} cannot be read: {error}.", field="manifest_policy",
            next_step="Correct OPSTWIN_MANIFEST_POLICY, or the file.",
        ) from error  # fmt: skip
    if len(content) > MAX_BYTES:
        raise InvalidInput(
            f"The policy for manifests {path} has more than {MAX_BYTES} bytes.", field="manifest_policy",
            next_step="Shorten it.",
        )  # fmt: skip
    try:
        return policy_from(content)
    except InvalidInput as error:
        raise InvalidInput(
            f"The policy for manifests {path}: {error.field}: {error.message}", field="manifest_policy",
            next_step=error.next_step,
        ) from error  # fmt: skip
