"""The keys that seal what stateless clients bring back. Replicas share them through the settings."""

import os
import secrets
from typing import Final

from opstwin.errors import InvalidInput, StoreError
from opstwin.settings import Settings

KEY_FILE: Final = "mcp-state.key"
MIN_BYTES: Final = 32


def state_keys(settings: Settings) -> list[bytes]:
    """The keys of the settings, the sealing one first; without any, one that is made for this data directory and kept.

    Raises `InvalidInput` for a key that is too short, or for replicas without a shared one, and `StoreError`.
    """
    named = [key.encode() for key in settings.request_state_secret.split()]
    if any(len(key) < MIN_BYTES for key in named):
        raise InvalidInput(
            f"A key in request_state_secret is shorter than {MIN_BYTES} characters.", field="request_state_secret",
            next_step="Make one: openssl rand -hex 32",
        )  # fmt: skip
    if named:
        return named
    if settings.replicas > 1:
        raise InvalidInput(
            "Replicas must share request_state_secret.", field="request_state_secret",
            next_step="Set OPSTWIN_REQUEST_STATE_SECRET to the same 64 characters everywhere: openssl rand -hex 32",
        )  # fmt: skip
    return [_kept(settings)]


def _kept(settings: Settings) -> bytes:
    path = settings.data_dir / KEY_FILE
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(secrets.token_hex(MIN_BYTES))
        except FileExistsError:
            pass
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"The key {KEY_FILE} cannot be used: {error.strerror}.", next_step="Remove it.") from error
