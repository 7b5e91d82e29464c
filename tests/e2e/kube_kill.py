"""Kills a hub with SIGKILL at every boundary of the journal, and after every call that may change the cluster.

Run as a program of its own, because it forks: `python -m tests.e2e.kube_kill SEEDS`; prints one JSON. The cluster is a
simulated one in a process of its own: it lives on when the hub dies. Every point is a copy of the same ground (a copy
of the cluster's process and of the twin's file), one hub that dies, and one that goes on.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from opstwin.clock import SystemClock
from opstwin.control.apply_settings import ApplySettings
from opstwin.control.manifest_goals import Manifests
from opstwin.control.verifying import Patience
from opstwin.domain.approval import SOLO
from opstwin.domain.audit import verify_chain
from opstwin.domain.execution import Execution
from opstwin.domain.plan import Origin, Plan
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId
from opstwin.manifests.ownership import RESTORER
from opstwin.targets.kubernetes.driver import kubernetes_driver
from opstwin.targets.secrets import HubSecrets
from opstwin.targets.sim.kube.life.images import Image
from opstwin.targets.sim.kube.serving import serving
from opstwin.targets.sim.kube.store import Change
from opstwin.targets.sim.kube.world import KubeWorld
from opstwin.twin.opening import open_store
from tests.cluster_rig import OneCluster
from tests.crashing import Boundaries, MortalPlaces, MortalStore, kill
from tests.e2e.kill_sweep import Child, begun
from tests.rig import ANNA, Rig

PROD = TargetId("prod")
AT_ONCE = 6
QUICK = ApplySettings(
    step_s=60, lease_s=60, parallel=2, give_up_s=60, patience=Patience(hold_s=0.05, timeout_s=30, poll_s=0.02)
)
KEY = "opstwin.io/key"
OURS = {"Deployment": "deployments.apps", "ConfigMap": "configmaps", "Service": "services"}
Object = dict[str, Any]


def deployment(image: str, replicas: int) -> Object:
    labels = {"app": "web"}
    pod = {"containers": [{"name": "app", "image": image}], "terminationGracePeriodSeconds": 1}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }  # fmt: skip


def config(mode: str) -> Object:
    meta = {"name": "web-config", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"mode": mode}}


def service(name: str = "web") -> Object:
    spec = {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


@dataclass(frozen=True)
class Story:
    """What stands before, what is asked for, and whether it can be healthy."""

    name: str
    before: tuple[Object, ...]
    wish: tuple[Object, ...]
    good: bool


def stories(seed: int) -> list[Story]:
    """The stories of one seed; it decides how many replicas there are."""
    some = 1 + seed % 3
    old = (config("slow"), deployment("shop:1", some), service())
    return [
        Story("first deployment", (), old, good=True),
        Story("upgrade", old, (config("fast"), deployment("shop:2", some), service()), good=True),
        Story("bad upgrade", old, (config("fast"), deployment("shop:bad", some), service("more")), good=False),
        Story("bad first deployment", (), (config("slow"), deployment("shop:bad", some), service()), good=False),
        Story("grow and take away", old, (config("slow"), deployment("shop:2", some + 1)), good=True),
    ]


def new_world(seed: int) -> KubeWorld:
    world = KubeWorld(SystemClock(), seed=seed)
    for image in ("shop:1", "shop:2"):
        world.image(image, Image(start_s=0, stop_s=0))
    world.image("shop:bad", Image(pulls=False))
    return world


@dataclass(frozen=True)
class Scene:
    """Where one hub finds its twin and its cluster."""

    folder: Path
    seed: int

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @asynccontextmanager
    async def hub(self, turn: int, at: Boundaries) -> AsyncIterator[Rig]:
        """What one process builds, in its `turn`: commits, effects and calls that change something are boundaries."""

        def on_call(call: str) -> None:
            if not call.startswith(("get", "stream")):
                at.cross(call)

        clock = SystemClock()
        target = Target(
            id=PROD, display_name="P", backend_type="kubernetes", agent_endpoint=f"kubeconfig://{self.kubeconfig}",
            is_default=True, created_at=clock.now(),
        )  # fmt: skip
        driver = kubernetes_driver(target, secrets=HubSecrets({}, self.folder), clock=clock, on_call=on_call)
        store = MortalStore(await open_store(f"sqlite:///{self.folder / 'twin.db'}"), at)
        rig = Rig(
            store=store, clock=cast(Any, clock), policy=SOLO, settings=QUICK, seed=self.seed * 100 + turn,
            owner=f"worker-{turn}", places=cast(Any, MortalPlaces(OneCluster(driver), at)),
        )  # fmt: skip
        if turn == 0:
            await rig.put(target)
            await rig.put(rig.person("anna"))
            await rig.observer.discover(PROD, ANNA)
        yield rig
        await driver.writer.close()
        await store.close()


async def planned(rig: Rig, documents: tuple[Object, ...]) -> str:
    wish = Manifests(documents=documents, name="shop", prune=True)
    plan = await rig.planner.from_manifests(PROD, wish, request="test", origin=Origin.FILE, actor=ANNA)
    await rig.approved(plan)
    return plan.id


async def plan(scene: Scene, story: Story) -> str:
    """Make what stands before, plan and approve; returns the plan's id."""
    async with scene.hub(0, Boundaries()) as rig:
        if story.before:
            execution = await rig.applier.start(await planned(rig, story.before), ANNA)
            ended = await rig.applier.run(execution.id)
            assert ended.state == "succeeded", ended.error
            await rig.observer.discover(PROD, ANNA)
        return await planned(rig, story.wish)


