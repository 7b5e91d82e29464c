"""The public keys of the authorization server: fetched from the one configured address, kept for a while, renewed."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import httpx2

from opstwin.clock import Clock
from opstwin.errors import Unreachable
from opstwin.logs import logger
from opstwin.settings import Settings

RENEW_S: Final = 600.0
"""After this time the keys are asked for again, so that a key which was taken back stops to count."""

HOLD_S: Final = 3600.0
"""How long known keys count while their source does not answer; after it no token is taken."""

FLOOR_S: Final = 30.0
"""The least time between two questions, whatever key ids the callers make up."""

MAX_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 100
MIN_RSA_BITS: Final = 2048
"""RFC 7518, 3.3 and 3.5."""

_TIMEOUT_S: Final = 5.0
_HEADERS: Final = {"accept": "application/json", "accept-encoding": "identity"}
_KINDS: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519",
)  # fmt: skip
"""Signatures with a private key of the authorization server, and nothing else: no `none`, no shared secrets."""


class KeySource(Protocol):
    """Where the key set comes from."""

    async def read(self) -> bytes:
        """The key set as JSON (RFC 7517). Raises `Unreachable`."""
        ...


@dataclass(frozen=True, slots=True)
class UrlKeys:
    """One GET of the configured address: no redirect, no proxy, no credential, no more than 256 KiB."""

    url: str

    async def read(self) -> bytes:
        trust = await asyncio.to_thread(ssl.create_default_context)
        try:
            async with (
                asyncio.timeout(_TIMEOUT_S),
                httpx2.AsyncClient(trust_env=False, verify=trust, timeout=_TIMEOUT_S) as client,
                client.stream("GET", self.url, headers=_HEADERS, follow_redirects=False) as answer,
            ):
                if answer.status_code != 200:
                    raise _away(f"its answer was {answer.status_code}")
                return await _limited(answer)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as error:
            raise _away(type(error).__name__) from error


@dataclass(frozen=True, slots=True)
class FileKeys:
    """A file that an administrator keeps up to date, for hubs without a way to the authorization server."""

    path: Path

    async def read(self) -> bytes:
        try:
            found = await asyncio.to_thread(self._read)
        except OSError as error:
            raise _away(error.strerror or type(error).__name__) from error
        return _fitting(found)

    def _read(self) -> bytes:
        with self.path.open("rb") as file:
            return file.read(MAX_BYTES + 1)


def source_of(settings: Settings) -> KeySource:
    """Where the settings say that the keys are."""
    return FileKeys(settings.oauth_jwks_file) if settings.oauth_jwks_file else UrlKeys(settings.oauth_jwks_url)


@dataclass(slots=True)
class Keys:
    """The keys that count now. `generation` changes with them: what was verified before must be verified again."""

    source: KeySource
    clock: Clock
    generation: int = 0
    _keys: tuple[Any, ...] = ()
    _raw: bytes = b""
    _read_s: float | None = None
    _tried_s: float | None = None
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def current(self) -> int:
        """The generation, of keys that count. Raises `Unreachable` when there are none."""
        if self._age_s() >= RENEW_S and not (self._counts() and self._asking.locked()):
            await self._renew()
        if not self._counts():
            raise _away("there is no answer")
        return self.generation

    async def find(self, kid: str | None, algorithm: str) -> Any | None:
        """The one key for a token, asked for anew when its id is not known. Raises `Unreachable`."""
        await self.current()
        found = self._pick(kid, algorithm)
        if found is None and kid is not None and all(key.kid != kid for key in self._keys):
            await self._renew()
            found = self._pick(kid, algorithm)
        return found

    def _pick(self, kid: str | None, algorithm: str) -> Any | None:
        fitting = [key for key in self._keys if _fits(key, algorithm) and kid in (None, key.kid)]
        return fitting[0] if len(fitting) == 1 else None

    async def _renew(self) -> None:
        async with self._asking:
            now_s = self.clock.monotonic_s()
            if self._tried_s is not None and now_s - self._tried_s < FLOOR_S:
                return
            self._tried_s = now_s
            try:
                raw = await self.source.read()
                keys = _parsed(raw)
            except Unreachable as away:
                logger().warning("oauth_keys_away", reason=away.message)
                return
            if raw != self._raw:
                self.generation += 1
            self._raw, self._keys, self._read_s = raw, keys, now_s

    def _age_s(self) -> float:
        return float("inf") if self._read_s is None else self.clock.monotonic_s() - self._read_s

    def _counts(self) -> bool:
        return self._age_s() < HOLD_S


def _fits(key: Any, algorithm: str) -> bool:
    said = key.as_dict(private=False)
    return bool(key.key_type == _KINDS[algorithm[:2]] and said.get("alg", algorithm) == algorithm)


def _parsed(raw: bytes) -> tuple[Any, ...]:
    """The usable keys of a key set. One that cannot be used is left out, as RFC 7517, 5 asks for."""
    try:
        given = json.loads(raw)["keys"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _away("what it holds is no key set") from error
    if not isinstance(given, list) or len(given) > MAX_KEYS:
        raise _away("what it holds is no key set")
    return tuple(key for item in given if (key := _key(item)) is not None)


def _key(item: Any) -> Any | None:
    from joserfc import jwk
    from joserfc.errors import JoseError

    if not isinstance(item, dict) or item.get("kty") not in _KINDS.values() or item.get("use", "sig") != "sig":
        return None
    try:
        if "d" in item or "verify" not in item.get("key_ops", ["verify"]) or _is_short(item):
            return None
        return jwk.import_key(item)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _is_short(item: Mapping[str, Any]) -> bool:
    """Whether it is an RSA key that is too small; the modulus is base64, six bits a character."""
    return item["kty"] == "RSA" and len(item["n"].rstrip("=")) * 6 < MIN_RSA_BITS


async def _limited(answer: httpx2.Response) -> bytes:
    found = b""
    async for chunk in answer.aiter_raw():
        found += chunk
        if len(found) > MAX_BYTES:
            break
    return _fitting(found)


def _fitting(found: bytes) -> bytes:
    if len(found) > MAX_BYTES:
        raise _away(f"it is larger than {MAX_BYTES} bytes")
    return found


def _away(why: str) -> Unreachable:
    return Unreachable(
        f"The keys of the authorization server cannot be had: {why}.",
        next_step="Try again in a moment; if it stays so, an administrator checks oauth_jwks_url or oauth_jwks_file.",
        retry_after_s=FLOOR_S,
    )
