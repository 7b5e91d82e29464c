"""Durable writes: what an audited step costs beyond one fsync."""

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measuring import compared
from opstwin.clock import SystemClock
from opstwin.control.ids import RandomIds
from opstwin.control.ledger import Ledger
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import AuditEntry
from opstwin.domain.execution import Step, StepState
from opstwin.domain.plan import Change, Op
from opstwin.domain.values import ExecutionId, ResourceId, TargetId
from opstwin.twin.opening import open_store
from opstwin.twin.store import Put

WRITES = 300


def fsyncs(path: Path) -> list[float]:
    """Append and fsync a page, `WRITES` times."""
    taken = []
    with path.open("ab", buffering=0) as file:
        for _ in range(WRITES):
            begin = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - begin)
    return taken


async def steps(ledger: Ledger) -> list[float]:
    """Store an audited step, `WRITES` times."""
    actor = Actor(kind=ActorKind.PERSON, id="bench")
    taken = []
    for number in range(WRITES):
        name = f"web-{number}"
        change = Change(
            resource=ResourceId(f"local/container/{name}"), target=TargetId("local"), kind="container", name=name,
            op=Op.CREATE, after={"image": "app:1", "env": {"A": "1"}, "running": True},
        )  # fmt: skip
        step = Step(
            id=f"exec_bench/{number:05d}", execution_id=ExecutionId("exec_bench"), index=number, change=change,
            key=f"exec_bench.{number}", state=StepState.INTENDED,
        )  # fmt: skip
        entry = AuditEntry(action="step.intended", subject=change.resource, actor=actor, execution_id="exec_bench")
        begin = time.perf_counter()
        await ledger.commit([Put(step)], [entry])
        taken.append(time.perf_counter() - begin)
    return taken


async def all_figures() -> dict[str, Any]:
    """The cost of an audited step beside that of one fsync on the same disk."""
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(f"sqlite:///{Path(folder) / 'twin.db'}")
        ledger = Ledger(store, SystemClock(), RandomIds())
        await steps(ledger)
        await store.close()
        base = fsyncs(Path(folder) / "base")
        store = await open_store(f"sqlite:///{Path(folder) / 'twin2.db'}")
        ours = await steps(Ledger(store, SystemClock(), RandomIds()))
        await store.close()
    found = compared(ours, base, baseline="append 4 KiB and fsync", limit="< 3 ms more than one fsync")
    found["added_median_ms"] = round(found["median_ms"] - found["baseline_median_ms"], 3)
    found["per_second"] = round(WRITES / sum(ours))
    return {"audited_step": found}
