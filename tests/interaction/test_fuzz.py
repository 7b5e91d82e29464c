"""Every route, fed with what its own schema allows and with what it forbids: typed refusals, never a fault, no effect."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi import checks

from tests.interaction.house import URL, House

EXAMPLES = 45
_CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder: Path = tmp_path_factory.mktemp("house")
    return asyncio.run(House(folder).furnish())


@pytest.fixture(scope="module")
def api(house: House) -> Any:
    headers = {"Authorization": f"Bearer {house.tokens['owner']}", "Host": "127.0.0.1:7373"}
    return schemathesis.openapi.from_asgi("/openapi.json", house.app, headers=headers)


schema = schemathesis.pytest.from_fixture("api")
count = 0


@pytest.mark.proves("E1")
@pytest.mark.req("S5.28", "S5.84")
@schema.parametrize()
@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_no_input_makes_the_hub_fail_or_act(case: schemathesis.Case, house: House) -> None:
    global count
    count += 1
    headers = {"Authorization": f"Bearer {house.tokens['owner']}", "Host": "127.0.0.1:7373"}
    case.call_and_validate(headers=headers, checks=_CHECKS)
    assert not house.effects


def test_zz():
    print("COUNT", count)
