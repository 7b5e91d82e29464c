"""Short typed ids: `plan_7f3k…`; random in the hub, seeded in tests and in the simulator."""

import random
import secrets
from typing import Final, Protocol

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no letters that look alike."""

_LENGTH: Final = 10
"""50 random bits: a collision among a million ids has a chance of about 1 in 2000, and the store would refuse it."""


class Ids(Protocol):
    """Makes ids."""

    def new(self, prefix: str) -> str:
        """A new id such as `plan_9k2m4x7q1z`."""
        ...


def id_from(prefix: str, digest: bytes) -> str:
    """The id that goes with a digest of at least 7 bytes: the same for the same."""
    number = int.from_bytes(digest[:7])
    return prefix + "_" + "".join(_ALPHABET[(number >> 5 * place) % 32] for place in range(_LENGTH))


class RandomIds:
    """Ids nobody can guess."""

    def new(self, prefix: str) -> str:
        return prefix + "_" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


class SeededIds:
    """The same ids for the same seed."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not for secrets

    def new(self, prefix: str) -> str:
        return prefix + "_" + "".join(self._random.choice(_ALPHABET) for _ in range(_LENGTH))
