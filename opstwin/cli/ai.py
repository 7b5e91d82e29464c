"""Verbs about what a language model is told."""

from typing import Annotated

import typer

from opstwin.cli import output
from opstwin.cli.options import Output, Target, Token, Url, hub_of
from opstwin.cli.output import Form

ai = typer.Typer(no_args_is_help=True, help="What a language model is told, and what it may not know.")


@ai.callback()
def _group() -> None:
    """So that one verb is a group all the same."""


@ai.command("prompt")
def ai_prompt(
    name: Annotated[str, typer.Argument(help="A container or a workload.")],
    target: Target = None,
    words: Annotated[str, typer.Option("--words", help="What is asked for, as in opstwin plan.")] = "",
    korean: Annotated[bool, typer.Option("--korean", help="As for a person who writes Korean.")] = False,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Exactly what a model would be sent to draft it: role, policy, format, examples, container. Nothing is sent."""
    asked = {"source": name, "target": target, "words": words or None, "language": "ko" if korean else "en"}
    found = hub_of(url, token).get("/ai/prompt", **asked)
    if form is not Form.TABLE:
        output.data(found, form)
        return
    output.line("\n\n".join((found["system"], found["examples"], found["user"])))
    output.note(f"{found['tokens']} tokens of at most {found['budget']}; policy: {found['policy']}")
    output.note(f"Prompts: {found['versions']}")
