"""Names that are safe everywhere they will be used: labels, paths, command lines, URLs."""

import re
from typing import Final

from opstwin.errors import InvalidInput

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_IMAGE: Final = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*(?::[0-9]{1,5})?/)?"
    r"[a-z0-9]+(?:(?:\.|[_-]{1,2})[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|[_-]{1,2})[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
_ENV_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,254}", re.ASCII)
_UNSTORABLE: Final = re.compile(r"[\x00\ud800-\udfff]")
_CONTROL: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Control characters, direction marks, what shows nothing (Unicode's Default_Ignorable_Code_Point without the variation
selectors that emoji carry), and halves of surrogate pairs, which no encoding can write."""


def checked_name(value: str, field: str) -> str:
    """`value` when it is a DNS label (RFC 1123: lower case, digits, dashes inside, at most 63); else InvalidInput.

    Two dashes in a row are refused too, so that no name looks like an option.
    """
    if not _NAME.fullmatch(value) or "--" in value:
        raise InvalidInput(
            f"{field} {value[:80]!r} is not a usable name.",
            field=field,
            next_step="Use lower-case letters, digits and single dashes, at most 63, such as web or shop-api.",
        )
    return value


def checked_image(value: str, field: str = "image") -> str:
    """`value` when it is an image reference in the form registry/name:tag@digest; else InvalidInput."""
    if len(value) > 512 or not _IMAGE.fullmatch(value):
        raise InvalidInput(
            f"{field} {value[:80]!r} is not an image reference.",
            field=field,
            next_step="Write it as name:tag, for example nginx:1.27 or registry.example.com/team/api:2.4.",
        )
    return value


def checked_env_key(value: str, field: str = "env") -> str:
    """`value` when it can be an environment variable's name; else InvalidInput."""
    if not _ENV_KEY.fullmatch(value):
        raise InvalidInput(
            f"{field}: {value[:80]!r} is not a variable name.",
            field=field,
            next_step="Use letters, digits and underscores, starting with a letter.",
        )
    return value


def checked_text(value: str, field: str, limit: int = 4096) -> str:
    """`value` when it is short enough and holds no control, direction or invisible characters; else InvalidInput."""
    if len(value) > limit:
        raise InvalidInput(f"{field} is longer than {limit} characters.", field=field, next_step="Shorten it.")
    if _CONTROL.search(value):
        raise InvalidInput(
            f"{field} holds control or invisible characters.",
            field=field,
            next_step="Write it as plain text on one line.",
        )
    return value


def is_storable(value: str) -> bool:
    """Whether a text can be handed to a process and written down: no NUL, no half of a surrogate pair."""
    return not _UNSTORABLE.search(value)


def plain_path(path: str) -> str:
    """The one way to write an absolute path: `/tmp` for `/tmp/`, `//tmp` and `/./tmp`."""
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def checked_path(value: str, field: str) -> str:
    """`value` when it is an absolute path without `..` segments; else InvalidInput."""
    checked_text(value, field)
    if not value.startswith("/") or ".." in value.split("/"):
        raise InvalidInput(
            f"{field} {value[:80]!r} must be an absolute path without '..'.",
            field=field,
            next_step="Write it like /data.",
        )
    return value
