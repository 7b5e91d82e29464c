"""A process that is killed while it commits loses nothing that it acknowledged."""

import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from opstwin.domain.event import Event
from opstwin.domain.resource import Desired
from opstwin.twin.opening import open_store
from tests.contract.twin_places import checked_audit, everything

COMMITTER = Path(__file__).with_name("committer.py")
KILLS = 20


def killed_after(url: str, prefix: str, lines: int) -> list[str]:
    """What a committing process had said when it was killed: at least so many lines, cut wherever the signal met it."""
    with subprocess.Popen(
        [sys.executable, COMMITTER, url, prefix, "100000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        said += child.stdout.readlines()
        child.wait()
    assert child.returncode == -signal.SIGKILL, "the process ended by itself"
    return [line.strip() for line in said if line.startswith("ok ") and line.endswith("\n")]


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_every_acknowledged_commit_survives_being_killed(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(20260105)
    path = tmp_path / "twin.db"
    url = f"sqlite:///{path}" if kind == "sqlite" else request.getfixturevalue("postgres_database")
    acknowledged: dict[str, str] = {}
    for turn in range(KILLS):
        for line in killed_after(url, f"k{turn:02d}", chance.randint(2, 60)):
            _, number, audit_seq = line.split()
            acknowledged[f"k{turn:02d}-{int(number):06d}"] = audit_seq
        if kind == "sqlite":
            with closing(sqlite3.connect(path)) as file:
                assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(acknowledged) > KILLS
    store = await open_store(url)
    names = {item.name for item in await everything(store, Desired)}
    rows = {row.details["id"]: row for row in await checked_audit(store)}
    events = [event.message for event in await everything(store, Event)]
    await store.close()
    assert acknowledged.keys() <= names
    for name, audit_seq in acknowledged.items():
        assert str(rows[f"local/container/{name}"].seq) == audit_seq
    # Whole or not at all: each record has its audit row and its event, acknowledged or not.
    assert {f"local/container/{name}" for name in names} == rows.keys()
    assert sorted(events) == sorted(names)
