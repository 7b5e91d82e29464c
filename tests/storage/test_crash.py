"""A process that is killed while it commits loses nothing that it acknowledged."""

import os
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
KILLS = {"sqlite": 40, "postgres": 20}


class Nursery:
    """Starts committing processes quickly, one after the other, and kills them."""

    def __init__(self, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, COMMITTER, url, "nursery"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> "Nursery":
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.communicate(timeout=30)

    def killed_after(self, prefix: str, lines: int) -> list[tuple[str, str]]:
        """What a process had acknowledged when it was killed, somewhere behind so many lines."""
        assert self.process.stdin is not None
        print(prefix, file=self.process.stdin, flush=True)
        child = int(self.heard().split()[1])
        said = [self.heard() for _ in range(lines)]
        os.kill(child, signal.SIGKILL)
        while said[-1] != "gone":
            said.append(self.heard())
        good = [line.split() for line in said if line.startswith("ok ")]
        return [(f"{prefix}-{int(number):06d}", audit_seq) for _, number, audit_seq in good]

    def heard(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KILLS)
async def test_every_acknowledged_commit_survives_being_killed(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(20260105)
    path = tmp_path / "twin.db"
    url = f"sqlite:///{path}" if kind == "sqlite" else request.getfixturevalue("postgres_database")
    acknowledged: dict[str, str] = {}
    with Nursery(url) as nursery:
        for turn in range(KILLS[kind]):
            acknowledged.update(nursery.killed_after(f"k{turn:02d}", chance.randint(1, 40)))
            if kind == "sqlite":
                with closing(sqlite3.connect(path)) as file:
                    assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(acknowledged) > KILLS[kind]
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
