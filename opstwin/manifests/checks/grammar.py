"""The grammars of names, labels, images and schedules, as the API server has them. Pure."""

import re
from typing import Final

_LABEL: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?", re.ASCII)
_LABEL_1035: Final = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?", re.ASCII)
_QUALIFIED: Final = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?", re.ASCII)
_PORT_NAME: Final = re.compile(r"(?=.*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+", re.ASCII)
_IMAGE: Final = re.compile(
    r"(?P<name>(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?/)?"
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,128}))?",
    re.ASCII,
)
"""github.com/distribution/reference."""

_LONGEST_IMAGE: Final = 1_024
SUBDOMAIN: Final = "lower-case letters, digits, - and ., up to 253"
LABEL: Final = "lower-case letters, digits and -, up to 63"


def subdomain(name: str) -> str:
    """What is wrong with a DNS subdomain name (RFC 1123), empty when nothing is."""
    if len(name) > 253:
        return "it is longer than 253 characters"
    ok = all(_LABEL.fullmatch(part) for part in name.split("."))
    return "" if ok else "only lower-case letters, digits, - and . may be in it, with a letter or digit at both ends"


def label_name(name: str) -> str:
    """What is wrong with a DNS label (RFC 1123)."""
    if len(name) > 63:
        return "it is longer than 63 characters"
    ok = _LABEL.fullmatch(name)
    return "" if ok else "only lower-case letters, digits and - may be in it, with a letter or digit at both ends"


def label_1035(name: str) -> str:
    """What is wrong with a DNS label that must begin with a letter (RFC 1035)."""
    problem = label_name(name)
    return problem or ("" if _LABEL_1035.fullmatch(name) else "it must begin with a letter")


def path_segment(name: str) -> str:
    """What is wrong with a name that is a part of a path (RBAC)."""
    return "/, % and the names . and .. are not allowed" if name in {".", ".."} or {"/", "%"} & set(name) else ""


def qualified(key: str) -> str:
    """What is wrong with the key of a label or annotation."""
    prefix, slash, name = key.rpartition("/")
    if slash and (not prefix or subdomain(prefix)):
        return "what stands before / must be a DNS name"
    return label_value(name) if name else "it has no name"


def label_value(value: str) -> str:
    """What is wrong with the value of a label."""
    if len(value) > 63:
        return "it is longer than 63 characters"
    ok = not value or _QUALIFIED.fullmatch(value)
    return "" if ok else "only letters, digits, -, _ and . may be in it, with a letter or digit at both ends"


def port_name(name: str) -> str:
    """What is wrong with the name of a port (IANA service name)."""
    if len(name) > 15:
        return "it is longer than 15 characters"
    return "" if _PORT_NAME.fullmatch(name) else "only lower-case letters, digits and single - may be in it"


def config_key(key: str) -> str:
    """What is wrong with a key of a ConfigMap or Secret."""
    if len(key) > 253 or key in {".", ".."}:
        return "it is too long, or . or .."
    return "" if _KEY.fullmatch(key) else "only letters, digits, -, _ and . may be in it"


def image_of(text: str) -> tuple[str, str, str] | None:
    """Name, tag and digest of an image, None when it is no image."""
    match = _IMAGE.fullmatch(text) if len(text) <= _LONGEST_IMAGE else None
    return (match["name"], match["tag"] or "", match["digest"] or "") if match else None


_MACROS: Final = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_EVERY: Final = re.compile(r"@every (?:\d{1,9}(?:\.\d{1,9})?(?:h|m|s|ms|us|ns))+", re.ASCII)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_CRON: Final = (
    ("minute", 0, 59, ()), ("hour", 0, 23, ()), ("day", 1, 31, ()), ("month", 1, 12, _MONTHS), ("weekday", 0, 6, _DAYS),
)  # fmt: skip
"""Five fields, as robfig/cron v3 reads them: a Sunday is 0, not 7."""


def schedule(text: str) -> str:
    """What is wrong with the schedule of a CronJob."""
    if "TZ=" in text:
        return "the time zone belongs into spec.timeZone"
    if text.startswith("@"):
        return "" if text in _MACROS or _EVERY.fullmatch(text) else "there is no such short form"
    parts = text.split()
    if len(parts) != len(_CRON):
        return f"it has {len(parts)} fields, not 5"
    for part, (name, least, most, words) in zip(parts, _CRON, strict=True):
        if not all(_cron_item(item, least, most, words) for item in part.split(",")):
            return f"the {name} field cannot be read"
    return ""


def _cron_item(item: str, least: int, most: int, words: tuple[str, ...]) -> bool:
    span, slash, step = item.partition("/")
    if slash and not (step.isascii() and step.isdigit() and int(step[:9]) > 0):
        return False
    if span in {"*", "?"}:
        return True
    low, dash, high = span.partition("-")
    first, last = _cron_number(low, least, words), _cron_number(high if dash else low, least, words)
    return first is not None and last is not None and least <= first <= last <= most


def _cron_number(text: str, least: int, words: tuple[str, ...]) -> int | None:
    if text.lower() in words:
        return words.index(text.lower()) + least
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None
