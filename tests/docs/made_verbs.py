"""What docs/cli.md says about each verb, made from the command line itself."""

from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final

from typer.core import TyperGroup

from opstwin.cli.exits import MEANING
from tests.docs.commands import root

SHARED: Final[Mapping[str, str]] = {"form": "`-o`", "url": "`--url`", "token": "`--token`"}
"""Parameters that nearly every verb has; the page describes them once."""

_WORDS: Final[Mapping[type, str]] = {str: "TEXT", int: "NUMBER", float: "NUMBER", Path: "FILE", list: "TEXT…"}


def verbs_reference() -> str:
    """Every verb with its arguments and options, groups last."""
    lines: list[str] = []
    groups = {name: command for name, command in root().commands.items() if isinstance(command, TyperGroup)}
    for name, command in root().commands.items():
        if name not in groups:
            lines += [*_verb("###", name, command)]
    for group, inside in groups.items():
        lines += [*_group(group, inside)]
        for name, command in inside.commands.items():
            lines += [*_verb("####", f"{group} {name}", command)]
    return "\n".join(lines)


def exit_codes() -> str:
    """The table of exit codes."""
    return "\n".join(
        ["| code | means |", "| --- | --- |", *(f"| {code.value} | {says} |" for code, says in MEANING.items())]
    )


def _group(name: str, group: TyperGroup) -> Iterator[str]:
    if group.invoke_without_command:
        yield from _verb("###", name, group)
    else:
        yield from [f"### {name}", "", f"{group.help}", ""]


def _verb(level: str, name: str, command: Any) -> Iterator[str]:
    params = [param for param in command.params if not getattr(param, "hidden", False)]
    own = [param for param in params if param.name not in SHARED]
    words = [_written(param) for param in own if _is_argument(param)]
    options = ["[OPTIONS]"] if any(not _is_argument(param) for param in params) else []
    yield from [f"{level} {name}", "", f"`{' '.join(['opstwin', name, *words, *options])}`", ""]
    yield from [" ".join((command.help or "").split()), ""]
    if own:
        yield from ["| argument or option | default | what |", "| --- | --- | --- |", *map(_row, own), ""]
    shared = [SHARED[param.name] for param in params if param.name in SHARED]
    if shared:
        yield from [f"Also {', '.join(shared)}.", ""]


def _row(param: Any) -> str:
    return f"| {_name(param)} | {_default(param)} | {_what(param)} |"


def _name(param: Any) -> str:
    if _is_argument(param):
        return f"`{param.name.upper()}`"
    spelled = ", ".join(f"`{option}`" for option in [*_short_last(param.opts), *param.secondary_opts])
    return spelled if param.is_flag else f"{spelled} {_kind(param)}"


def _short_last(options: list[str]) -> list[str]:
    return sorted(options, key=lambda option: not option.startswith("--"))


def _default(param: Any) -> str:
    if param.required:
        return "**needed**"
    value = param.default
    if value is None or value is False or value == "":
        return ""
    if value is True:
        return f"`{param.opts[0]}`"
    return f"`{value.value if isinstance(value, Enum) else value}`"


def _what(param: Any) -> str:
    bounds = f" From {param.min} to {param.max}." if param.min is not None and param.max is not None else ""
    again = " May be given several times." if getattr(param, "multiple", False) else ""
    return f"{param.help or ''}{bounds}{again}".strip().replace("|", "\\|")


def _kind(param: Any) -> str:
    annotation = param.type_descriptor.annotation
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{item.value}`" for item in annotation)
    return _WORDS.get(annotation, "TEXT")


def _written(param: Any) -> str:
    name = param.name.upper() + ("…" if param.nargs == -1 else "")
    return name if param.required else f"[{name}]"


def _is_argument(param: Any) -> bool:
    return not param.opts[0].startswith("-")
