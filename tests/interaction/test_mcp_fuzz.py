"""Ten thousand calls that nobody foresaw: each gets an answer that says what was wrong, and nothing is changed."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.resource import Desired
from tests.interaction.golden_tools import definitions
from tests.interaction.house import House
from tests.interaction.mcp_wire import wire

CASES = 10_000
SEED = 20_261_121
UNLIMITED = {
    "rate_per_minute": 0, "rate_changes_per_minute": 0, "waiting_plans": 0, "log_level": "ERROR",
}  # fmt: skip
TEXTS = (
    "", " ", "web", "local", "local/container/web-1", "plan_0", "exec_0", "nosuch", "-1", "--kubeconfig=/x", "-s",
    "$(touch /tmp/x)", "`id`", "; rm -rf /", "a\nb", "a\x00b",
    "../../etc/passwd", "%2e%2e/x", "\u202egnp.exe", "\u200b",
    "a" * 5000, "한글 이름", "💥" * 50, "{{7*7}}", "'; DROP TABLE plans;--", "http://169.254.169.254/", "file:///etc/passwd",
    "deploy app:1 as web with 2 replicas", "scale web to 3", "remove web", "restart web", "true", "null", "1e999",
    "(a+)+$", "sha256:" + "0" * 64, '{"lc": 1, "type": "secret"}', "<script>alert(1)</script>", "\ud800",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, 2**200, 1.5, -0.0, 1e308, [], {}, [[]], {"": ""}, ["a", 1, None],
    {"confirm": True}, [{"a": [{"b": []}]}],
)  # fmt: skip


class Maker:
    """Makes arguments for a tool: some as its schema asks, some with one thing wrong, some all wrong."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def arguments(self, schema: dict[str, Any]) -> Any:
        kind = self._chance.random()
        if kind < 0.03:
            return self._chance.choice(ODD)
        properties = schema["properties"]
        names = [name for name in properties if name in schema.get("required", ()) or self._chance.random() < 0.4]
        made = {name: self._value(properties[name]) for name in names}
        if kind < 0.5 and made:
            made[self._chance.choice(list(made))] = self._odd()
        if kind < 0.15:
            made[self._chance.choice(("confirm", "force", "__proto__", "", "approved", "x" * 300))] = self._odd()
        if 0.15 < kind < 0.2 and made:
            made.pop(self._chance.choice(list(made)))
        return made

    def _odd(self) -> Any:
        return self._chance.choice(ODD if self._chance.random() < 0.5 else TEXTS)

    def _value(self, schema: dict[str, Any]) -> Any:
        if "enum" in schema:
            return self._chance.choice(schema["enum"])
        kind = schema.get("type")
        if kind == "string":
            return self._chance.choice(TEXTS)
        if kind == "integer":
            return self._chance.choice((0, 1, 2, 10, 100, 10**6))
        if kind == "number":
            return self._chance.choice((0, 0.5, 10.0, 3600))
        if kind == "boolean":
            return self._chance.random() < 0.5
        if kind == "array":
            return [self._value(schema.get("items", {})) for _ in range(self._chance.randrange(3))]
        if kind == "object":
            return {self._chance.choice(TEXTS): self._chance.choice(TEXTS) for _ in range(self._chance.randrange(3))}
        return self._odd()


def cases() -> Iterator[tuple[str, Any]]:
    """The same ten thousand calls each time."""
    maker = Maker(random.Random(SEED))
    offered = definitions()
    for number in range(CASES):
        tool = offered[number % len(offered)]
        arguments = maker.arguments(tool["inputSchema"])
        if isinstance(arguments, dict) and "wait_s" in arguments:
            arguments["wait_s"] = 0 if isinstance(arguments["wait_s"], int) else arguments["wait_s"]
        elif isinstance(arguments, dict) and tool["name"] == "plan_apply":
            arguments["wait_s"] = 0
        yield tool["name"], arguments


@pytest.mark.proves("E1", "E2", "E3", "E4")
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_ten_thousand_calls_get_typed_answers_and_change_nothing(tmp_path: Path) -> None:
    house = await House(tmp_path, settings=UNLIMITED).furnish()
    async with house.caller() as person:
        plan = await person.approved()
        await person.post(f"/plans/{plan['id']}:apply")
    await house.work()
    effects, desired = house.effects, await house.services.ledger.all(Desired)
    canary = Path("/tmp/x").exists()
    answered = 0
    async with wire(house) as line:
        for tool, arguments in cases():
            answer = await line.call(tool, arguments)
            assert answer.status_code < 500, (tool, arguments, answer.text)
            said = answer.json()
            assert said.get("error", {}).get("code") != -32603, (tool, arguments, said)
            result = said.get("result", {})
            if result.get("isError"):
                error = result["structuredContent"]["error"]
                assert error["code"] != "internal", (tool, arguments, error)
                assert error["message"], (tool, arguments, error)
                assert error["next_step"] or error["details"], (tool, arguments, error)
            answered += 1
    assert answered == CASES
    assert house.effects == effects
    assert await house.services.ledger.all(Desired) == desired
    others = [item for item in await house.services.ledger.all(Plan) if item.id != plan["id"]]
    assert {item.state for item in others} <= {PlanState.PENDING, PlanState.STALE}
    assert Path("/tmp/x").exists() == canary
