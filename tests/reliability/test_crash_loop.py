"""A hub that keeps being killed: it waits longer each time, says so, and is ready only once it took up what it left."""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from opstwin.control.recovering import FREE_CRASHES, MOST
from opstwin.domain.values import canonical
from opstwin.server.serving import HUB_FILE
from opstwin.wiring.starts import STARTS_FILE
from tests.reliability.accounting import check_finished
from tests.reliability.hubs import ENDED, Hub, in_the_middle, running, until
from tests.surroundings import bare_environment

ROOT = Path(__file__).parents[2]
KILLS = 20
LONG_S = 1000.0
"""A first pause that no test outlives: until it is over, nothing may be taken up."""

SHORT_S = 0.02
PLACE = ("seq", "at", "uptime_s", "prev_hash", "hash")
"""What tells two rows of the audit apart that say the same."""


@pytest.fixture
def crashing(tmp_path: Path) -> Iterator[Hub]:
    """A hub that earns a long pause as soon as it has crashed too often."""
    with running(tmp_path, policy="solo", crash_backoff_s=str(LONG_S)) as made:
        yield made


def killed(hub: Hub) -> None:
    """Kill the hub and start it again, as a supervisor does."""
    hub.down(signal.SIGKILL)
    hub.up()


def pauses(hub: Hub) -> list[float]:
    """How long each start of the hub said that it waits."""
    return [line["pause_s"] for line in hub.log_lines() if line.get("event") == "hub_pauses"]


def check_waits(hub: Hub, id: str, before: str) -> None:
    """It answers, says why it is not ready, and has not touched what it left."""
    assert hub.ask("GET", "/health").status == 200
    answer = hub.ready()
    assert answer.status == 503
    assert list(answer.body["down"]) == ["recovery"]
    assert "without being stopped" in answer.body["down"]["recovery"]
    assert hub.standing(id) == before


def repeated(hub: Hub) -> list[str]:
    """What stands in the audit more than once, moment and place in the chain aside."""
    rows = hub.get("/audit?limit=1000")["items"]
    told = [canonical({k: v for k, v in row.items() if k not in PLACE}) for row in rows]
    return [text for text, count in Counter(told).items() if count > 1]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.proves("A5")
def test_twenty_kills_are_answered_with_longer_pauses_and_the_work_is_then_done_once(crashing: Hub) -> None:
    hub = crashing
    for _ in range(FREE_CRASHES):
        killed(hub)
    id = in_the_middle(hub)
    killed(hub)
    left = hub.standing(id)
    assert hub.execution(id)["state"] not in ENDED
    for _ in range(FREE_CRASHES + 1, KILLS):
        check_waits(hub, id, left)
        killed(hub)
    assert pauses(hub) == [LONG_S * min(2**turn, MOST) for turn in range(KILLS - FREE_CRASHES)]

    hub.more["OPSTWIN_CRASH_BACKOFF_S"] = str(SHORT_S)
    killed(hub)
    until(lambda: hub.ready().status == 200)
    assert hub.execution(id)["state"] in ENDED
    check_finished(hub, id)
    assert repeated(hub) == []


@pytest.mark.proves("A5")
def test_a_clean_stop_is_no_crash_however_often_it_happens(crashing: Hub) -> None:
    for _ in range(FREE_CRASHES + 2):
        crashing.down()
        assert not (crashing.folder / "data" / STARTS_FILE).exists()
        crashing.up()
    assert pauses(crashing) == []
    assert crashing.ready().status == 200


@pytest.mark.proves("A5")
def test_a_hub_that_is_told_to_stop_before_it_serves_stops_cleanly(tmp_path: Path) -> None:
    """It has said where it is, so others may know of it: its file and its mark must not stay behind."""
    code = """
import os, signal, sys
from pathlib import Path
from opstwin.server.serving import serve
from opstwin.settings import Settings
settings = Settings(data_dir=Path(sys.argv[1]), port=0, detect_docker=False)
serve(settings, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
"""
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path / "data")], cwd=ROOT, env=bare_environment(),
                           capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert {STARTS_FILE, HUB_FILE}.isdisjoint(item.name for item in (tmp_path / "data").iterdir())
