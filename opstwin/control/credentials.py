"""Secrets that prove who calls: made at random, shown once, stored as their hash."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from opstwin.domain.access import Actor, Credential
from opstwin.domain.audit import AuditEntry
from opstwin.errors import InvalidInput, Unauthenticated

TOKEN: Final = "token"  # noqa: S105 - the word for it, not one
LOGIN: Final = "login"
LINK: Final = "link"
"""No secret: what an authorization server calls a person. Its record says whose account that is."""

_PREFIXES: Final = {TOKEN: "opt_", LOGIN: "opl_"}

SECRET_BYTES: Final = 32
"""256 random bits: not to be guessed, so a plain SHA-256 is enough to store it by."""

_MAX_LENGTH: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A new secret and its record; this is the only time that the secret is seen."""

    secret: str = field(repr=False)
    credential: Credential


def issued(principal_id: str, purpose: str, now: datetime, life: timedelta | None) -> Issued:
    """A new secret for an account; with `life` None it holds until revoked. Raises `InvalidInput` for a life of 0."""
    if life is not None and life <= timedelta(0):
        raise InvalidInput("expires_in must be above 0.", field="expires_in", next_step="Give seconds above 0.")
    secret = _PREFIXES[purpose] + secrets.token_urlsafe(SECRET_BYTES)
    credential = Credential(
        id=hashed(secret), principal_id=principal_id, purpose=purpose, created_at=now,
        expires_at=now + life if life is not None else None,
    )  # fmt: skip
    return Issued(secret=secret, credential=credential)


def hashed(secret: str) -> str:
    """What a secret is stored by; any text has one, also text that is no secret."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def looks_like(secret: str, purpose: str) -> bool:
    """Whether the text could be a secret for this purpose, before anybody looks it up."""
    return secret.startswith(_PREFIXES[purpose]) and len(secret) <= _MAX_LENGTH


def link_id(issuer: str, subject: str) -> str:
    """What a link is stored by. No token has this hash: tokens hold no line break."""
    return hashed(f"{issuer}\n{subject}")


def holds(credential: Credential, now: datetime) -> bool:
    """Whether the credential is neither revoked nor over."""
    return credential.revoked_at is None and (credential.expires_at is None or now < credential.expires_at)


def credential_entry(action: str, credential: Credential, actor: Actor) -> AuditEntry:
    """The audit entry for what happens to a credential."""
    ends_at = credential.expires_at.isoformat() if credential.expires_at else None
    return AuditEntry(
        action=action, subject=credential.principal_id, actor=actor,
        details={"credential": credential.id, "purpose": credential.purpose, "expires_at": ends_at},
    )  # fmt: skip


def refused() -> Unauthenticated:
    """The one refusal, with the same words whatever is wrong."""
    return Unauthenticated(
        "No valid credential came with the call.",
        next_step="Set OPSTWIN_TOKEN, or use the sign-in link that opstwin up prints.",
    )
