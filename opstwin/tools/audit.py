"""Tools about the audit: reading it, checking its chain, and taking its signed head elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from opstwin.domain.access import Scope
from opstwin.domain.audit import AuditRow
from opstwin.domain.values import Json
from opstwin.errors import InvalidInput
from opstwin.tools.fields import ExecutionName, Nothing, Paging, PlanName, Word
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, Tool, Toolset
from opstwin.tools.services import Services
from opstwin.tools.views import Listed


class AuditAsk(Paging):
    """Which rows of the audit."""

    action: Word | None = None
    subject: Annotated[str | None, Field(min_length=1, max_length=500)] = None
    plan_id: PlanName | None = None
    execution_id: ExecutionName | None = None
    newest_first: bool = True


class VerifyAsk(Ask):
    """An earlier head and the key saved with it, to see that the chain goes on from there; or nothing."""

    head: dict[str, Json] | None = None
    public_key: Annotated[str | None, Field(min_length=1, max_length=4096)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedView:
    """A sound chain: how many rows, and the hash of the last."""

    ok: bool
    rows: int
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView:
    """The public half of the key that signs heads, PEM."""

    public_key: str


async def _list(services: Services, _caller: Caller, ask: AuditAsk) -> Listed[AuditRow]:
    given = {"action": ask.action, "subject": ask.subject, "plan_id": ask.plan_id, "execution_id": ask.execution_id}
    where = {key: value for key, value in given.items() if value is not None}
    page = await services.auditing.list(where, after=ask.cursor, limit=ask.limit, newest_first=ask.newest_first)
    return Listed(items=page.items, next=page.next)


async def _verify(services: Services, _caller: Caller, ask: VerifyAsk) -> VerifiedView:
    if ask.head is not None and ask.public_key is not None:
        found = await services.auditing.verify_head(ask.head, ask.public_key)
    elif ask.head is None and ask.public_key is None:
        found = await services.auditing.verify()
    else:
        raise InvalidInput(
            "A head and its public key belong together.", field="public_key", next_step="Give both, or neither."
        )
    return VerifiedView(ok=True, rows=found.rows, head=found.head)


async def _head(services: Services, _caller: Caller, _ask: Nothing) -> Mapping[str, Json]:
    return await services.auditing.export_head()


async def _key(services: Services, _caller: Caller, _ask: Nothing) -> KeyView:
    return KeyView(public_key=await services.auditing.public_key())


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="audit_list",
        title="Read the audit",
        purpose="Who did what, on whose behalf, with which approval and outcome; refusals too.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=AuditAsk,
        output=Listed[AuditRow],
        handler=_list,
        toolset=Toolset.ADMIN,
        route=Route(method="GET", path="/audit"),
    ),
    Tool(
        name="audit_verify",
        title="Check the audit's chain",
        purpose="Check every row of the audit; the first bad one is named.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=VerifyAsk,
        output=VerifiedView,
        handler=_verify,
        toolset=Toolset.ADMIN,
        route=Route(method="POST", path="/audit:verify"),
    ),
    Tool(
        name="audit_head",
        title="Export the signed head",
        purpose="The signed last row of the audit, to keep on another machine: it betrays a chain that was rebuilt.",
        effect=Effect.READ,
        scope=Scope.ADMIN,
        input=Nothing,
        output=Mapping[str, Json],
        handler=_head,
        route=Route(method="GET", path="/audit/head"),
    ),
    Tool(
        name="audit_key",
        title="The audit's public key",
        purpose="The public half of the key that signs heads; keep it beside them.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=Nothing,
        output=KeyView,
        handler=_key,
        route=Route(method="GET", path="/audit/key"),
    ),
)
