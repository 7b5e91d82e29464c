"""Values that nobody is shown, as their name says secret, and that could be programs all the same. Pure.

Whoever approves a plan sees a mask for them. A value that reads like a command, or that the shell of the same container
begins a command with, is not low risk: what runs would stand nowhere.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from opstwin.domain.values import Json, Spec
from opstwin.logs import looks_secret

_READS_LIKE_WORDS: Final = re.compile(r"\s|`|\$[({]")
"""Made passwords hold signs such as `;`, `&` and `<` too, so those alone say nothing."""

_SHELL: Final = re.compile(r"-[a-z]*c|CMD-SHELL")
"""Behind it stands a text for a shell: `sh -c`, `bash -ec`, and Docker's own form for health checks."""

_BEGINS: Final = r"(?:^|[;&|({`\n]|\b(?:exec|eval|source|xargs|sudo|then|do|else|-c)\s)\s*[\"']?\$"
_COMMANDS: Final = (
    "command", "args", "entrypoint", "health", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle",
)  # fmt: skip
"""Where a container's spec, and a container of a pod, name what is run in it."""

Hidden = frozenset[tuple[str, str, str]]
"""A variable with its value, and why it could be a program."""


def hidden_programs(before: Spec | None, after: Spec | None) -> list[str]:
    """The variables of `after` whose hidden values could run as commands, and could not just so in `before`."""
    new = _found(dict(after or {})) - _found(dict(before or {}))
    return sorted({name for name, _, _ in new})


def _found(spec: Json) -> Hidden:
    return frozenset(_in(spec))


def _in(value: Json) -> Iterator[tuple[str, str, str]]:
    """Of everything that has variables: a container's spec, or each container of a pod."""
    if isinstance(value, dict):
        yield from _of(value)
        for key, item in value.items():
            yield from () if key == "env" else _in(item)
    for item in value if isinstance(value, list) else ():
        yield from _in(item)


def _of(container: Mapping[str, Json]) -> Iterator[tuple[str, str, str]]:
    texts = [text for key in _COMMANDS for text in _for_shells(container.get(key))]
    for name, held in _variables(container.get("env")):
        used = next((text for text in texts if _begins_with(name, text)), "")
        if looks_secret(name) and held and (used or _READS_LIKE_WORDS.search(held)):
            yield name, held, used


def _variables(env: Json) -> Iterator[tuple[str, str]]:
    if isinstance(env, dict):
        yield from ((name, value) for name, value in env.items() if isinstance(value, str))
    for item in env if isinstance(env, list) else ():
        if isinstance(item, dict) and isinstance(item.get("name"), str) and isinstance(item.get("value"), str):
            yield str(item["name"]), str(item["value"])


def _for_shells(command: Json) -> Iterator[str]:
    """The texts of a command that name a program: its first word, and what a shell is given."""
    if isinstance(command, str):
        yield command
    elif isinstance(command, Mapping):
        for item in command.values():
            yield from _for_shells(item)
    elif isinstance(command, list):
        words = [str(word) for word in command]
        yield from words[:1]
        yield from (word for before, word in pairwise(words) if _SHELL.fullmatch(before))


def _begins_with(name: str, text: str) -> bool:
    """Whether a command in `text` begins with the variable."""
    return re.search(rf"{_BEGINS}[({{]?{re.escape(name)}(?![A-Za-z0-9_])", text) is not None
