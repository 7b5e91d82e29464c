"""The key that signs the audit's head: made once, kept in a file that only the hub may read."""

import base64
import binascii
import hashlib
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from opstwin.domain.values import Json, canonical
from opstwin.errors import InvalidInput, StoreError

KEY_FILE: Final = "audit-signing.key"
PUBLIC_FILE: Final = "audit-signing.pub"
_SIGNED: Final = ("seq", "hash", "at", "key_id")


def signing_key(data_dir: Path) -> Ed25519PrivateKey:
    """The hub's key, made (mode 0600) on first use beside its public half. Raises `StoreError`."""
    path = data_dir / KEY_FILE
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError):
            _make(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise StoreError(
                "The signing key can be read by others; its signatures prove nothing.",
                next_step=f"Take it as known to others: remove {KEY_FILE} from the data directory; a new one is made.",
            )
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise StoreError(
            f"The signing key {KEY_FILE} cannot be used: {type(error).__name__}.",
            next_step="Check the data directory: opstwin doctor",
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StoreError(f"{KEY_FILE} is not an Ed25519 key.", next_step="Remove it; a new one is made.")
    (data_dir / PUBLIC_FILE).write_bytes(public_pem(key.public_key()))
    return key


def public_pem(key: Ed25519PublicKey) -> bytes:
    """The public half as PEM, to be kept off this machine with the exported heads."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: Ed25519PublicKey) -> str:
    """Names a public key: `ed25519:` and 16 hex digits of its SHA-256."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return "ed25519:" + hashlib.sha256(raw).hexdigest()[:16]


def signed(document: Mapping[str, Json], key: Ed25519PrivateKey) -> dict[str, Json]:
    """`document` (seq, hash, at) with the key's id and the signature over the canonical text of the four."""
    content = {**document, "key_id": key_id(key.public_key())}
    signature = key.sign(canonical(content).encode())
    return {**content, "signature": base64.b64encode(signature).decode()}


def check_signed(document: Mapping[str, Json], public_key: bytes | str) -> None:
    """Return when `public_key` (PEM) signed this very document; else raise `InvalidInput` naming what is wrong."""
    key = _public(public_key)
    if set(document) != {*_SIGNED, "signature"}:
        raise _not_a_head(f"It must hold {', '.join(_SIGNED)} and signature.")
    try:
        signature = base64.b64decode(str(document["signature"]), validate=True)
        key.verify(signature, canonical({name: document[name] for name in _SIGNED}).encode())
    except (binascii.Error, InvalidSignature) as error:
        raise _not_a_head(f"Its signature does not fit the key {key_id(key)}.") from error


def _public(pem: bytes | str) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem.encode() if isinstance(pem, str) else pem)
    except ValueError as error:
        raise _bad_key() from error
    if not isinstance(key, Ed25519PublicKey):
        raise _bad_key()
    return key


def _make(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.fchmod(handle, 0o600)
        os.write(handle, pem)
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        # A link, unlike a rename, fails when another process was first: both then use its key.
        os.link(draft, path)
    finally:
        draft.unlink()


def _bad_key() -> InvalidInput:
    return InvalidInput(
        "The public key is not an Ed25519 key in PEM form.", field="public_key",
        next_step=f"Give the file {PUBLIC_FILE} that was saved with the head.",
    )  # fmt: skip


def _not_a_head(why: str) -> InvalidInput:
    return InvalidInput(
        f"This is not a head that the hub signed. {why}", field="head",
        next_step="Give the file that opstwin audit head wrote, and the public key saved with it.",
    )  # fmt: skip
