"""The verb that says one thing to the agent and shows its answer."""

from typing import Annotated

import typer

from opstwin.cli import output
from opstwin.cli.chat_words import language_of, say
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.options import Output, Token, Url, hub_of, path_of
from opstwin.cli.output import Form
from opstwin.cli.plan_card import show_card
from opstwin.cli.talking import Told, Turn, ended_note, new_id


def ask(
    words: Annotated[str, typer.Argument(help='What you want, such as "why does web restart?"')],
    thread: Annotated[str | None, typer.Option("--thread", help="Go on with this conversation.")] = None,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Ask or tell the agent one thing. It may end with a plan, which waits for a human.

    opstwin ask "deploy nginx:1.27 as web with 2 replicas"
    """
    if not words.strip():
        raise CliError(Exit.ERROR, "Nothing was asked.", next_step='Such as: opstwin ask "what runs?"')
    hub, language = hub_of(url, token), language_of(words)
    turn = Turn(hub, Told(thread or new_id("thread"), new_id("turn")), language, quiet=form is not Form.TABLE)
    try:
        told = turn.play({"text": words})
    except KeyboardInterrupt:
        hub.post(path_of("threads", turn.told.thread_id, ":stop"))
        output.note(say(language, "stopped"))
        raise
    if form is not Form.TABLE:
        output.data(told.data(), form)
    elif told.waiting and told.card:
        plan = hub.get(path_of("plans", told.waiting["plan_id"]), language=language)
        show_card(plan, told.card, language)
    _say_how_it_stands(told, language)
    if told.exit_code is not Exit.OK:
        raise typer.Exit(told.exit_code)


def _say_how_it_stands(told: Told, language: str) -> None:
    ended_note(told, language)
    if told.waiting:
        output.note(say(language, "pending", plan=told.waiting["plan_id"]))
        output.note(f"{told.waiting['approve_command']}  ·  {told.waiting['approve_url']}")
        output.note(say(language, "back", thread=told.thread_id))