async def apply(scene: Scene, plan_id: str, fatal: int) -> int:
    """Apply; dies at the boundary `fatal`, else returns how many boundaries there were."""
    at = Boundaries(fatal, kill)
    async with scene.hub(1, at) as rig:
        execution = await rig.applier.start(plan_id, ANNA)
        await rig.applier.run(execution.id)
    return len(at.passed)


async def go_on(scene: Scene, plan_id: str) -> dict[str, Any]:
    """Another hub takes over; returns how it ended and what it meant to do."""
    async with scene.hub(2, Boundaries()) as rig:
        execution = await rig.applier.start(plan_id, ANNA)
        if execution.lease_owner:
            await rig.applier.release(execution)
        await rig.applier.run(execution.id)
        ended, stored = await rig.ledger.need(Execution, execution.id), await rig.ledger.need(Plan, plan_id)
        rows = await rig.audit()
    verify_chain(rows)
    intents = sorted({str(row.details["key"]) for row in rows if row.action == "step.intended"})
    return {"state": ended.state.value, "plan": stored.state.value, "intents": intents}


@dataclass
class Effects:
    """What was really changed of objects of ours, by idempotency key; what controllers do to them is not counted."""

    keys: list[str] = field(default_factory=list)

    def __call__(self, change: Change) -> None:
        if change.key.home not in OURS.values():
            return
        before, after = wished(change.before), wished(None if change.type == "DELETED" else change.doc)
        if before == after:
            return
        name = f"{change.key.home}/{change.key.name}"
        self.keys.append(f"gone {name}" if after is None else marked(change.doc) or f"restored {name}")


def wished(doc: Object | None) -> Object | None:
    """What people ask for in an object, None where there is none."""
    if doc is None:
        return None
    spec = {key: value for key, value in (doc.get("spec") or {}).items() if not key.startswith("clusterIP")}
    return {"spec": spec, "data": doc.get("data"), "labels": doc["metadata"].get("labels")}


def marked(doc: Object) -> str:
    """The idempotency key on it, or "strange". Empty for what is being put back: what others owned of it comes first,
    and what was Opstwin's, with the key, right after it.
    """
    key = (doc["metadata"].get("annotations") or {}).get(KEY)
    is_back = any(entry.get("manager") == RESTORER for entry in doc["metadata"].get("managedFields") or ())
    return str(key) if key else "" if is_back else "strange"


