"""Followed logs of a workload go on with its pods: those that come later are taken up, and it says when it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from opstwin.domain.values import ResourceId
from opstwin.errors import NotFound
from opstwin.targets.kubernetes.log_following import MOST_STREAMS
from opstwin.targets.ports import LogLine
from opstwin.targets.sim.kube.life.images import Image
from opstwin.targets.sim.kube.store import Key
from tests.unit.targets.kubernetes.clusters import Cluster, cluster, deployment

WEB = "deployment/default/web"
DEADLINE_S = 20.0


class Heard:
    """Lines as they come, without the names of pods that no test can know."""

    def __init__(self, lines: AsyncIterator[LogLine]) -> None:
        self._lines = lines
        self.texts: list[str] = []

    async def until(self, text: str) -> str:
        """The line that says `text`."""
        async with asyncio.timeout(DEADLINE_S):
            async for line in self._lines:
                self.texts.append(line.text)
                if line.text.endswith(text):
                    return line.text
        raise AssertionError(f"It ended without {text!r}: {self.texts}")

    async def rest(self) -> list[str]:
        """What comes until it ends."""
        async with asyncio.timeout(DEADLINE_S):
            return [line.text async for line in self._lines]


@asynccontextmanager
async def following(here: Cluster, what: str = WEB, *, tail: int = 10) -> AsyncIterator[Heard]:
    found: Any = here.driver.reader.logs(ResourceId(f"prod/{what}"), tail=tail, follow=True)
    async with aclosing(found) as lines:
        yield Heard(lines)


def running(here: Cluster, *, image: str = "web:1", name: str = "web", log: str = "one", **spec: Any) -> None:
    here.world.image(image, Image(log=(log,)))
    here.world.create(deployment(name, image, replicas=1, **spec))
    here.world.advance(30)


def only_pod(here: Cluster) -> Key:
    [pod] = here.world.all("Pod", "default")
    return Key("pods", "default", pod["metadata"]["name"])


def change_image(here: Cluster, image: str) -> None:
    template = {"spec": {"containers": [{"name": "app", "image": image}]}}
    here.world.edit("Deployment", "default", "web", {"spec": {"template": template}})


async def test_pods_of_a_later_rollout_are_heard_and_named(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        running(here)
        old = only_pod(here).name
        async with following(here) as heard:
            assert await heard.until("one") == "one"
            here.world.image("web:2", Image(log=("two",)))
            change_image(here, "web:2")
            here.world.advance(30)
            said = await heard.until("two")
        new = only_pod(here).name
    assert new != old
    assert said == f"{new}/app: two"


async def test_a_container_that_starts_anew_is_heard_from_its_new_start_on(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        here.world.image("web:1", Image(log=("started",), exits=3, runs_s=60))
        here.world.create(deployment(replicas=1))
        here.world.advance(30)
        here.world.life.say(only_pod(here), "app", "working")
        async with following(here) as heard:
            await heard.until("working")
            here.world.advance(60)
            assert await heard.until("started") == "started"
    assert heard.texts == ["started", "working", "started"]


@pytest.mark.parametrize("replicas", [1, 0])
async def test_it_ends_when_the_workload_is_taken_away(tmp_path: Path, replicas: int) -> None:
    async with cluster(tmp_path) as here:
        running(here)
        async with following(here) as heard:
            await heard.until("one")
            here.world.edit("Deployment", "default", "web", {"spec": {"replicas": replicas}})
            here.world.advance(30)
            here.world.remove("Deployment", "default", "web")
            here.world.advance(60)
            assert await heard.rest() == []


async def test_it_goes_on_while_a_workload_has_no_pods(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        running(here)
        async with following(here) as heard:
            await heard.until("one")
            for replicas in (0, 1):
                here.world.edit("Deployment", "default", "web", {"spec": {"replicas": replicas}})
                here.world.advance(60)
            assert await heard.until("one") == f"{only_pod(here).name}/app: one"


async def test_it_ends_with_a_job(tmp_path: Path) -> None:
    container = {"name": "app", "image": "job:1"}
    pod = {"metadata": {"labels": {"app": "once"}}, "spec": {"restartPolicy": "Never", "containers": [container]}}
    async with cluster(tmp_path) as here:
        here.world.image("job:1", Image(log=("at work",), exits=0, runs_s=60))
        here.world.create({"kind": "Job", "metadata": {"name": "once", "namespace": "default"},
                           "spec": {"template": pod}})  # fmt: skip
        here.world.advance(10)
        async with following(here, "job/default/once") as heard:
            await heard.until("at work")
            here.world.life.say(only_pod(here), "app", "done")
            here.world.advance(120)
            assert await heard.rest() == ["done"]


async def test_one_pod_is_followed_to_the_end_of_its_container_and_no_further(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        here.world.image("web:1", Image(log=("started",), exits=3, runs_s=60))
        here.world.create(deployment(replicas=1))
        here.world.advance(30)
        async with following(here, f"pod/default/{only_pod(here).name}") as heard:
            await heard.until("started")
            here.world.advance(60)
            assert await heard.rest() == []


async def test_pods_of_others_with_the_same_labels_are_not_heard(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        running(here)
        async with following(here) as heard:
            await heard.until("one")
            running(here, image="other:1", name="other", log="of others")
            here.world.edit("Deployment", "default", "web", {"metadata": {"annotations": {"note": "changed"}}})
            here.world.image("web:2", Image(log=("two",)))
            change_image(here, "web:2")
            here.world.advance(30)
            await heard.until("two")
    assert not [text for text in heard.texts if "of others" in text]


async def test_an_account_that_may_not_watch_hears_what_is_there_to_its_end(tmp_path: Path) -> None:
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]
    async with cluster(tmp_path, token="some") as here:
        here.world.user("robot", "some", rules=rules)
        running(here)
        async with following(here) as heard:
            assert await heard.until("one") == "one"
            change_image(here, "web:2")
            here.world.advance(60)
            assert await heard.rest() == []


async def test_of_a_large_workload_not_more_than_so_many_containers_are_followed_at_once(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        here.world.image("web:1", Image(log=("one",)))
        here.world.create(deployment(replicas=MOST_STREAMS + 10))
        here.world.advance(60)
        async with following(here) as heard:
            for _ in range(MOST_STREAMS - 1):
                await heard.until("one")
            followed = [path for _, path in here.world.requests if path.endswith("/log")]
    assert len(followed) < MOST_STREAMS + 1


async def test_a_workload_without_pods_has_nothing_to_follow(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        here.world.create(deployment(replicas=0))
        async with following(here) as heard:
            with pytest.raises(NotFound, match="has no container that writes"):
                await heard.rest()


async def test_secrets_of_pods_that_come_later_are_masked_too(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        running(here)
        async with following(here) as heard:
            await heard.until("one")
            here.world.image("web:2", Image(log=("with canary-5ecret-77 two",)))
            env = [{"name": "DB_PASSWORD", "value": "canary-5ecret-77"}]
            template = {"spec": {"containers": [{"name": "app", "image": "web:2", "env": env}]}}
            here.world.edit("Deployment", "default", "web", {"spec": {"template": template}})
            here.world.advance(30)
            said = await heard.until("two")
    assert said.endswith(": with *** two")
