"""Fixtures of the reliability tests: real hub processes, and file systems to break beneath them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.hubs import Hub, running
from tests.storage.conftest import ext4_image, mounted

__all__ = ["ext4_image", "mounted"]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub of the test's own, with the simulated target `local`, for one operator."""
    with running(tmp_path, policy="solo") as made:
        yield made


@pytest.fixture(scope="session")
def hub_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One hub for tests that do not get in each other's way."""
    with running(tmp_path_factory.mktemp("hub"), policy="solo") as made:
        yield made
