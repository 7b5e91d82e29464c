"""A log that cannot be written, because its disk is full or its reader is gone, stops nothing but itself."""

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from opstwin.logs import configure_logs, logger


class Flaky(io.StringIO):
    """A stream that takes nothing while it is `full`, and then only the first half of what it is given."""

    full = False

    def write(self, text: str) -> int:
        if self.full:
            super().write(text[: len(text) // 2])
            raise OSError(28, "No space left on device")
        return super().write(text)


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Leave logging to the other tests as it was."""
    yield
    structlog.reset_defaults()


@pytest.mark.proves("D2")
def test_a_log_on_a_full_disk_is_lost_and_nothing_else() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        configure_logs("INFO", "json", full)
        for number in range(1000):
            logger().info("told", number=number)
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())


def test_a_log_whose_reader_is_gone_is_lost_and_nothing_else() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as nobody:
        configure_logs("INFO", "json", nobody)
        logger().info("told")
        os.dup2(os.open(os.devnull, os.O_WRONLY), nobody.fileno())


def test_the_first_line_after_a_loss_is_whole() -> None:
    out = Flaky()
    configure_logs("INFO", "json", out)
    logger().info("before")
    out.full = True
    logger().info("lost")
    out.full = False
    logger().info("after")
    lines = [line for line in out.getvalue().splitlines() if line]
    assert json.loads(lines[0])["event"] == "before"
    assert json.loads(lines[-1])["event"] == "after"
