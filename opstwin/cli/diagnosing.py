"""The verb that says what is wrong and what to do next."""

from typing import Annotated, Any, Final

import typer

from opstwin.cli import output
from opstwin.cli.exits import Exit
from opstwin.cli.options import Output, Target, Token, Url, hub_of
from opstwin.cli.output import Form

_FACTS: Final = 4
"""Facts shown below a finding; `-o json` has all of them."""


def diagnose(
    name: Annotated[
        str | None, typer.Argument(help="A workload, container, plan or target; everything when nothing is named.")
    ] = None,
    target: Target = None,
    korean: Annotated[bool, typer.Option("--korean", help="Say it in Korean.")] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when something is found.")
    ] = False,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """What is wrong, since when, how that is known, and what to do next. Nothing is changed."""
    language = "ko" if korean else None
    answer = hub_of(url, token).all("/diagnosis", subject=name, target=target, language=language)
    if form is not Form.TABLE:
        output.data(answer, form)
    else:
        _shown(answer)
    if detailed_exitcode and answer["items"]:
        raise typer.Exit(Exit.CHANGES)


def _shown(answer: dict[str, Any]) -> None:
    output.line(answer["summary"])
    for item in answer["items"]:
        since = f" since {_moment(item['since'])}" if item["since"] else ""
        output.line()
        output.line(f"{item['severity']}: {item['why']}")
        output.line(f"  {item['code']} {item['subject']}{since}")
        for fact in item["evidence"][:_FACTS]:
            output.line(f"    {_fact(fact)}")
        for call in item["next_calls"]:
            if call["cli"]:
                output.line(f"  next: {call['cli']}")
    for item in answer["unchecked"]:
        output.note(f"Cannot tell {item['code']} of {item['count']} on {item['target']}: they cannot be seen now.")


def _fact(fact: dict[str, Any]) -> str:
    value = "" if fact["value"] is None else f" = {_value(fact['value'])}"
    at = f", {_moment(fact['at'])}" if fact["at"] else ""
    return f"{fact['fact']}{value} ({fact['source']}{at})"


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) or "nothing" if isinstance(value, list) else str(value)[:200]


def _moment(text: str) -> str:
    return text[:19].replace("T", " ")
