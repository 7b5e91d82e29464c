"""Known secrets in answers of the HTTP API to agents, in the audit's transcripts, and in commands shown to anybody."""

import asyncio
import json
from typing import Any

import pytest

from opstwin.domain.audit import AuditRow
from opstwin.domain.secret_text import without_secrets
from opstwin.logs import MASK, looks_secret, redacted_line
from tests.interaction.asgi import Wire, stream
from tests.interaction.house import API, House, within
from tests.interaction.test_canaries import FILE, FOREIGN, poisoned, traces

LURE = "local/container/lure-2"


@pytest.fixture
async def leaky(house: House) -> House:
    """A house whose containers tell the twin's secrets without a name for them."""
    await poisoned(house)
    house.world.run("lure-2", "app:1", env={"COLOUR": FILE}, command=["serve", FILE, "--password", FOREIGN])
    house.world.say("lure-2", f"saw {FILE}")
    await house.services.observer.discover("local")
    return house


async def got(house: House, path: str, role: str = "planner") -> Any:
    async with house.caller(role) as client:
        answer = await client.get(path)
    assert answer.status_code == 200, (path, answer.text)
    return answer


@pytest.mark.proves("J1")
@pytest.mark.parametrize(
    "path",
    [
        "/resources", "/resources/local/container/lure-1", "/resources/local/container/lure-1/logs", "/events",
        "/plans", "/drift", f"/resources/{LURE}", f"/resources/{LURE}/logs",
    ],
)  # fmt: skip
async def test_no_http_answer_to_an_agent_holds_a_secret(leaky: House, path: str) -> None:
    assert not traces((await got(leaky, path)).text)


@pytest.mark.proves("J1")
async def test_a_command_that_shows_a_secret_shows_an_agent_a_mask_and_the_audit_keeps_one(leaky: House) -> None:
    async with leaky.caller("planner") as agent:
        answer = await agent.post("/exec", {"resource": LURE, "argv": ["ps"]})
    assert answer.status_code == 200, answer.text
    assert MASK in answer.json()["stdout"]
    assert not traces(answer.text)
    rows = [row for row in await leaky.audit() if row.action.startswith("exec.")]
    assert [row.action for row in rows] == ["exec.intended", "exec.finished"]
    assert not traces(str(rows))


@pytest.mark.proves("J1")
async def test_the_transcript_of_an_approved_command_holds_no_secret_in_any_row(leaky: House) -> None:
    async with leaky.caller("owner") as person:
        await person.post(f"/resources/{LURE}:adopt", {})
        made = (await person.post("/exec", {"resource": LURE, "argv": ["echo", FILE]})).json()
    async with leaky.caller("operator") as person:
        body = {"decision": "approve", "digest": made["digest"], "reason": "x"}
        assert (await person.post(f"/plans/{made['plan_id']}:decide", body)).status_code == 200
        assert (await person.post(f"/plans/{made['plan_id']}:apply")).status_code == 202
    await leaky.work()
    rows = [row for row in await leaky.services.ledger.all(AuditRow) if "argv" in row.details]
    assert {"step.intended", "exec.finished", "step.done"} <= {row.action for row in rows}
    assert not traces(str(rows))
    async with leaky.caller("planner") as agent:
        told = (await agent.post("/exec", {"plan_id": made["plan_id"]})).json()
    assert (told["status"], told["stdout"].strip()) == ("done", MASK)


@pytest.mark.proves("J1")
async def test_a_failure_told_to_an_agent_holds_no_secret(leaky: House) -> None:
    async with leaky.caller("planner") as agent:
        answer = await agent.post("/exec", {"resource": f"local/container/{FILE}", "argv": ["ps"]})
    assert answer.status_code == 404
    assert MASK in answer.json()["detail"]
    assert not traces(answer.text)


@pytest.mark.proves("J1")
async def test_a_stream_to_an_agent_holds_no_secret_and_no_line_of_a_private_key(leaky: House) -> None:
    for line in ("-----BEGIN PRIVATE KEY-----", "MIIBplainbase64line", "-----END PRIVATE KEY-----", "after"):
        leaky.world.say("lure-2", line)
    given = {"authorization": f"Bearer {leaky.tokens['planner']}", "accept": "text/event-stream"}
    seen: list[str] = []
    async with stream(leaky.app, Wire(f"{API}/resources/{LURE}/logs", headers=given)) as events:
        while "after" not in str(seen[-1:]):
            item = await within(10, asyncio.ensure_future(events.frame()))
            seen.append(json.dumps(item))
    assert any(f"saw {MASK}" in item for item in seen)
    assert not traces(" ".join(seen))
    assert "MIIB" not in " ".join(seen)


@pytest.mark.parametrize("role", ["owner", "viewer", "planner"])
async def test_a_secret_in_a_command_is_masked_for_everybody(leaky: House, role: str) -> None:
    shown = (await got(leaky, f"/resources/{LURE}", role)).json()["observed"]["spec"]["command"]
    assert shown[2:] == ["--password", MASK]
    listed = (await got(leaky, "/resources", role)).json()["items"]
    assert FOREIGN not in str([item["observed"]["spec"]["command"] for item in listed if item["name"] == "lure-2"])


async def test_a_person_reads_what_was_written_otherwise_as_it_is(leaky: House) -> None:
    assert f"saw {FILE}" in (await got(leaky, f"/resources/{LURE}/logs", "owner")).text


async def test_an_agent_reads_text_as_it_is_apart_from_secrets(leaky: House) -> None:
    leaky.world.say("lure-2", "# [a](http://b) \u202e *c*")
    assert "# [a](http://b) \u202e *c*" in (await got(leaky, f"/resources/{LURE}/logs")).json()["items"][-1]["text"]


@pytest.mark.proves("J1")
@pytest.mark.parametrize(
    "text",
    [
        "Server=db;Uid=sa;Pwd=canary;Encrypt=1", "UID=sa;PWD=/canary;", "PWD=canary", "pwd: canary", "MYSQL_PWD=canary",
        "AccountName=x;AccountKey=canary==", '{"pwd": "canary"}',
    ],
)  # fmt: skip
def test_passwords_of_connection_strings_are_masked(text: str) -> None:
    assert "canary" not in without_secrets(text)
    assert "canary" not in redacted_line(text)


@pytest.mark.parametrize("text", ["PWD=/usr/src/app", "OLDPWD=/root HOME=/root", '"PWD": "/app"', "pwd is /app"])
def test_the_folder_of_a_shell_stays_readable(text: str) -> None:
    assert without_secrets(text) == text
    assert redacted_line(text) == text
    assert not looks_secret("PWD")
    assert looks_secret("MYSQL_PWD")
