"""The tool that runs commands, over HTTP: at once, or as a plan; and what never counts as an approval."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from opstwin.clock import VirtualClock
from opstwin.targets.sim.faults import Fault, FaultKind
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.commands import exec_brief, exec_text
from opstwin.tools.plan_briefs import execution_brief
from tests.interaction.house import API, House

WEB = "local/container/web-1"


@pytest.fixture
async def busy(tmp_path: Path) -> House:
    """A house in which one container runs."""
    return await furnished(tmp_path, VirtualClock())


class Stopped(VirtualClock):
    """Time that can be made to stand still: what waits then waits for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.stops = False
        self.waited_for = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if self.stops:
            self.waited_for.set()
            await asyncio.Event().wait()
        await super().sleep(seconds)


async def furnished(folder: Path, clock: VirtualClock) -> House:
    house = await House(folder, clock=clock).furnish()
    house.world.run("web-1", "app:1", env={"API_TOKEN": "s3cret-value", "COLOUR": "blue"})
    await house.services.observer.discover("local")
    async with house.caller() as owner:
        assert (await owner.post(f"/resources/{WEB}:adopt", {})).status_code == 200
    return house


async def asked(house: House, role: str = "planner", **body: Any) -> Any:
    async with house.caller(role) as client:
        return await client.post("/exec", body)


async def decided(house: House, plan_id: str, decision: str = "approve") -> None:
    async with house.caller("operator") as client:
        digest = (await client.get(f"/plans/{plan_id}")).json()["digest"]
        answer = await client.post(f"/plans/{plan_id}:decide", {"decision": decision, "digest": digest, "reason": "x"})
    assert answer.status_code == 200, answer.text


@pytest.mark.req("S3.83")
async def test_a_command_that_only_reads_answers_with_its_result(busy: House) -> None:
    for resource in (WEB, "web-1"):
        answer = await asked(busy, resource=resource, argv=["hostname"])
        assert answer.status_code == 200, answer.text
        said = answer.json()
        assert (said["resource"], said["argv"], said["read_only"], said["status"]) == (WEB, ["hostname"], True, "done")
        assert (said["exit_code"], said["stdout"], said["stderr"], said["truncated"]) == (0, "web-1\n", "", False)
        assert said["duration_s"] >= 0
        assert said["plan_id"] is None


@pytest.mark.req("S3.G3")
async def test_any_other_command_answers_with_a_plan_that_waits_and_nothing_ran(busy: House) -> None:
    answer = await asked(busy, resource="web-1", argv=["env"])
    said = answer.json()
    assert (answer.status_code, said["status"], said["read_only"]) == (200, "waiting_for_human", False)
    assert said["risk"] == "destructive"
    assert said["digest"].startswith("sha256:")
    assert said["approve_url"].endswith(f"/plans/{said['plan_id']}")
    assert f"opstwin approve {said['plan_id']}" in said["hint"]
    assert said["exit_code"] is None
    assert not [row for row in await busy.audit() if row.action.startswith("exec.")]


@pytest.mark.req("S3.G3")
async def test_once_a_human_approved_it_runs_and_its_plan_tells_what_it_said(busy: House) -> None:
    plan = (await asked(busy, resource="web-1", argv=["env"])).json()["plan_id"]
    assert (await asked(busy, plan_id=plan)).json()["status"] == "waiting_for_human"
    await decided(busy, plan)
    assert (await asked(busy, resource="web-1", argv=["env"])).json()["plan_id"] == plan
    assert (await asked(busy, plan_id=plan)).json()["status"] == "approved"
    async with busy.caller("planner") as client:
        assert (await client.post(f"/plans/{plan}:apply")).status_code == 202
        assert (await asked(busy, plan_id=plan)).json()["status"] == "running"
        await busy.work()
    said = (await asked(busy, plan_id=plan)).json()
    assert (said["status"], said["exit_code"], said["read_only"]) == ("done", 0, False)
    assert said["stdout"] == "API_TOKEN=***\nCOLOUR=blue\n"
    async with busy.caller("planner") as client:
        [started] = (await client.get(f"/executions?plan_id={plan}")).json()["items"]
        whole = (await client.get(f"/executions/{started['id']}")).json()
    assert execution_brief(whole)["hint"] == f"what it said: exec_run(plan_id={plan})"


async def test_a_rejected_command_never_runs(busy: House) -> None:
    plan = (await asked(busy, resource="web-1", argv=["env"])).json()["plan_id"]
    await decided(busy, plan, "reject")
    async with busy.caller("owner") as client:
        assert (await client.post(f"/plans/{plan}:apply")).status_code == 409
    await busy.work()
    said = (await asked(busy, plan_id=plan)).json()
    assert (said["status"], said["exit_code"]) == ("rejected", None)
    assert not [row for row in await busy.audit() if row.action.startswith("exec.")]


@pytest.mark.proves("G7", "I1")
@pytest.mark.parametrize(
    "extra", ["confirm", "approved", "approve", "force", "yes", "read_only", "shell", "digest", "risk"]
)
@pytest.mark.parametrize("argv", [["env"], ["ps"]])
async def test_no_field_of_the_call_is_an_approval(busy: House, extra: str, argv: list[str]) -> None:
    for value in (True, "approve", 1):
        answer = await asked(busy, resource="web-1", argv=argv, **{extra: value})
        assert answer.status_code == 422
        assert answer.json()["details"]["field"] == extra
    assert not [row for row in await busy.audit() if row.action.startswith(("exec.", "plan."))]


