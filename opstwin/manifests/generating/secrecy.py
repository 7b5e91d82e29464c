"""Which values must not stand in a manifest. Rather one too many: a plain value in a Secret harms nobody."""

import re
from typing import Final

from opstwin.domain.secret_text import without_secrets
from opstwin.logs import looks_secret
from opstwin.manifests.generating.info import MASKS

_MORE: Final = re.compile(
    r"(^|[_.-])(pwd|pass|auth|creds?|dsn|salt|pin|key|sig|signature|jwt|otp|seed|license|encryption_key|private)($|[_.-])",
    re.IGNORECASE,
)
"""Names that hold secrets often enough, beside those that are masked everywhere."""

_LONG: Final = re.compile(
    r"(?=[A-Za-z0-9+/=_-]*[0-9])(?=[A-Za-z0-9+/=_-]*[A-Z])(?=[A-Za-z0-9+/=_-]*[a-z])[A-Za-z0-9+/=_-]{32,}"
)
_HEX: Final = re.compile(r"[0-9a-fA-F]{32,}")
_FILE: Final = re.compile(r"/[\w./-]+")


def is_secret(name: str, value: str) -> bool:
    """Whether the value of a variable of this name must be kept out of manifests."""
    if not value:
        return False
    if holds_secret(value) or any(mask in value for mask in MASKS):
        return True
    if _says_where(name, value):
        return False
    return looks_secret(name) or _MORE.search(name) is not None


def holds_secret(text: str) -> bool:
    """Whether there is a secret inside a text that has another purpose: a password in a URL, a token, a key."""
    if without_secrets(text) != text or any(mask in text for mask in MASKS):
        return True
    return _LONG.fullmatch(text) is not None or _HEX.fullmatch(text) is not None


def _says_where(name: str, value: str) -> bool:
    """`DB_PASSWORD_FILE=/run/secrets/db` names a file."""
    return name.lower().endswith(("_file", "_path")) and _FILE.fullmatch(value) is not None
