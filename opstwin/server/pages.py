"""The HTML pages as text, made from the answers of tools. Everything from outside is escaped.

The plan's page shows the structured changes alone: neither the request nor a note that somebody wrote is on it, so no
words can make a delete look like a scaling. Of the notes only fixed sentences of ours stand beside them (`told_note`).
"""

import html
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from opstwin.control.told_notes import told_note
from opstwin.domain import plan_text
from opstwin.domain.plan import Summary
from opstwin.domain.plan_text import safe, summary_line
from opstwin.domain.text import lettered
from opstwin.server.page_style import STYLE
from opstwin.server.page_words import words

_CLASSES: Final = (("-/+", "mod"), ("+", "add"), ("-", "del"), ("~", "mod"), ("#", "why"))
_SAID_BESIDE: Final = 3
"""Lines at the end of a plan that its page says elsewhere: counts, risk and digest."""

_NAMES: Final = 3
"""So many workloads of a plan are named in a list."""

_COMMANDS: Final = (
    ("see", "opstwin get"),
    ("plan", 'opstwin plan "deploy nginx:1.27 as web with 2 replicas on port 8080"'),
    ("decide", "opstwin approve PLAN    opstwin reject PLAN --reason …"),
    ("apply", "opstwin apply PLAN"),
    ("history", "opstwin history"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every page needs: the language, and who is signed in with which form token for signing out."""

    language: str
    signed_in: str = ""
    sign_out_token: str = ""

    def say(self, key: str, **values: object) -> str:
        """A fixed text, escaped."""
        return text(words(key, self.language, **values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Whether and how the reader may decide on a plan: `hint` says what to know, `form_token` "" means not at all."""

    form_token: str = ""
    hint: str = ""
    hint_class: str = ""
    may_approve: bool = False
    error: str = ""
    reason: str = ""


def text(value: object) -> str:
    """`value` as text for HTML: escaped, and with characters that hide or pose as others shown as their codes."""
    return html.escape(lettered(safe(str(value))), quote=True)


def page(frame: Frame, title: str, body: str, *, status: int = 200, head: str = "") -> Response:
    """A whole page; only its own style runs in it, and nothing else."""
    nonce = secrets.token_urlsafe(16)
    content = (
        f'<!doctype html><html lang="{frame.language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title} · Opstwin</title>'
        f'<link rel="icon" href="data:,">{head}<style nonce="{nonce}">{STYLE}</style></head><body>'
        f'{_header(frame)}<main id="main">{body}</main><footer></footer></body></html>'
    )
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    return Response(content, status, {"Content-Security-Policy": policy}, "text/html")


def home(frame: Frame, plans: Iterable[Mapping[str, Any]]) -> Response:
    """What waits for a decision, and how to go on."""
    rows = "".join(_plan_item(frame, plan) for plan in plans)
    example = f'<p class="cmd"><code>{text(_COMMANDS[1][1])}</code></p>'
    waiting = (
        f'<ul class="plans">{rows}</ul>'
        if rows
        else f'<p class="lead">{frame.say("nothing_waits")}</p><p class="soft">{frame.say("ask_for")}</p>{example}'
    )
    commands = "".join(f"<span>{frame.say(key)}</span><code>{text(command)}</code>" for key, command in _COMMANDS)
    body = (
        f'<h1>{frame.say("waiting")}</h1><section class="card">{waiting}</section>'
        f'<section class="card"><h2>{frame.say("commands")}</h2><div class="cmd">{commands}</div></section>'
    )
    return page(frame, frame.say("waiting"), body)


def plan(frame: Frame, shown: Mapping[str, Any], desk: Desk, *, status: int = 200) -> Response:
    """One plan: what it does, who may decide, and the decision."""
    title = frame.say("plan_on", target=shown["target"])
    body = (
        f'<p class="small"><a href="/">← {frame.say("back")}</a></p><h1>{title}</h1>{_tags(frame, shown)}'
        f"{_banner(frame, desk)}{_taint(frame, shown)}"
        f'<section class="card"><h2>{frame.say("what_happens")}</h2>'
        f'<p class="lead">{_counts(frame, shown)}</p>'
        f"<pre>{diff(shown['lines'][:-_SAID_BESIDE])}</pre>"
        f'<p class="soft small">{frame.say("from_diff")}</p></section>{_notes(frame, shown)}'
        f'<section class="card"><dl>{_facts(frame, shown)}</dl></section>{_decisions(frame, shown)}'
        f"{_form(frame, shown, desk)}"
    )
    return page(frame, title, body, status=status)


def message(frame: Frame, title: str, lines: Iterable[str], *, status: int = 200, head: str = "") -> Response:
    """A page that says one thing; `lines` are HTML."""
    body = f'<h1>{title}</h1><section class="card">{"".join(f"<p>{line}</p>" for line in lines)}</section>'
    return page(frame, title, body, status=status, head=head)


def diff(lines: Iterable[str]) -> str:
    """The lines of a plan with a class for each sign; the sign itself stays, so colour is never the only mark."""
    return "".join(f'<span class="{_class_of(line)}">{text(line) or "&nbsp;"}</span>' for line in lines)


def _class_of(line: str) -> str:
    bare = line.lstrip()
    head = " head" if line[:3].strip() and line[3:4] == " " else ""
    return next((name + head for sign, name in _CLASSES if bare.startswith(sign + " ")), "")


def _header(frame: Frame) -> str:
    who = ""
    if frame.signed_in:
        who = (
            f'<div class="who"><span>{frame.say("signed_in")} <b>{text(frame.signed_in)}</b></span>'
            f'<form method="post" action="/logout"><input type="hidden" name="token" value="{frame.sign_out_token}">'
            f'<button class="link">{frame.say("sign_out")}</button></form></div>'
        )
    return f'<a class="skip" href="#main">↓</a><header><a class="name" href="/">Opstwin</a>{who}</header>'


def _plan_item(frame: Frame, shown: Mapping[str, Any]) -> str:
    return (
        f'<li><a href="/plans/{text(shown["id"])}"><span class="what"><b>{_named(frame, shown)}</b>'
        f"<span>{_counts(frame, shown)}</span>"
        f'<span class="soft small">{text(shown["target"])} · <span class="mono">{text(shown["id"])}</span> · '
        f"{text(shown['requested_by']['id'])} · {_moment(shown['created_at'])}</span></span>"
        f"{_risk(frame, shown)}</a></li>"
    )


def _named(frame: Frame, shown: Mapping[str, Any]) -> str:
    """What the plan is about: its workloads, else its target."""
    names = list(shown["workloads"])
    more = f" {frame.say('more', count=len(names) - _NAMES)}" if len(names) > _NAMES else ""
    return text(", ".join(names[:_NAMES]) or shown["target"]) + more


def _risk(frame: Frame, shown: Mapping[str, Any]) -> str:
    risk = shown["risk"]
    return f'<span class="tag {text(risk)}">{frame.say("risk")}: {frame.say("risk_" + risk)}</span>'


def _counts(frame: Frame, shown: Mapping[str, Any]) -> str:
    counts = {name: number for name, number in shown["summary"].items() if name != "text"}
    return text(summary_line(Summary(**counts), frame.language))


def _tags(frame: Frame, shown: Mapping[str, Any]) -> str:
    return (
        f'<div class="tags">{_risk(frame, shown)}'
        f'<span class="tag {text(shown["state"])}">{frame.say("state_" + shown["state"])}</span></div>'
    )


def _banner(frame: Frame, desk: Desk) -> str:
    if desk.error:
        return f'<div class="note bad" role="alert"><b>{frame.say("went_wrong")}</b><br>{text(desk.error)}</div>'
    return f'<div class="note {desk.hint_class}" role="status">{desk.hint}</div>' if desk.hint else ""


def _taint(frame: Frame, shown: Mapping[str, Any]) -> str:
    """What of the request stands in texts of others; the words are quoted and can be no others than were matched."""
    if not shown["tainted"]:
        return ""
    matches = (shown.get("taint") or {}).get("matches", ())
    rows = "".join(
        f"<li>{frame.say('read_in', text=plan_text.shown(item['text']), source=item['source'])}, "
        f"{_moment(item['at'])}</li>"
        for item in matches
    )
    return f'<div class="note bad" role="alert"><b>{frame.say("tainted")}</b>{f"<ul>{rows}</ul>" if rows else ""}</div>'


def _notes(frame: Frame, shown: Mapping[str, Any]) -> str:
    """What the changes cannot say, such as which digest a tag stands for."""
    told = [note for item in shown["notes"] if (note := told_note(item, frame.language))]
    if not told:
        return ""
    rows = "".join(f"<li>{text(note)}</li>" for note in told)
    return f'<section class="card"><h2>{frame.say("to_know")}</h2><ul class="notes">{rows}</ul></section>'


def _facts(frame: Frame, shown: Mapping[str, Any]) -> str:
    by = shown["requested_by"]
    human = f" ({frame.say('on_behalf_of', human=by['on_behalf_of'])})" if by.get("on_behalf_of") else ""
    rule = shown["rule"]
    setters = sorted({name for change in shown["changes"] for name in change.get("asked_by", ())})
    facts = (
        ("requested_by", f"{text(by['id'])} · {frame.say('kind_' + by['kind'])}{human}"),
        *((("set_directly_by", text(", ".join(setters))),) if setters else ()),
        ("created", _moment(shown["created_at"])),
        ("expires", _moment(shown["expires_at"])),
        ("who", frame.say("anybody" if rule["self_approval"] else "other", count=rule["approvals"])),
        ("digest", f'<span class="mono">{text(shown["digest"])}</span>'),
    )
    return "".join(f"<dt>{frame.say(key)}</dt><dd>{value}</dd>" for key, value in facts)


def _decisions(frame: Frame, shown: Mapping[str, Any]) -> str:
    if not shown["approvals"]:
        return ""
    rows = "".join(
        f"<dt>{text(item['decided_by_id'])}</dt><dd><b>{frame.say(item['decision'] + '_done')}</b> · "
        f"{_moment(item['decided_at'])}{'<br>' + text(item['reason']) if item['reason'] else ''}</dd>"
        for item in shown["approvals"]
    )
    return f'<section class="card"><h2>{frame.say("decisions")}</h2><dl>{rows}</dl></section>'


def _form(frame: Frame, shown: Mapping[str, Any], desk: Desk) -> str:
    if not desk.form_token:
        return ""
    confirm = ""
    if shown["risk"] == "destructive" and desk.may_approve:
        confirm = (
            f'<label for="confirm">{frame.say("confirm", target=shown["target"])}</label>'
            '<input type="text" id="confirm" name="confirm" autocomplete="off" required>'
        )
    approve = (
        f'<button class="go" name="decision" value="approve">{frame.say("approve")}</button>'
        if desk.may_approve
        else ""
    )
    return (
        f'<form class="card" method="post" action="/plans/{text(shown["id"])}">'
        f'<input type="hidden" name="token" value="{desk.form_token}">'
        f'<input type="hidden" name="digest" value="{text(shown["digest"])}">'
        f'<label for="reason">{frame.say("reason")}</label>'
        f'<textarea id="reason" name="reason" maxlength="2000" placeholder="{frame.say("reason_hint")}">'
        f"{text(desk.reason)}</textarea>{confirm}"
        f'<div class="buttons">{approve}<button class="no" name="decision" value="reject" formnovalidate>'
        f"{frame.say('reject')}</button></div></form>"
    )


def _moment(value: object) -> str:
    """A moment to the minute, in UTC."""
    shown = text(value)
    return f'<time datetime="{shown}">{shown[:16].replace("T", " ")} UTC</time>'
