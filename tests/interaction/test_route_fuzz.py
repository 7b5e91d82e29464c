"""Ten thousand requests on all routes that nobody foresaw: a typed answer each, and what is refused changes nothing."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.compacting import input_schema
from opstwin.tools.registry import AnyTool
from tests.interaction.asgi import Answered, Wire, send
from tests.interaction.house import API, House
from tests.interaction.test_backups import Copying
from tests.interaction.test_mcp_fuzz import SEED, UNLIMITED, Maker

CASES = 10_000
EACH = -(-CASES // len(REGISTRY))
FACES_OWN = ("response_format", "fields", "wait_s")
"""What only MCP clients may say."""

NAMES = ("local", "web", "plan_0", "exec_0", "local/container/web-1", "0" * 64)


def requests(tool: AnyTool) -> Iterator[tuple[Wire, bytes]]:
    """The same requests each time, with what its schema allows and with what it forbids."""
    chance = random.Random(f"{SEED} {tool.name}")
    maker = Maker(chance)
    schema = input_schema(tool)
    properties: Any = schema["properties"]
    asked = {**schema, "properties": {name: form for name, form in properties.items() if name not in FACES_OWN}}
    for _ in range(EACH):
        given = maker.arguments(asked)
        fields: dict[str, Any] = dict(given) if isinstance(given, dict) else {}
        fields.pop("follow", None)  # a stream that goes on has no answer to look at
        path = tool.route.path.replace(":path}", "}")
        for name in tool.route.variables:
            value = fields.pop(name, None) if chance.random() < 0.5 else chance.choice(NAMES)
            path = path.replace(f"{{{name}}}", quote(str(value), safe="/", errors="replace"))
        headers = {"if-match": chance.choice(('"0"', '"1"', "0", "*"))} if tool.route.if_match else {}
        if tool.route.method == "GET":
            query = urlencode({name: str(value) for name, value in fields.items()}, errors="replace")
            yield Wire(API + path, "GET", headers, query), b""
        else:
            body = fields if isinstance(given, dict) else given
            yield Wire(API + path, tool.route.method, headers), json.dumps(body).encode()


async def answered(house: House, wire: Wire, body: bytes) -> Answered:
    sender = {"authorization": f"Bearer {house.tokens['owner']}", "content-type": "application/json"}
    wire.headers = {**sender, **wire.headers}
    return await send(house.app, wire, [body])


@pytest.mark.proves("E1")
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_ten_thousand_requests_get_typed_answers_and_a_refused_one_changes_nothing(tmp_path: Path) -> None:
    house = await House(tmp_path, store=Copying(), settings=UNLIMITED).furnish()
    effects, asked = house.effects, 0
    for tool in REGISTRY:
        known, succeeded = len(await house.audit()), 0
        for wire, body in requests(tool):
            answer = await answered(house, wire, body)
            asked += 1
            where = (tool.name, wire.path[:200], wire.query[:200], body[:300], answer.body[:300])
            assert answer.status < 500 or answer.json()["code"] in ("model", "store_unavailable"), where
            succeeded += answer.status < 400
            if answer.status >= 400:
                refusal = answer.json()
                assert refusal["code"] not in ("", "internal"), where
                assert refusal["detail"], where
                assert refusal["next_step"], where
        new = [row for row in (await house.audit())[known:] if row.outcome == "ok"]
        assert succeeded or not new, (tool.name, new[:3])
    await house.work()
    assert asked >= CASES
    assert house.effects == effects
