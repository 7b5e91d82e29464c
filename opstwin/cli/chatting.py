"""The verb that talks with the agent line by line, on a terminal or from a pipe."""

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import typer

from opstwin.cli import output
from opstwin.cli.chat_words import APPROVE, HELP, LEAVE, REJECT, SHOW, language_of, say
from opstwin.cli.client import Hub
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.options import Output, Token, Url, hub_of, path_of
from opstwin.cli.output import Form
from opstwin.cli.plan_card import offer, show_card
from opstwin.cli.talking import Told, Turn, ended_note, new_id

_REMEMBERED: Final = 6
"""Remarks that are shown again when somebody comes back."""


def chat(
    thread: Annotated[str | None, typer.Option("--thread", help="Go on with this conversation.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="List your conversations, and leave.")] = False,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Talk with the agent: say what should change, see the plan, approve or reject it as yourself.

    Without a terminal it reads one line after the other from stdin.
    """
    hub = hub_of(url, token)
    if listed:
        _list(hub, form)
        return
    if form is not Form.TABLE:
        raise CliError(Exit.ERROR, "A conversation is for people.", next_step='For programs: opstwin ask "…" -o json')
    code = Conversation(hub, thread or new_id("thread"), language_of("")).hold(resumed=thread is not None)
    if code is not Exit.OK:
        raise typer.Exit(code)


@dataclass(slots=True)
class Conversation:
    """One thread at the command line: the plan that waits with its card and who may decide, and how it ended last."""

    hub: Hub
    thread: str
    language: str
    plan: dict[str, Any] = field(default_factory=dict)
    card: dict[str, Any] = field(default_factory=dict)
    waiting: dict[str, Any] = field(default_factory=dict)
    code: Exit = Exit.OK
    _begun: bool = False

    def hold(self, *, resumed: bool) -> Exit:
        """Read lines until they end; returns the exit code of the last turn."""
        if resumed:
            self._come_back()
        elif sys.stdin.isatty():
            self.hub.get("/me")  # who cannot sign in is told before anything is typed
            output.note(say(self.language, "hello"))
        try:
            while (line := _read()) is not None and line.strip() not in LEAVE:
                if line.strip():
                    self._line(line.strip())
        except KeyboardInterrupt:
            output.note("")
            self.code = Exit.INTERRUPTED
        if self._begun:
            output.note(say(self.language, "back", thread=self.thread))
        return self.code

    def _line(self, text: str) -> None:
        word, _, rest = text.partition(" ")
        if text in HELP:
            output.note(say(self.language, "help"))
        elif text in SHOW:
            self._show_again()
        elif word.lower() in APPROVE or word.lower() in REJECT:
            self._guarded(lambda: self._decide(word.lower() in APPROVE, rest.strip()))
        else:
            self.language = language_of(text)
            self._guarded(lambda: self._turn({"text": text}))

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do it; on a terminal what fails ends the turn and not the conversation."""
        try:
            work()
        except CliError as error:
            self.code = error.exit_code
            if not sys.stdin.isatty():
                raise
            output.note(error.message, colour="bad")
            if error.next_step:
                output.note(error.next_step)
        except KeyboardInterrupt:
            if not self._begun:
                raise
            self.hub.post(path_of("threads", self.thread, ":stop"))
            output.note(say(self.language, "stopped"))
            self.code = Exit.INTERRUPTED

    def _turn(self, body: dict[str, Any]) -> None:
        self._begun = True
        turn = Turn(self.hub, Told(self.thread, new_id("turn")), self.language)
        told = turn.play(body)
        self.code = told.exit_code
        shown = self.plan.get("digest")
        self.waiting, self.plan = told.waiting, self._found(told.waiting.get("plan_id"))
        self.card = told.card or (self.card if self.plan.get("digest") == shown else {})
        if self.plan and self.plan["digest"] != shown:
            show_card(self.plan, told.card, self.language)
        ended_note(told, self.language)
        self._offer()

    def _found(self, plan_id: str | None) -> dict[str, Any]:
        return dict(self.hub.get(path_of("plans", plan_id), language=self.language)) if plan_id else {}

    def _decide(self, approved: bool, reason: str) -> None:
        """Decide as the person whose token this is, then let the conversation go on."""
        if not self.plan:
            raise CliError(Exit.ERROR, say(self.language, "nothing"), code="not_found")
        if not approved and not reason:
            raise CliError(Exit.ERROR, say(self.language, "why"), code="invalid_input")
        if approved and self.plan["risk"] == "destructive" and not self._named():
            raise CliError(Exit.REFUSED, say(self.language, "wrong_name"))
        decision = "approve" if approved else "reject"
        body = {"decision": decision, "reason": reason or "approved in the chat", "digest": self.plan["digest"]}
        self.hub.post(path_of("plans", self.plan["id"], ":decide"), body)
        key = "approved" if approved else "rejected"
        output.note(say(self.language, key, plan=self.plan["id"]), colour="ok" if approved else "")
        self._go_on(self.plan["id"])

    def _named(self) -> bool:
        output.note(say(self.language, "name", target=self.plan["target"]))
        return (_read() or "").strip() == str(self.plan["target"])

    def _go_on(self, plan_id: str) -> None:
        self._turn({"resume": [{"interruptId": plan_id, "status": "resolved"}], "messages": []})

    def _come_back(self) -> None:
        """Show what was said last, and what waits; go on where a human decided meanwhile."""
        found = self.hub.get(path_of("threads", self.thread))
        self._begun = True
        remarks = found["remarks"][-_REMEMBERED:]
        if remarks:
            self.language = language_of(next((item["text"] for item in remarks if item["by"] == "user"), ""))
        for remark in remarks:
            output.note(f"{'> ' if remark['by'] == 'user' else ''}{remark['text']}", colour="dim")
        if not found["plan_id"]:
            return
        plan = self._found(found["plan_id"])
        if plan["state"] != "pending" or found["waiting"] is None:
            self._guarded(lambda: self._go_on(plan["id"]))
            return
        self.plan, self.card, self.waiting, self.code = plan, dict(found["plan"]), found["waiting"], Exit.WAITING
        show_card(plan, self.card, self.language)
        self._offer()

    def _show_again(self) -> None:
        if not self.plan:
            output.note(say(self.language, "nothing"))
            return
        show_card(self.plan, self.card, self.language)
        self._offer()

    def _offer(self) -> None:
        if self.plan:
            output.note(offer(self.waiting, self.language))


def _list(hub: Hub, form: Form) -> None:
    found = hub.all("/threads")
    if form is not Form.TABLE:
        output.data(found["items"], form)
        return
    rows = [
        [item["id"], str(item["updated_at"])[:16].replace("T", " "), item["outcome"], item["plan_id"], item["title"]]
        for item in found["items"]
    ]
    output.table(["thread", "last", "outcome", "waits for", "title"], rows, empty="No conversations yet: opstwin chat")


def _read() -> str | None:
    """The next line, None at the end of the input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline() or None
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - gives `input` a history and keys to edit with
    try:
        return input("› ")
    except EOFError:
        return None
