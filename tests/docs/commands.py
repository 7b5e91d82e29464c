"""Whether a command line that a page or a message shows could be typed. Nothing is run."""

import re
import shlex
from functools import cache
from typing import Any, Final

import typer
from typer._click.exceptions import ClickException
from typer.core import TyperGroup

from opstwin.cli.main import app
from tests.docs.pages import ROOT

_STOPS: Final = re.compile(r"\s(?:\||&&|\|\||;|>|2>|<|·)(?:\s|$)")
_BEFORE: Final = re.compile(r"^(?:[A-Z_][A-Z0-9_]*=\S* )+|^sudo .*?/bin/(?=opstwin )")


@cache
def root() -> TyperGroup:
    """The command line."""
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    return command


@cache
def verbs() -> dict[str, Any]:
    """Every verb that can be typed, groups' verbs as `audit list`."""
    found: dict[str, Any] = {}
    for name, command in root().commands.items():
        if isinstance(command, TyperGroup):
            found |= {f"{name} {inner}": verb for inner, verb in command.commands.items()}
        if not isinstance(command, TyperGroup) or command.invoke_without_command:
            found[name] = command
    return found


@cache
def make_targets() -> frozenset[str]:
    """What `make` can be asked for."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


def parts(line: str) -> list[str]:
    """The single commands of a line with pipes and the like, without `sudo` and the variables set before them."""
    return [_BEFORE.sub("", part.strip()) for part in _STOPS.split(line) if part.strip()]


def fault(line: str) -> str:
    """Why this `make …` or `opstwin …` cannot be typed; empty when it can."""
    words = shlex.split(line)
    if words[0] == "make":
        targets = [word for word in words[1:] if "=" not in word]
        unknown = [word for word in targets if word not in make_targets()]
        return f"make has no target {unknown[0]}" if unknown else ""
    return _fault(words[1:])


def mention_fault(text: str) -> str:
    """Why `opstwin …` in the middle of a sentence names no verb, or an option that its verb has not; else empty."""
    words = text.split(" -- ", maxsplit=1)[0].split()[1:]
    if not words or words[0].startswith("-"):
        return ""
    name = next((name for name in (" ".join(words[:2]), words[0]) if name in verbs()), None)
    if name is None:
        return "" if words[0] in root().commands and len(words) == 1 else f"there is no verb {words[0]!r}"
    known = {option for param in verbs()[name].params for option in (*param.opts, *param.secondary_opts)}
    for word in words:
        option = re.match(r"--?[a-z][a-z-]*", word)
        if option and option[0] not in known | {"--help"}:
            return f"{name} has no option {option[0]}"
    return ""


def _fault(words: list[str]) -> str:
    """What the command line itself would say about these words, without running the verb."""
    asked = [word for word in words if word != "--help"]
    if len(asked) < len(words):
        return mention_fault(" ".join(["opstwin", *asked])) if asked else ""
    try:
        command: Any = root()
        context = command.make_context("opstwin", list(words))
        while isinstance(command, TyperGroup):
            rest = [*context._protected_args, *context.args]
            if not rest and command.invoke_without_command:
                return ""
            name, command, rest = command.resolve_command(context, rest)
            context = command.make_context(name, rest, parent=context)
    except ClickException as error:
        return str(error.format_message())
    return ""
