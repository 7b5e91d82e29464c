"""Reading prompt files: a head of `key: value` lines, an empty line, then the text with `{{name}}` for arguments."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

_SLOT: Final = re.compile(r"{{(\w+)}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One blank in a prompt; `kind` says what its values are (target, workload, plan, text)."""

    name: str
    kind: str
    description: str
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One prompt as it stands in its file. `budget` is the most tokens that it may have once filled; 0: not said."""

    name: str
    version: int
    title: str
    description: str
    arguments: tuple[Argument, ...]
    text: str
    budget: int = 0

    def filled(self, given: Mapping[str, str]) -> str:
        """The text with each argument in its place; one that was not given leaves its place empty."""
        return _SLOT.sub(lambda slot: given.get(slot[1], ""), self.text).strip()


@cache
def prompts(folder: str) -> Mapping[str, Prompt]:
    """The prompts of one folder by name, in the order of their names. Raises `ValueError` for a file that is wrong."""
    texts = {
        item.name.removesuffix(".md"): item.read_text(encoding="utf-8")
        for item in files(__package__).joinpath(folder).iterdir()
        if item.name.endswith(".md")
    }
    return {name: _read(name, texts[name]) for name in sorted(texts)}


def _read(name: str, content: str) -> Prompt:
    head, _, text = content.partition("\n\n")
    fields = [line.partition(": ") for line in head.splitlines()]
    one = {key: value for key, _, value in fields if key != "argument"}
    arguments = tuple(_argument(value) for key, _, value in fields if key == "argument")
    slots = set(_SLOT.findall(text))
    if slots != {item.name for item in arguments}:
        raise ValueError(f"prompt {name}: the text uses {sorted(slots)}, the head names others")
    return Prompt(
        name=name, version=int(one["version"]), title=one["title"], description=one["description"],
        arguments=arguments, text=text, budget=int(one.get("budget", "0")),
    )  # fmt: skip


def _argument(line: str) -> Argument:
    """`name kind required|optional description`."""
    name, kind, need, description = line.split(" ", 3)
    if need not in ("required", "optional"):
        raise ValueError(f"argument {name}: {need} is neither required nor optional")
    return Argument(name=name, kind=kind, description=description, required=need == "required")
