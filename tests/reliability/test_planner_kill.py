"""kill -9 between every pair of steps of a conversation; another process takes it up: the same end, one effect."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from opstwin.agent.graph import KNOWN
from tests.reliability.planner_runs import DECIDE, NO_PLACE, TALES, furnished, lived

LEAST = {"deploy": 13, "deploy with a model": 11, "ask and change": 14, "ask a model": 10}
"""Places to die in each story, a little below what there are now: steps that are not kept would make them fewer."""


def swept(folder: Path, tale: str, server: str = "") -> dict[str, Any]:
    """What came of each kill, and of no kill."""
    folder.mkdir()
    words = ["tests.reliability.planner_runs", str(folder), tale, server, str(TALES[tale].every)]
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, timeout=580, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert "end" in found["whole"], done.stderr[-3000:]
    return found


def check(found: dict[str, Any], tale: str) -> None:
    """Every kill came to the same end as none."""
    end = found["whole"]["end"]
    assert len(found["runs"]) >= LEAST[tale], "fewer places to die than steps"
    for run in [*found["runs"], found["last"]]:
        assert run.get("end") == end, run
    assert set(end["executions"]) == {"succeeded"}
    assert len(end["executions"]) == end["approvals"] == TALES[tale].acts.count(DECIDE) + 2 * TALES[tale].stands


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.proves("A3")
@pytest.mark.parametrize("tale", list(TALES))
def test_killed_anywhere_a_conversation_ends_the_same_with_one_effect(tmp_path: Path, tale: str) -> None:
    found = swept(tmp_path / "sweep", tale)
    check(found, tale)
    if tale == "deploy":
        assert found["whole"]["end"]["effects"] == ["create local/container/web-1", "create local/container/web-2"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.proves("A3")
def test_the_same_holds_where_twin_and_conversations_are_in_postgresql(tmp_path: Path, postgres_database: str) -> None:
    check(swept(tmp_path / "sweep", "deploy with a model", postgres_database), "deploy with a model")


async def test_the_stories_go_through_every_step_of_the_graph(tmp_path: Path) -> None:
    steps: set[str] = set()
    for name, tale in TALES.items():
        folder = tmp_path / name
        folder.mkdir()
        url = f"sqlite:///{folder / 'twin.db'}"
        await furnished(folder, url, tale)
        steps.update((await lived(folder, url, tale, NO_PLACE))["steps"])
    assert steps == KNOWN
