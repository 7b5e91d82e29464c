"""The HTML pages: sign in, see what waits, decide. Every decision goes through the same tools as everything else."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from opstwin.domain.access import Scope
from opstwin.domain.values import Json
from opstwin.errors import Forbidden, InvalidInput, NotFound, OpstwinError, Unauthenticated
from opstwin.server import pages
from opstwin.server.page_words import language_of, words
from opstwin.server.pages import Desk, Frame
from opstwin.server.problems import STATUS, Refused, framework_error
from opstwin.server.reading import query_of, read_form
from opstwin.server.sessions import COOKIE, form_token, form_token_fits
from opstwin.tools import guard
from opstwin.tools.registry import Caller, Registry
from opstwin.tools.services import Services

_FORM_LIMIT: Final = 64 * 1024
_SIGN_OUT: Final = "sign-out"


class Site:
    """Answers the pages."""

    def __init__(self, services: Services, registry: Registry) -> None:
        self._services = services
        self._registry = registry

    async def home(self, request: Request) -> Response:
        """The plans that wait for a decision."""
        asked: dict[str, Json] = {"state": "pending", "limit": "100"}
        listed = await self._read("plans_list", request, asked)
        return pages.home(_frame(request), [plan for plan in listed["items"] if not self._is_over(plan)])

    async def plan(self, request: Request) -> Response:
        """One plan with its form; a page that says so where there is none."""
        try:
            shown = await self._shown(request)
        except (NotFound, InvalidInput):
            return nothing_page(request, "no_plan")
        return pages.plan(_frame(request), shown, self._desk(request, shown))

    async def decide(self, request: Request) -> Response:
        """The form of a plan. Anything but the button Approve is a reject; the form must be this session's own."""
        form = await read_form(request, _FORM_LIMIT)
        caller: Caller = request.state.caller
        raw: dict[str, Json] = {
            "id": request.path_params["id"], "decision": form.get("decision", ""),
            "reason": " ".join(form.get("reason", "").split()), "digest": form.get("digest", ""),
        }  # fmt: skip
        tool = self._registry["plan_decide"]
        await guard.admit(tool, self._services, caller, raw)
        self._check_token(request, f"plan:{raw['id']}", form)
        shown = await self._shown(request)
        try:
            _check_confirmed(shown, form)
            await guard.call(tool, self._services, caller, raw)
        except OpstwinError as error:
            desk = self._desk(request, await self._shown(request), error=str(error), reason=str(raw["reason"]))
            return pages.plan(_frame(request), shown, desk, status=STATUS[type(error)])
        return RedirectResponse(f"/plans/{raw['id']}", 303)

    async def login(self, request: Request) -> Response:
        """Exchange a one-time code for a session; the cookie is for this hub's own pages only."""
        frame = Frame(language=_language(request))
        if request.headers.get("sec-purpose", request.headers.get("purpose", "")):
            return pages.message(frame, frame.say("sign_in"), [frame.say("sign_in_how")], status=425)
        try:
            issued = await self._services.people.redeem(query_of(request).get("code", ""))
        except Unauthenticated:
            lines = [frame.say("link_used"), frame.say("sign_in_how")]
            return pages.message(frame, frame.say("sign_in"), lines, status=401)
        link = f'<a href="/">{frame.say("go_on")}</a>'
        answer = pages.message(
            frame, frame.say("welcome"), [link], head='<meta http-equiv="refresh" content="0;url=/">'
        )  # fmt: skip
        ends_at = issued.credential.expires_at
        left = (ends_at - self._services.ledger.clock.now()).total_seconds() if ends_at else 0
        answer.set_cookie(
            COOKIE, issued.secret, max_age=int(left), httponly=True, samesite="strict", path="/",
            secure=request.url.scheme == "https",
        )  # fmt: skip
        return answer

    async def logout(self, request: Request) -> Response:
        """End the session for good, here and wherever its cookie was copied to."""
        self._check_token(request, _SIGN_OUT, await read_form(request, _FORM_LIMIT))
        caller: Caller = request.state.caller
        await self._services.people.revoke(request.state.credential_id, caller.actor)
        frame = Frame(language=_language(request))
        answer = pages.message(frame, frame.say("sign_out"), [frame.say("sign_in_how")])
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    async def _read(self, name: str, request: Request, raw: Mapping[str, Json]) -> dict[str, Any]:
        tool = self._registry[name]
        found: dict[str, Any] = await guard.call(tool, self._services, request.state.caller, raw, as_text=True)
        return found

    async def _shown(self, request: Request) -> dict[str, Any]:
        asked: dict[str, Json] = {"id": request.path_params["id"], "language": _language(request)}
        return await self._read("plan_show", request, asked)

    def _desk(self, request: Request, shown: Mapping[str, Any], *, error: str = "", reason: str = "") -> Desk:
        caller: Caller = request.state.caller
        frame = _frame(request)
        if shown["state"] == "approved":
            command = f"<code>opstwin apply {pages.text(shown['id'])}</code>"
            return Desk(hint=f"{frame.say('next_apply')} {command}", hint_class="good", error=error)
        if shown["state"] != "pending":
            state = words(f"state_{shown['state']}", frame.language)
            return Desk(hint=frame.say("decided", state=state), error=error)
        if self._is_over(shown):
            return Desk(hint=frame.say("expired"), hint_class="bad", error=error)
        if not caller.is_person or Scope.APPROVE not in caller.scopes or not request.state.session:
            return Desk(hint=frame.say("people_decide"), hint_class="bad", error=error)
        mine = shown["requested_by"]["id"] == caller.principal.id or (
            shown["requested_by"].get("on_behalf_of") == caller.principal.id
        )
        may_approve = shown["rule"]["self_approval"] or not mine
        token = form_token(request.state.session, f"plan:{shown['id']}")
        if shown["moved"]:
            return Desk(form_token=token, hint=frame.say("moved"), hint_class="bad", error=error, reason=reason)
        hint = "" if may_approve else frame.say("not_you")
        return Desk(form_token=token, hint=hint, may_approve=may_approve, error=error, reason=reason)

    def _is_over(self, shown: Mapping[str, Any]) -> bool:
        return bool(datetime.fromisoformat(shown["expires_at"]) <= self._services.ledger.clock.now())

    def _check_token(self, request: Request, subject: str, form: Mapping[str, str]) -> None:
        if not form_token_fits(request.state.session, subject, form.get("token", "")):
            raise Refused(
                403,
                Forbidden("This form is not from your own session.", next_step="Open the page again and use its form."),
            )