@pytest.mark.proves("E2", "I1")
@pytest.mark.parametrize(
    "argv", ["ps aux", ["ps", 1], [], [""], ["a\x00b"], ["--help"], [["ps"]], None, ["x"] * 65, ["x" * 5000]]
)
async def test_a_command_that_is_not_a_list_of_words_is_refused(busy: House, argv: Any) -> None:
    answer = await asked(busy, resource="web-1", argv=argv)
    assert answer.status_code == 422, answer.text
    assert answer.json()["details"]["field"].split(".")[0] in ("argv", "body")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "resource"), ({"resource": "web-1"}, "argv"), ({"argv": ["ps"]}, "resource"),
        ({"plan_id": "plan_1", "argv": ["ps"]}, "plan_id"), ({"resource": "-x", "argv": ["ps"]}, "resource"),
        ({"resource": "web-1", "argv": ["ps"], "timeout_s": 0}, "timeout_s"),
        ({"resource": "web-1", "argv": ["ps"], "timeout_s": 301}, "timeout_s"),
        ({"resource": "local/volume/data", "argv": ["ps"]}, "resource"), ({"plan_id": "nonsense"}, "plan_id"),
    ],
)  # fmt: skip
async def test_what_is_missing_or_wrong_is_named(busy: House, body: dict[str, Any], field: str) -> None:
    answer = await asked(busy, **body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["details"]["field"] == field


async def test_a_plan_of_something_else_tells_no_output(busy: House) -> None:
    async with busy.caller("owner") as client:
        plan = await client.planned("deploy app:1 as shop")
    answer = await asked(busy, plan_id=plan["id"])
    assert (answer.status_code, answer.json()["details"]["field"]) == (422, "plan_id")


async def test_the_scope_is_needed(busy: House) -> None:
    for role in ("viewer", "operator"):
        assert (await asked(busy, role, resource="web-1", argv=["ps"])).status_code == 403


async def test_the_host_needs_a_target_that_an_administrator_added(busy: House) -> None:
    answer = await asked(busy, resource="host", argv=["uptime"])
    assert answer.status_code == 404
    assert "opstwin targets add host --backend host" in answer.json()["next_step"]


async def test_a_repeated_call_with_the_same_key_runs_the_command_once(busy: House) -> None:
    async with busy.caller("planner") as client:
        for _ in range(2):
            answer = await client.post("/exec", {"resource": "web-1", "argv": ["ps"]}, Idempotency_Key="one")
            assert answer.status_code == 200
    assert len([row for row in await busy.audit() if row.action == "exec.intended"]) == 1


@pytest.mark.proves("I7")
async def test_a_client_that_closes_the_connection_ends_the_command(tmp_path: Path) -> None:
    """The application is called as a server calls it, so that the connection can be closed in the middle."""
    busy = await furnished(tmp_path, clock := Stopped())
    busy.world.faults.add(Fault(kind=FaultKind.HANG, call="exec"))
    clock.stops = True
    body = json.dumps({"resource": WEB, "argv": ["ps"]}).encode()
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    messages.put_nowait({"type": "http.request", "body": body, "more_body": False})
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": f"{API}/exec", "raw_path": f"{API}/exec".encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"127.0.0.1:7373"), (b"content-type", b"application/json"),
                    (b"authorization", f"Bearer {busy.tokens['planner']}".encode())],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 7373), "state": {},
    }  # fmt: skip

    async def send(message: Any) -> None:
        return

    serving = asyncio.create_task(busy.app(scope, messages.get, send))  # type: ignore[arg-type]
    await asyncio.wait_for(clock.waited_for.wait(), 10)
    messages.put_nowait({"type": "http.disconnect"})
    await asyncio.wait_for(serving, 2)
    [row] = [row for row in await busy.audit() if row.action == "exec.failed"]
    assert (row.subject, row.reason) == (WEB, "cancelled, outcome unknown")


async def test_a_short_answer_leaves_out_what_the_caller_said_and_cuts_long_output(busy: House) -> None:
    said = (await asked(busy, resource="web-1", argv=["ps"])).json()
    brief = exec_brief({**said, "stdout": "x" * 100_000, "truncated": True})
    assert len(str(brief["stdout"])) < 7_000
    assert "argv" not in brief
    assert brief["exit_code"] == 0
    assert "exit code 0" in exec_text(brief)
    waiting = exec_brief((await asked(busy, resource="web-1", argv=["env"])).json())
    text = exec_text(waiting)
    assert str(waiting["plan_id"]) in text
    assert "Next: a human decides" in text


def test_the_tool_is_offered_with_the_hosts_as_one_that_may_destroy() -> None:
    tool = REGISTRY["exec_run"]
    assert tool.quotes == "command output"
    assert (tool.changes, tool.outward, tool.repeatable, tool.ends_with_caller) == (True, True, False, True)
    assert len(tool.purpose) <= 110
