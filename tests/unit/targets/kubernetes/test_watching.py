"""Following a cluster: no change is lost, whatever breaks; what may be lost is said."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from opstwin.targets.ports import TargetEvent
from opstwin.targets.sim.kube.faults import Fault, FaultKind
from tests.unit.targets.kubernetes.clusters import Cluster, cluster, deployment

GUARD_S = 20.0


class Feed:
    """The events of one watch, taken one by one."""

    def __init__(self, events: AsyncIterator[TargetEvent]) -> None:
        self._events = events
        self.passed: list[TargetEvent] = []

    async def next(self) -> TargetEvent:
        """Whatever comes next."""
        async with asyncio.timeout(GUARD_S):
            self.passed.append(await anext(self._events))
        return self.passed[-1]

    async def until(self, type: str, rest: str = "") -> TargetEvent:
        """The next event of that type, about that resource."""
        async with asyncio.timeout(GUARD_S):
            async for event in self._events:
                self.passed.append(event)
                if event.type == type and (not rest or event.resource == f"prod/{rest}"):
                    return event
        raise AssertionError("the watch ended")


@asynccontextmanager
async def followed(here: Cluster) -> AsyncIterator[Feed]:
    async with aclosing(here.driver.reader.watch()) as events:  # type: ignore[type-var]
        feed = Feed(events)
        assert (await feed.until("connected")).gap
        yield feed


def config(name: str) -> dict[str, object]:
    return {"kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": {"k": "v"}}


async def test_what_is_made_changed_and_removed_is_told(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here, followed(here) as feed:
        here.world.create(config("a"))
        await feed.until("configmap.added", "configmap/default/a")
        here.world.edit("ConfigMap", "default", "a", {"data": {"k": "w"}})
        await feed.until("configmap.modified", "configmap/default/a")
        here.world.remove("ConfigMap", "default", "a")
        await feed.until("configmap.deleted", "configmap/default/a")
    assert not any(event.gap for event in feed.passed[1:])


async def test_a_rollout_is_told_step_by_step_and_a_heartbeat_is_not(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here, followed(here) as feed:
        here.world.create(deployment())
        here.world.advance(30)
        await feed.until("deployment.modified", "deployment/default/web")
        beat = {
            "status": {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-05T09:01:00Z"}]}
        }
        here.world.edit("Node", "", "node-1", beat)
        here.world.edit("Node", "", "node-1", beat)
        here.world.create(config("after"))
        await feed.until("configmap.added", "configmap/default/after")
    assert sum(event.type == "node.modified" for event in feed.passed) <= 1


async def test_a_watch_goes_on_where_it_broke_off_and_loses_nothing(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here, followed(here) as feed:
        here.world.create(config("before"))
        await feed.until("configmap.added", "configmap/default/before")
        here.world.restart()
        here.world.create(config("while-away"))
        await feed.until("configmap.added", "configmap/default/while-away")
    assert not any(event.gap for event in feed.passed[1:])


async def test_a_past_that_was_forgotten_is_told_as_a_gap(tmp_path: Path) -> None:
    """410: the server no longer knows what came after the last revision that was seen."""
    async with cluster(tmp_path) as here, followed(here) as feed:
        here.world.partition()
        here.world.create(config("unseen"))
        here.world.compact()
        here.world.partition(False)
        assert (await feed.until("relisted")).gap
        turn = 0
        while not any(event.type == "configmap.added" for event in feed.passed):
            # Each kind finds out for itself; until this one has, its own gap stands for what is made meanwhile.
            here.world.create(config(f"later-{turn}"))
            await feed.next()
            turn += 1


@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.THROTTLE, FaultKind.UNAVAILABLE])
async def test_a_watch_that_is_refused_for_a_while_is_tried_again(tmp_path: Path, kind: FaultKind) -> None:
    async with cluster(tmp_path) as here:
        here.world.faults.add(Fault(kind=kind, method="WATCH", path="configmaps", times=2))
        async with followed(here) as feed:
            here.world.create(config("a"))
            await feed.until("configmap.added", "configmap/default/a")


async def test_warnings_of_the_cluster_are_events_of_what_they_are_about(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here, followed(here) as feed:
        here.world.create(
            {
                "kind": "Event", "metadata": {"name": "e1", "namespace": "default"}, "type": "Warning",
                "reason": "FailedMount", "message": "no such claim", "count": 3,
                "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": "web-1"},
            }
        )  # fmt: skip
        event = await feed.until("pod.warning", "pod/default/web-1")
    assert event.details == {"reason": "FailedMount", "message": "no such claim", "count": 3}
