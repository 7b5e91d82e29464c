"""The audit of a hub process: whole whatever the clock and the texts do, and no mutation without it."""

import asyncio
import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from opstwin.clock import SystemClock
from opstwin.control.actors import HUB
from opstwin.control.ids import RandomIds
from opstwin.control.ledger import Ledger
from opstwin.domain.audit import AuditEntry
from opstwin.domain.names import is_storable
from opstwin.twin.opening import open_store
from tests.reliability.accounting import check_finished
from tests.reliability.hubs import API, Hub, in_the_middle, running, unready, until


def faked_clock(file: Path) -> dict[str, str]:
    """Environment of a process whose wall clock is off by what the file says; its monotonic clock is left alone."""
    faketime = shutil.which("faketime")
    if faketime is None:
        pytest.fail("faketime was not found: apt-get install faketime", pytrace=False)
    said = subprocess.run(
        [faketime, "-m", "-f", "+0", "printenv", "LD_PRELOAD"], capture_output=True, text=True, check=True
    )
    file.write_text("+0\n")
    return {
        "LD_PRELOAD": said.stdout.strip(), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_CACHE_DURATION": "1",
        "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # Its own mending of waits on the monotonic clock makes Python's lock slow.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
    }  # fmt: skip


def audit(hub: Hub) -> list[dict[str, Any]]:
    """All rows, as the list gives them: newest first."""
    rows: list[dict[str, Any]] = hub.get("/audit?limit=1000")["items"]
    return rows


@pytest.mark.proves("K5")
def test_a_clock_that_jumps_back_two_hours_changes_neither_the_order_of_the_audit_nor_what_is_applied(
    tmp_path: Path,
) -> None:
    clock = tmp_path / "clock"
    with closing(Hub(tmp_path, more={"OPSTWIN_POLICY": "solo", **faked_clock(clock)})) as hub:
        hub.up()
        hub.add(f"sim://{tmp_path / 'world.json'}")
        id = in_the_middle(hub)
        last = audit(hub)[0]
        clock.write_text("-2h\n")
        until(lambda: audit(hub)[0]["at"] < last["at"])
        check_finished(hub, id)
        hub.change("deploy redis:7 as cache")
        assert hub.execution(id)["finished_at"] < hub.execution(id)["started_at"]
        rows = audit(hub)
        hub.ok("audit", "verify")
        shown = hub.json("audit", "list", "--limit", "1000")["items"]
    assert [row["seq"] for row in rows] == list(range(len(rows), 0, -1))
    assert [row["seq"] for row in shown] == list(range(len(shown), 0, -1))
    [jump] = [row for row, newer in zip(rows[1:], rows, strict=False) if newer["at"] < row["at"]]
    assert jump["seq"] >= last["seq"]
    # The second clock shows how long it really took.
    uptimes = [row["uptime_s"] for row in reversed(rows)]
    assert uptimes == sorted(uptimes)
    assert uptimes[-1] - uptimes[0] < 300


NASTY = [
    "two\nlines", '{"seq": 1, "action": "plan.approve"}', "\x1b[2J\x1b[31mred", "x\r\naudit ok", "\u202egnp.exe",
    "a\x00b", "\u2028next", "%0a%0d", "${jndi:x}", "</script>",
]  # fmt: skip


@pytest.mark.proves("K6")
@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_a_reason_that_tries_to_be_more_than_one_record_is_one_record_or_none(hub_once: Hub, text: str) -> None:
    plan = hub_once.planned("deploy redis:7 as cache")
    seen = audit(hub_once)[0]["seq"]
    lines = len(raw_log(hub_once))
    answer = hub_once.decide(plan, "reject", text)
    new = [row for row in audit(hub_once) if row["seq"] > seen and row["action"] == "plan.reject"]
    if answer.status == 200:
        [row] = new
        assert (row["reason"], row["subject"], row["outcome"]) == (text, plan["id"], "ok")
    else:
        assert answer.status == 422
        assert answer.body["details"]["field"] in ("reason", "body")
        assert new == []
    assert hub_once.post("/audit:verify").status == 200
    # A line of the log is one JSON object.
    logged = [json.loads(line) for line in raw_log(hub_once)[lines:]]
    assert sum(line["path"].endswith(":decide") for line in logged if line["event"] == "request") == 1


@pytest.mark.proves("K6")
def test_texts_that_try_to_be_more_are_shown_on_a_terminal_as_one_row_each(hub_once: Hub) -> None:
    """The hub's doors refuse most of them; a target or a later version may bring one in all the same."""
    texts = [text for text in NASTY if is_storable(text)]
    entries = [AuditEntry(action="test.nasty", subject=text, actor=HUB, reason=text) for text in texts]
    asyncio.run(written(hub_once, entries))
    shown = hub_once.ok("audit", "list", "--limit", "50")
    assert not {"\x1b", "\r", "\u202e", "\u2028", "\x00"} & set(shown)
    rows = [line for line in shown.splitlines() if "test.nasty" in line]
    assert len(rows) == len(texts) == len(NASTY) - 1
    assert [line for line in shown.splitlines() if line.startswith(("lines", "audit ok", "next"))] == []


async def written(hub: Hub, entries: list[AuditEntry]) -> None:
    """Write rows beside the hub, straight into its twin."""
    store = await open_store(f"sqlite:///{hub.folder / 'data' / 'twin.db'}")
    try:
        await Ledger(store, SystemClock(), RandomIds()).commit([], entries)
    finally:
        await store.close()


def raw_log(hub: Hub) -> list[str]:
    """The lines that the hub wrote, cut at line feeds alone."""
    return (hub.folder / "hub.log").read_text(encoding="utf-8").split("\n")[:-1]


@pytest.mark.proves("K3")
def test_an_audit_that_was_cut_from_outside_lets_no_mutation_start_while_reads_go_on(tmp_path: Path) -> None:
    with running(tmp_path, policy="solo", reconcile_interval_s="60") as hub:
        pending, approved = hub.planned("deploy redis:7 as cache"), hub.approved("deploy nginx:1.27 as web")
        row = cut_audit(tmp_path / "data" / "twin.db")
        planned = hub.post("/plans", {"words": "deploy redis:7 as store"})
        for refused in (hub.apply(approved), hub.decide(pending), planned):
            assert refused.status == 503, refused
            assert refused.body["code"] in ("audit_broken", "store_unavailable")
        assert hub.world.effects == ()
        for path in ("/plans", "/resources", "/audit", "/executions"):
            assert hub.ask("GET", API + path).status == 200
        down = until(lambda: unready(hub)).body["down"]
        assert str(row) in down["store"], down
        assert hub.post("/audit:verify").status == 503


def cut_audit(path: Path) -> int:
    """Take the last row off the audit, as somebody with the file can; returns its number."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("DROP TRIGGER audit_keeps_rows")
        (last,) = file.execute("SELECT max(seq) FROM audit").fetchone()
        file.execute("DELETE FROM audit WHERE seq = ?", (last,))
    return int(last)
