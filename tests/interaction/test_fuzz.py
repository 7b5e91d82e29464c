"""Every route, fed with what its schema allows and with what it forbids: typed refusals, no fault, no effect."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from opstwin.tools.all_tools import REGISTRY
from opstwin.twin.memory import MemoryStore
from tests.interaction.house import House

EXAMPLES = 24
"""For each tool and mode: more than two thousand calls in all, in half a minute."""

_CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


class Copying(MemoryStore):
    """A twin that can be backed up, as those with a database can."""

    async def backup(self, path: Path) -> None:
        path.write_text("copy")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder: Path = tmp_path_factory.mktemp("house")
    return asyncio.run(House(folder, store=Copying()).furnish())


@pytest.fixture(scope="module")
def api(house: House) -> Any:
    headers = {"Authorization": f"Bearer {house.tokens['owner']}", "Host": "127.0.0.1:7373"}
    return schemathesis.openapi.from_asgi("/openapi.json", house.app, headers=headers)


@pytest.mark.proves("E1")
@pytest.mark.req("S5.28", "S5.84")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "forbidden"])
@pytest.mark.parametrize("name", [tool.name for tool in REGISTRY])
def test_no_input_makes_the_hub_fail_or_act(api: Any, house: House, name: str, mode: GenerationMode) -> None:
    headers = {"Authorization": f"Bearer {house.tokens['owner']}", "Host": "127.0.0.1:7373"}
    operation = api.find_operation_by_id(name)

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def each(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=headers, checks=_CHECKS)

    each()
    assert not house.effects
