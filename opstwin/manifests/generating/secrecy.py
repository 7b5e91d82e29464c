"""Which values must not stand in a manifest. Rather one too many than one too few."""

import re
from typing import Final

from opstwin.domain.secret_text import without_secrets
from opstwin.logs import looks_secret
from opstwin.manifests.generating.info import MASKS

_MORE: Final = re.compile(
    r"(^|[_.-])((pwd|pass|creds?|jwt|otp|private)($|[_.-])|(auth|dsn|salt|(?<!public_)(?<!gpg_)key|signature)$)",
    re.IGNORECASE,
)
"""Names that hold secrets often enough, beside those that are masked everywhere."""

_SWITCH: Final = re.compile(r"true|false|yes|no|on|off|[0-9]{1,4}(ms|s|m|h|d)?", re.IGNORECASE)
"""A setting, when only the name makes one think of a secret."""

_LONG: Final = re.compile(
    r"(?=[A-Za-z0-9+/=_-]*[0-9])(?=[A-Za-z0-9+/=_-]*[A-Z])(?=[A-Za-z0-9+/=_-]*[a-z])[A-Za-z0-9+/=_-]{32,}"
)
_HEX: Final = re.compile(r"[0-9a-fA-F]{32,}")
"""What random bytes look like in base64 and in hexadecimal."""

_PUBLIC: Final = re.compile(r"(sha|sha256|commit|digest|revision|checksum|version|build|gpg_key)$", re.IGNORECASE)
"""Names of values that look random and are no secrets."""

_FILE: Final = re.compile(r"/[\w./-]+")


def is_secret(name: str, value: str) -> bool:
    """Whether the value of a variable of this name must be kept out of manifests."""
    if not value or _says_where(name, value):
        return False
    if _is_known(value) or looks_secret(name):
        return True
    if _looks_random(value):
        return _PUBLIC.search(name) is None
    return _MORE.search(name) is not None and _SWITCH.fullmatch(value) is None


def holds_secret(text: str) -> bool:
    """Whether there is a secret inside a text that has another purpose: a password in a URL, a token, a key."""
    return _is_known(text) or _looks_random(text)


def _is_known(text: str) -> bool:
    return without_secrets(text) != text or any(mask in text for mask in MASKS)


def _looks_random(text: str) -> bool:
    return _LONG.fullmatch(text) is not None or _HEX.fullmatch(text) is not None


def _says_where(name: str, value: str) -> bool:
    """`DB_PASSWORD_FILE=/run/secrets/db` names a file."""
    return name.lower().endswith(("_file", "_path")) and _FILE.fullmatch(value) is not None