def sign_in_page(request: Request) -> Response:
    """What a reader sees who is not signed in. The link helps when another site led here: the cookie comes then."""
    frame = Frame(language=_language(request))
    link = f'<a href="{pages.text(request.url.path)}">{frame.say("try_again")}</a>'
    return pages.message(frame, frame.say("sign_in"), [frame.say("sign_in_how"), link], status=401)


def nothing_page(request: Request, key: str = "nothing_here", status: int = 404) -> Response:
    """What a reader sees who is signed in and asks for what is not there."""
    frame = _frame(request)
    link = f'<a href="/">← {frame.say("back")}</a>'
    return pages.message(frame, frame.say(key), [link], status=status)


async def lost(request: Request, error: Exception) -> Response:
    """The answer where no route is: a page for a browser's reader, the error as JSON for everybody else."""
    assert isinstance(error, HTTPException)
    wants_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if error.status_code != 404 or not wants_page or not hasattr(request.state, "caller"):
        return await framework_error(request, error)
    return nothing_page(request)


def _frame(request: Request) -> Frame:
    caller: Caller = request.state.caller
    session = request.state.session
    token = form_token(session, _SIGN_OUT) if session else ""
    name = caller.principal.display_name if session else ""
    return Frame(language=_language(request), signed_in=name, sign_out_token=token)


def _language(request: Request) -> str:
    return language_of(request.headers.get("accept-language", ""))


def _check_confirmed(shown: Mapping[str, Any], form: Mapping[str, str]) -> None:
    approving = form.get("decision") == "approve"
    if approving and shown["risk"] == "destructive" and form.get("confirm", "").strip() != shown["target"]:
        raise Forbidden("The name of the target does not match.", next_step="Type it as it is written above the field.")
