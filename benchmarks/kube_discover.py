"""What a large cluster costs the hub: a first look, a look at what is known, one change, and a reconciliation.

The cluster is a simulated one in a process of its own, so the memory is the hub's alone.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opstwin.clock import SystemClock
from opstwin.control.healing import healing
from opstwin.control.ids import RandomIds
from opstwin.control.ledger import Ledger
from opstwin.control.observing import Observer
from opstwin.control.scene import Scene, scene_of
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import AuditEntry
from opstwin.domain.resource import Desired, Observed
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, TargetId
from opstwin.targets.kubernetes.driver import kubernetes_driver
from opstwin.targets.ports import Driver, Previewer, Reader, Renderer
from opstwin.targets.secrets import HubSecrets
from opstwin.twin.opening import open_store
from opstwin.twin.store import Put

PODS = 5000
ANNA = Actor(kind=ActorKind.PERSON, id="anna")
TOUCHED = ResourceId("prod/configmap/default/touched")


class One:
    """The driver of the only target."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def reader(self, _target: Target) -> Reader:
        return self._driver.reader

    def renderer(self, _target: Target) -> Renderer:
        return self._driver.renderer

    def previewer(self, _target: Target) -> Previewer | None:
        return self._driver.previewer


async def all_figures() -> dict[str, object]:
    """Seconds, megabytes of this process at its peak, and milliseconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.kube_world", name, str(PODS)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert child.stdout is not None
            kubeconfig = await asyncio.to_thread(child.stdout.readline)
            return {"kube": await _measured(folder, kubeconfig.strip(), child)}
        finally:
            child.kill()
            child.wait()


async def _measured(folder: Path, kubeconfig: str, child: "subprocess.Popen[str]") -> dict[str, object]:
    target = Target(
        id=TargetId("prod"), display_name="prod", backend_type="kubernetes", created_at=datetime.now(UTC),
        agent_endpoint=f"kubeconfig://{kubeconfig}",
    )  # fmt: skip
    driver = kubernetes_driver(
        target, secrets=HubSecrets({}, folder), clock=SystemClock(), on_call=lambda _call: None
    )  # fmt: skip
    store = await open_store(f"sqlite:///{folder / 'twin.db'}")
    ledger = Ledger(store, SystemClock(), RandomIds())
    await ledger.commit([Put(target)], [AuditEntry(action="bench", subject="prod", actor=ANNA)])
    observer = Observer(ledger, One(driver))
    before_mb = _peak_mb()
    first_s = await _timed(observer.discover("prod", ANNA))
    peak_mb = _peak_mb()
    again_s = await _timed(observer.discover("prod", ANNA))
    event_ms = await _event_ms(ledger, observer, child)
    figures = {
        "pods": PODS, "first_look_s": round(first_s, 2), "look_again_s": round(again_s, 2),
        "peak_rss_mb": round(peak_mb), "rss_before_mb": round(before_mb), "event_in_twin_ms": event_ms,
        "no_op_reconcile_ms": await _no_op_ms(ledger, driver.renderer),
    }  # fmt: skip
    await driver.writer.close()
    await store.close()
    return figures


async def _event_ms(ledger: Ledger, observer: Observer, child: "subprocess.Popen[str]") -> dict[str, float]:
    """From a change in the cluster to the twin, the middle and the worst of ten."""
    following = asyncio.create_task(observer.follow("prod"))
    await asyncio.sleep(5.0)
    took: list[float] = []
    for _ in range(10):
        old = await ledger.need(Observed, TOUCHED)
        began_s = time.perf_counter()
        assert child.stdin is not None
        child.stdin.write("touch\n")
        child.stdin.flush()
        while (await ledger.need(Observed, TOUCHED)).revision == old.revision:
            await asyncio.sleep(0.005)
        took.append((time.perf_counter() - began_s) * 1000)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return {"median": round(sorted(took)[len(took) // 2], 1), "worst": round(max(took), 1)}


async def _no_op_ms(ledger: Ledger, renderer: Renderer) -> float:
    """How long it takes to see that `PODS` wanted manifests are there as wanted."""
    scene = await scene_of(ledger, "prod")
    app = next(item for key, item in scene.observed.items() if "/deployment/" in key)
    spec = dict(app.spec or {})
    wanted = renderer.comparable("deployment", spec)
    desired: dict[Any, Desired] = {}
    observed: dict[Any, Observed] = {}
    for number in range(PODS):
        key = ResourceId(f"prod/deployment/default/n-{number}")
        observed[key] = replace(app, id=key, name=f"default/n-{number}", spec=json.loads(json.dumps(spec)))
        desired[key] = Desired(
            id=key, target=scene.target.id, kind="deployment", name=f"default/n-{number}", workload="n",
            spec=json.loads(json.dumps(wanted)), set_by=ANNA, set_at=datetime.now(UTC),
        )  # fmt: skip
    big = Scene(target=scene.target, desired=desired, observed=observed, records={})
    began_s = time.perf_counter()
    draft = healing(big, renderer, None)
    took_ms = (time.perf_counter() - began_s) * 1000
    assert not draft.changes, draft.changes[0]
    return round(took_ms)


async def _timed(work: Any) -> float:
    began_s = time.perf_counter()
    await work
    return time.perf_counter() - began_s


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(json.dumps(asyncio.run(all_figures()), indent=2))