def shape(world: KubeWorld) -> list[Any]:
    """What of ours is there, and the images of the pods, without ids and moments."""
    made = {
        f"{kind}/{item['metadata']['name']}": wished(item) for kind in OURS for item in world.all(kind, "default")
        if marked(item) != "strange"
    }  # fmt: skip
    pods = [item for item in world.all("Pod", "default") if not item["metadata"].get("deletionTimestamp")]
    return [made, sorted(item["spec"]["containers"][0]["image"] for item in pods)]


def beside(world: KubeWorld, scene: Scene, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """The result of `work` in a process of its own, while this one serves the world; None when it was killed."""
    ready = scene.folder / "ready"
    ready.unlink(missing_ok=True)

    async def client() -> Any:
        while not ready.exists():
            await asyncio.sleep(0.005)
        return await work()

    async def serve(child: Child) -> Any:
        async with serving(world, token=True) as served:
            served.write_kubeconfig(scene.kubeconfig)
            ready.touch()
            return await asyncio.to_thread(child.ended)

    return asyncio.run(serve(begun(lambda: asyncio.run(client()))))


def point(world: KubeWorld, ground: Path, seed: int, plan_id: str, fatal: int) -> dict[str, Any]:
    """One hub that dies (0: does not), one that goes on; this very process has the cluster."""
    effects = Effects()
    world.cluster.store.listeners.append(effects)
    with tempfile.TemporaryDirectory(prefix="kube-kill-") as name:
        scene = Scene(Path(name), seed)
        shutil.copy(ground / "twin.db", scene.folder)
        total = beside(world, scene, lambda: apply(scene, plan_id, fatal))
        end = beside(world, scene, lambda: go_on(scene, plan_id))
    counts = Counter(effects.keys)
    return {
        "total": total, "state": end["state"], "plan": end["plan"], "world": shape(world),
        "repeated": sorted(key for key, count in counts.items() if count > 1),
        "unintended": sorted(key for key in counts if " " not in key and key not in end["intents"]),
    }  # fmt: skip


def swept(story: Story, seed: int) -> dict[str, Any]:
    """Every boundary of one story."""
    with tempfile.TemporaryDirectory(prefix="kube-kill-") as name:
        ground, world = Path(name), new_world(seed)
        plan_id = beside(world, Scene(ground, seed), lambda: plan(Scene(ground, seed), story))
        before = json.loads(json.dumps(shape(world)))
        calm = begun(lambda: point(world, ground, seed, plan_id, 0)).ended()
        right = {"total": None, "repeated": [], "unintended": []} | (
            {"state": "succeeded", "plan": "applied", "world": calm["world"]} if story.good
            else {"state": "rolled_back", "plan": "rolled_back", "world": before}
        )  # fmt: skip
        wrong = [] if calm == {**right, "total": calm["total"]} else [{"story": story.name, "calm": calm}]
        numbers = list(range(1, calm["total"] + 1))
        for first in range(0, len(numbers), AT_ONCE):
            some = numbers[first : first + AT_ONCE]
            points = [begun(partial(point, world, ground, seed, plan_id, fatal)) for fatal in some]
            for fatal, child in zip(some, points, strict=True):
                end = child.ended()
                wrong += [{"story": story.name, "seed": seed, "boundary": fatal, "end": end}] if end != right else []
    return {"points": len(numbers), "wrong": wrong}


def warm_up() -> None:
    """Do everything once here, so that no child has to import or compile anything."""

    async def once(scene: Scene, story: Story) -> None:
        async with serving(new_world(0), token=True) as served:
            served.write_kubeconfig(scene.kubeconfig)
            plan_id = await plan(scene, story)
            await apply(scene, plan_id, 0)
            await go_on(scene, plan_id)

    with tempfile.TemporaryDirectory(prefix="kube-kill-") as name:
        asyncio.run(once(Scene(Path(name), 0), stories(0)[2]))


def main(seeds: int) -> dict[str, Any]:
    """All stories of all seeds."""
    warm_up()
    results = [swept(story, seed) for seed in range(1, seeds + 1) for story in stories(seed)]
    return {"points": sum(item["points"] for item in results), "wrong": [w for item in results for w in item["wrong"]]}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
