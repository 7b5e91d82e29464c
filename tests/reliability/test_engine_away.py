"""Docker stopped before, during and after a step, under a running hub: waited out, and never taken for absence."""

import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.e2e.docker.second_engine import SecondEngine
from tests.plugins.engine import ensure_image, layer, static_busybox
from tests.reliability.hubs import Answer, Hub, running, unready, until

WORK = """
name: {name}
image: opstwin-test/busybox:1
replicas: 2
command: [/bin/sh, -c, "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
env: {{VERSION: "{version}"}}
"""


@dataclass(frozen=True, eq=False)
class Place:
    """One engine, as the hub's target and seen past the hub."""

    name: str
    engine: SecondEngine
    hub: Hub

    def ask(self, name: str, version: int) -> Answer:
        """A plan for a workload of two containers, if it can be made."""
        file = WORK.format(name=name, version=version)
        return self.hub.post("/plans", {"file": file, "target": self.name})

    def planned(self, name: str, version: int) -> dict[str, Any]:
        """That plan, approved."""
        made = self.ask(name, version)
        assert made.status == 201, made
        assert self.hub.decide(made.body).status == 200
        return made.body

    def started(self, version: int) -> str:
        """The execution that brings the workload web to a version."""
        answer = self.hub.apply(self.planned("web", version))
        assert answer.status == 202, answer
        return str(answer.body["id"])

    def containers(self) -> dict[str, tuple[str, str, str]]:
        """What is on the engine: id, version and start by name."""
        with closing(docker.DockerClient(base_url=self.engine.address, timeout=30)) as client:
            found = [client.api.inspect_container(item["Id"]) for item in client.api.containers(all=True)]
        return {
            item["Name"].removeprefix("/"): (
                item["Id"], version_of(item["Config"]["Env"]), item["State"]["StartedAt"],
            )
            for item in found
        }  # fmt: skip

    def presences(self) -> set[str]:
        """What the twin says of the containers here."""
        items = self.hub.get("/resources?limit=1000")["items"]
        return {
            item["observed"]["presence"]
            for item in items
            if item["target"] == self.name and item["kind"] == "container"
        }

    def heard(self, *types: str) -> list[str]:
        """The events of these types about this place."""
        return [item["type"] for item in self.hub.events(*types) if item["target"] == self.name]


def version_of(env: list[str]) -> str:
    return next(item.removeprefix("VERSION=") for item in env if item.startswith("VERSION="))


@contextmanager
def places(folder: Path, *names: str) -> Iterator[list[Place]]:
    """A hub, and so many engines of its own as targets, each with version 1 of the workload."""
    content = layer(static_busybox())
    with ExitStack() as undo, running(folder, sim=False, hold_s="1.5", stop_grace_s="0", policy="solo") as hub:
        folders = [undo.enter_context(temporary()) for _ in names]
        engines = [SecondEngine(Path(folder)) for folder in folders]
        undo.callback(clear_all, engines)
        made: list[Place] = []
        for name, engine in zip(names, engines, strict=True):
            engine.start()
            with closing(docker.DockerClient(base_url=engine.address, timeout=60)) as client:
                ensure_image(client, content)
            hub.add(engine.address, "docker", name, call_timeout_s="1.5")
            made.append(Place(name, engine, hub))
        for execution in [place.started(1) for place in made]:
            assert hub.ended(execution)["state"] == "succeeded"
        yield made


def temporary() -> "tempfile.TemporaryDirectory[str]":
    """A folder with a short path: that of a Unix socket has at most 107 bytes, which pytest's own folders exceed."""
    return tempfile.TemporaryDirectory(prefix="ote-", ignore_cleanup_errors=True)


def clear_all(engines: list[SecondEngine]) -> None:
    """Clear some engines at the same time."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(clear, engines))


def clear(engine: SecondEngine) -> None:
    """Stop an engine and what runs on it: its containers would outlive it."""
    engine.stop(signal.SIGKILL)
    engine.start()
    with closing(docker.DockerClient(base_url=engine.address, timeout=60)) as client:
        for item in client.api.containers(all=True):
            client.api.remove_container(item["Id"], force=True)
    engine.stop()


def stop_before(place: Place) -> str:
    """Docker stops between the approval and the step; the plan for something new is applied all the same."""
    api = place.planned("api", 1)
    place.engine.stop()
    refused = place.ask("other", 1)
    assert (refused.status, refused.body["code"]) == (424, "unreachable")
    assert "Cannot tell whether other-1, other-2 are there" in refused.body["detail"]
    answer = place.hub.apply(api)
    assert answer.status == 202
    return str(answer.body["id"])


def stop_during(place: Place) -> str:
    """Docker hangs in the middle of a step, and dies."""
    id = place.started(2)
    until(lambda: any(step["state"] == "intended" for step in place.hub.execution(id)["steps"]))
    place.engine.send(signal.SIGSTOP)
    place.engine.stop(signal.SIGKILL)
    return id


def stop_after(place: Place) -> str:
    """Docker dies when all steps are done and nothing is verified yet; its containers end with it."""
    id = place.started(2)
    until(lambda: place.hub.execution(id)["state"] == "verifying")
    place.engine.stop(signal.SIGKILL)
    return id


def check_whole(place: Place, id: str) -> None:
    """The execution was ended or undone, and one version is everywhere; nothing half-done lies about."""
    ended = place.hub.ended(id)
    assert ended["state"] in ("succeeded", "rolled_back"), ended["error"]
    version = "2" if ended["state"] == "succeeded" else "1"
    there = place.containers()
    assert set(there) == {"web-1", "web-2"}
    assert {found for _, found, _ in there.values()} == {version}


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.proves("B4")
def test_an_engine_that_stops_around_a_step_or_is_cut_off_is_waited_for_and_never_taken_for_absence(
    docker_engine: object, tmp_path: Path
) -> None:
    with places(tmp_path, "before", "during", "after", "cut-off") as (before, during, after, cut_off):
        hub = before.hub
        late = before.planned("web", 2)
        hub.ok("targets", "mode", "cut-off", "heal", "-m", "keep it up")
        stood = cut_off.containers()
        cut_off.engine.send(signal.SIGSTOP)
        waiting = {before: stop_before(before), during: stop_during(during), after: stop_after(after)}
        for place in (before, during, after, cut_off):
            until(lambda place=place: place.presences() == {"unknown"}, why=place.presences)
            assert f"target {place.name}" in unready(hub).body["down"]
        assert {hub.execution(id)["state"] for id in waiting.values()} == {"applying", "verifying"}
        cut_off.engine.send(signal.SIGCONT)
        for place in waiting:
            place.engine.start()
        assert hub.ended(waiting[before])["state"] == "succeeded"
        assert set(before.containers()) == {"web-1", "web-2", "api-1", "api-2"}
        check_whole(during, waiting[during])
        check_whole(after, waiting[after])
        # A plan from before the outage is void: nobody knows any more that it fits.
        assert hub.apply(late).body["code"] == "stale_plan"
        until(lambda: cut_off.presences() == {"present"})
        assert cut_off.containers() == stood
        assert before.heard("resource.gone") == cut_off.heard("resource.gone") == []
        for place in (before, during, after, cut_off):
            assert place.heard("target.unreachable", "target.reachable") == ["target.unreachable", "target.reachable"]
        assert [item for item in hub.get("/executions?limit=100")["items"] if item["target"] == "cut-off"][1:] == []
        assert hub.post("/audit:verify").status == 200
