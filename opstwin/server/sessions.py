"""Browser sessions: the cookie that carries one, and the tokens that tie a form to it."""

import hashlib
import hmac
from typing import Final

COOKIE: Final = "opstwin_session"


def form_token(session: str, subject: str) -> str:
    """What a form must send back: only this session's pages can know it, and it fits one subject."""
    return hmac.new(session.encode(), f"form:{subject}".encode(), hashlib.sha256).hexdigest()


def form_token_fits(session: str, subject: str, given: str) -> bool:
    """Whether a form came from this session's page about this subject."""
    return bool(session) and hmac.compare_digest(form_token(session, subject).encode(), given.encode())
