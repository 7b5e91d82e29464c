"""Who may call what: every tool, every role, at the call and not only in a list."""

import pytest

from opstwin.domain.access import Scope
from opstwin.errors import Forbidden
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.registry import AnyTool, Effect
from tests.interaction.house import API, ROLES, Client, House

NOBODY = "nobody"
SAMPLE = {
    "id": {
        "targets": "local", "plans": "plan_0", "executions": "exec_0", "people": "owner", "tokens": "0" * 64,
        "resources": "local/container/web-1", "twin": "local/container/web-1", "runs": "run_1", "threads": "thread_0",
    },
    "target": {"workloads": "local"},
    "name": {"workloads": "web"},
}  # fmt: skip


def expected(tool: AnyTool, role: str) -> bool:
    """The permission matrix, written out from the scopes by hand: who gets past the door of a tool."""
    if role == NOBODY:
        return False
    agent = ROLES[role] is None
    scopes = ROLES[role] or frozenset(Scope) - {Scope.APPROVE}
    if agent:
        return not tool.people_only and tool.scope is not Scope.APPROVE and tool.scope in scopes
    return tool.scope in scopes


def address(tool: AnyTool) -> str:
    """The route of a tool with something in it."""
    path = tool.route.path.replace(":path}", "}")
    family = path.split("/")[1].split(":")[0].split("{")[0]
    for name in tool.route.variables:
        path = path.replace(f"{{{name}}}", SAMPLE[name][family])
    return path


OWN_TALK = ("chat", "thread_stop", "thread_delete")
"""Everybody has conversations of their own; what comes of them needs the scopes that it needs everywhere."""

MAY_CHANGE = {
    "viewer": {*OWN_TALK},
    "operator": {
        "target_mode", "desired_put", "adopt", "healing_resume", "plan_create", "plan_decide", "plan_apply",
        "execution_cancel", "rollback_plan", "component_never_created", "run_create", *OWN_TALK,
    },
    "planner": {
        "exec_run", "plan_create", "plan_apply", "execution_cancel", "rollback_plan", "run_create",
        *OWN_TALK,
    },
}  # fmt: skip
"""Written out by hand, so that a scope that is changed by mistake in a declaration is noticed."""


async def call(client: Client, tool: AnyTool) -> int:
    headers = {"If-Match": '"0"'} if tool.route.if_match else {}
    body = None if tool.route.method == "GET" else {}
    answer = await client.http.request(tool.route.method, API + address(tool), json=body, headers=headers)
    return answer.status_code


@pytest.mark.proves("F1")
@pytest.mark.parametrize("role", [*ROLES, NOBODY])
async def test_every_tool_refuses_exactly_those_who_may_not_use_it(house: House, role: str) -> None:
    async with house.caller(None if role == NOBODY else role) as client:
        got = {tool.name: await call(client, tool) for tool in REGISTRY}
    wanted = {tool.name: expected(tool, role) for tool in REGISTRY}
    refused = 401 if role == NOBODY else 403
    assert {name: status != refused for name, status in got.items()} == wanted
    assert not house.effects


@pytest.mark.proves("F1")
@pytest.mark.parametrize("role", MAY_CHANGE)
async def test_what_a_role_may_change_is_what_was_decided(house: House, role: str) -> None:
    changing = [tool for tool in REGISTRY if tool.effect is not Effect.READ]
    async with house.caller(role) as client:
        allowed = {tool.name for tool in changing if await call(client, tool) != 403}
    assert allowed == MAY_CHANGE[role]


@pytest.mark.proves("F1")
async def test_a_refused_change_is_written_into_the_audit_with_who_tried(house: House) -> None:
    async with house.caller("viewer") as client:
        for tool in REGISTRY:
            await call(client, tool)
    refused = [row for row in await house.audit() if row.outcome == "refused"]
    changing = {f"tool.{tool.name}" for tool in REGISTRY if tool.effect is not Effect.READ}
    assert {row.action for row in refused} == changing - {f"tool.{name}" for name in OWN_TALK}
    assert {row.actor.id for row in refused} == {"viewer"}


@pytest.mark.proves("F5")
async def test_the_ids_of_others_cannot_be_told_from_ids_that_do_not_exist(house: House) -> None:
    """Tokens and accounts are an administrator's: for everybody else a true id and a made-up one look the same."""
    [token] = await house.services.people.credentials("owner")
    async with house.caller("operator") as client:
        for true, false in (
            (f"/tokens/{token.id}:revoke", f"/tokens/{'f' * 64}:revoke"),
            ("/people/owner/tokens", "/people/nobody/tokens"),
            ("/people/owner:login", "/people/nobody:login"),
        ):
            answers = [await client.post(path) for path in (true, false)]
            shown = [{k: v for k, v in answer.json().items() if k != "request_id"} for answer in answers]
            assert shown[0] == shown[1]
            assert {answer.status_code for answer in answers} == {403}
    assert (await house.services.people.credentials("owner"))[0].revoked_at is None


@pytest.mark.proves("F5")
@pytest.mark.parametrize(
    "path",
    [
        "/plans/plan_0000000000", "/executions/exec_0000000000", "/targets/elsewhere", "/workloads/local/none",
        "/resources/local/container/none", "/resources/elsewhere/container/web-1/logs", "/people/nobody/tokens",
    ],
)  # fmt: skip
async def test_a_guessed_id_is_not_found(house: House, path: str) -> None:
    async with house.caller() as client:
        answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
    assert answer.json()["next_step"]


async def test_a_revoked_token_and_a_shut_out_account_are_refused_at_once(house: House) -> None:
    async with house.caller("owner") as admin, house.caller("viewer") as viewer, house.caller("operator") as operator:
        assert (await viewer.get("/hub")).status_code == 200
        assert (await operator.get("/hub")).status_code == 200
        [token] = (await admin.get("/people/viewer/tokens")).json()["items"]
        assert (await admin.post(f"/tokens/{token['id']}:revoke")).status_code == 200
        changed = await admin.http.patch(f"{API}/people/operator", json={"deactivate": True})
        assert changed.status_code == 200
        assert (await viewer.get("/hub")).status_code == 401
        assert (await operator.get("/hub")).status_code == 401


async def test_an_agent_never_gets_the_scope_to_approve(house: House) -> None:
    async with house.caller() as client:
        made = await client.post("/people/agents", {"id": "bot", "display_name": "Bot", "scopes": ["plan:approve"]})
        changed = await client.http.patch(f"{API}/people/planner", json={"scopes": ["plan:approve"]})
    assert made.status_code == changed.status_code == 422
    assert made.json()["details"]["field"] == "scopes"


async def test_the_registry_refuses_a_tool_for_approving_to_anybody_but_people() -> None:
    approving = [tool for tool in REGISTRY if tool.scope is Scope.APPROVE]
    assert [tool.name for tool in approving] == ["plan_decide"]
    assert all(tool.people_only for tool in approving)


async def test_the_guard_refuses_at_the_call_whatever_the_face_lists(house: House) -> None:
    """The check is in the guard itself: a face that forgets to hide a tool changes nothing."""
    from opstwin.control.people import actor_of
    from opstwin.tools import guard
    from opstwin.tools.registry import Caller

    viewer = await house.services.people.get("viewer")
    caller = Caller(principal=viewer, scopes=viewer.scopes, actor=actor_of(viewer, "test"), request_id="req_1")
    with pytest.raises(Forbidden):
        await guard.call(REGISTRY["plan_apply"], house.services, caller, {"id": "plan_0"})
