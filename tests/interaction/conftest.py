"""The furnished house that most tests of the faces live in."""

from pathlib import Path

import pytest

from tests.interaction.house import House


@pytest.fixture
async def house(tmp_path: Path) -> House:
    return await House(tmp_path).furnish()
