"""Structured logs: one JSON object a line (or coloured text on a terminal), with context and without secrets."""

import io
import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final, TextIO


@contextmanager
def _absent(*names: str) -> Iterator[None]:
    """Let these packages be as if they were not installed (`None` in `sys.modules`), unless they are loaded already."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type] # what Python documents for this
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


# It loads what it finds for tracebacks in colour and for green threads. No log has either here, and both take 4 MB.
with _absent("rich", "better_exceptions", "greenlet"):
    import structlog

MASK: Final = "***"
_SECRET_NAME: Final = re.compile(
    r"(pass(word|wd|phrase)?|pwd|secret|token|(api|access|account|private)[_-]?key|credential|authorization|cookie)",
    re.IGNORECASE,
)
SECRET_TEXT: Final = re.compile(
    r"op[tl]_[A-Za-z0-9_-]{20,}"
    r"|(?<=Bearer )[A-Za-z0-9._~+/=-]{8,}"
    r"|\b(?:sk|ghp|gho|xox[abp])[-_][A-Za-z0-9_-]{10,}"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|(?<=://)[^/\s:@]{1,64}:[^/\s@]{1,128}(?=@)"
)
_SECRET_PAIR: Final = re.compile(
    r"((?:pass(?:word|wd|phrase)?|(?<=;)pwd|pwd(?![\"']?\s?[=:]\s{0,8}[\"']?/)|secret|token"
    r"|(?:api|access|account|private)[_-]?key|credential|authorization)"
    r"[\"']?\s?[=:]\s{0,8}[\"']?)(?!Bearer )[^\s\"',;&]+",
    re.IGNORECASE,
)
"""A name that says secret with its value behind it, as programs write them: `token=…`, `"password": "…"`. A path behind
`PWD` is a shell's folder, unless a connection string goes on there."""

_PAIR_WORDS: Final = ("pass", "pwd", "secret", "token", "key", "credential", "authorization")

_LONGEST_SECRET: Final = 512
"""No pattern needs more characters to see that something is a secret."""

_PLAIN: Final = frozenset({"idempotency_key", "key", "next_token", "secret_env"})
FOLDERS: Final = frozenset({"PWD", "OLDPWD"})
"""Variables in which every shell keeps its folder."""

_LEVELS: Final = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARN": logging.WARNING, "ERROR": logging.ERROR}


@lru_cache(maxsize=2_000)
def looks_secret(name: str) -> bool:
    """Whether a variable or field of this name usually holds a secret."""
    return name not in FOLDERS and name.lower() not in _PLAIN and _SECRET_NAME.search(name) is not None


def masked(name: str, value: str) -> str:
    """`value`, or a mask when the name says that it is a secret; secrets inside the text are masked too."""
    return MASK if value and looks_secret(name) else redacted(value)


def redacted(text: str) -> str:
    """`text` with tokens, keys and passwords in URLs masked."""
    return SECRET_TEXT.sub(MASK, text)


def redacted_line(text: str) -> str:
    """A line that some program wrote: as `redacted`, and what stands behind a name that says secret is masked too."""
    known = redacted(text)
    lower = known.lower()
    # Nearly every line has none of these words, and finding that out is twenty times cheaper.
    return _SECRET_PAIR.sub(rf"\g<1>{MASK}", known) if any(word in lower for word in _PAIR_WORDS) else known


def redacted_start(text: str, limit: int) -> str:
    """At most the first `limit` characters of `redacted_line(text)`; a secret that the cut goes through is not shown.

    However long the text is, little more than `limit` characters of it are looked at.
    """
    if len(text) <= limit:
        return redacted_line(text)
    known = redacted_line(text[: limit + _LONGEST_SECRET])
    return known[: max(0, min(limit, len(known) - _LONGEST_SECRET))]


def redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: masks by field name and inside text, at any depth."""
    return {key: _clean(key, value) for key, value in event.items()}


def _clean(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return masked(key, value)
    if isinstance(value, dict):
        return {name: _clean(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(key, item) for item in value]
    return value


class _Unfailing(io.TextIOWrapper):
    """Writes to `out`; what it does not take (its disk is full, its reader is gone) is lost, and the work goes on."""

    def __init__(self, out: TextIO) -> None:
        super().__init__(io.BytesIO())
        self._out, self._cut = out, False

    def write(self, text: str) -> int:
        try:
            # What was lost may have been lost in the middle of a line.
            self._out.write("\n" + text if self._cut else text)
            self._cut = False
        except (OSError, ValueError):
            self._cut = True
        return len(text)

    def flush(self) -> None:
        try:
            self._out.flush()
        except (OSError, ValueError):
            self._cut = True


def configure_logs(level: str = "INFO", form: str = "auto", stream: TextIO | None = None) -> None:
    """Set up logging for this process. `form` is `auto`, `json` or `console`; logs go to stderr."""
    out = stream or sys.stderr
    as_text = form == "console" or (form == "auto" and out.isatty())
    renderer = structlog.dev.ConsoleRenderer() if as_text else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact_event,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(_Unfailing(out)),
        cache_logger_on_first_use=False,
    )


def bind(**context: str | None) -> None:
    """Add to every log line of this task: `request_id`, `user_id`, `actor`, `plan_id`, `execution_id`."""
    structlog.contextvars.bind_contextvars(**{key: value for key, value in context.items() if value is not None})


def unbind_all() -> None:
    """Forget what `bind` added."""
    structlog.contextvars.clear_contextvars()


def logger() -> structlog.typing.FilteringBoundLogger:
    """A logger; call it inside functions so that configuration made later holds."""
    made: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return made
