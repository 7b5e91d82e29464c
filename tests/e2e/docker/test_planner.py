"""The chat on a real engine, through a real hub: with models in both formats and without one."""

import asyncio
import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest

from opstwin.agent.models.port import ModelReply
from opstwin.agent.models.scripted import call, calling
from opstwin.agent.models.scripted_server import ScriptedServer, serving
from tests.e2e.docker.spot import address
from tests.reliability.hubs import Hub, running

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(300)]

KINDS = ("compatible", "anthropic", "")
"""OpenAI's format, Anthropic's, and no model at all."""


@contextmanager
def scripted(*replies: ModelReply | str) -> Iterator[str]:
    """A provider on this machine that answers as told; gives its address."""
    loop, ready, found = asyncio.new_event_loop(), threading.Event(), [""]
    over = asyncio.Event()

    async def serve() -> None:
        async with serving(ScriptedServer(replies)) as url:
            found[0] = url
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(20)
        loop.close()


@contextmanager
def hub_with(folder: Path, kind: str, *replies: ModelReply | str) -> Iterator[Hub]:
    """A hub on the engine, whose model answers so, one request after another."""
    with scripted(*replies) as url:
        place = {"kind": kind, "model": "scripted-1", "base_url": f"{url}/v1" if kind == "compatible" else url}
        models: dict[str, Any] = {"from_environment": False}
        if kind:
            models["providers"] = {"one": {**place, "credential": "env:MODEL_KEY"}}
        with running(folder, sim=False, policy="solo", models=json.dumps(models), detect_docker="false") as hub:
            hub.add(address(), backend="docker")
            yield hub


def proposing(words: str) -> ModelReply:
    """A model that proposes this."""
    return calling(call("plan_create", words=words), text="")


def drafting(name: str) -> str:
    """A model that drafts how much memory it may take."""
    empty = dict.fromkeys(("cpu", "replicas", "probe", "autoscale"))
    return json.dumps({"workload": name, "memory": "64Mi", "reasoning": "It is small.", "examples": [], **empty})


def say(hub: Hub, text: str) -> dict[str, Any]:
    """One turn, to its end."""
    answer = hub.post("/chat", {"text": text, "threadId": "t1"})
    assert answer.status == 200, answer
    return answer.body


def go_on(hub: Hub, plan: str) -> dict[str, Any]:
    """The turn after a decision."""
    answer = hub.post("/chat", {"threadId": "t1", "resume": [{"interruptId": plan, "status": "resolved"}]})
    assert answer.status == 200, answer
    return answer.body


def decided(hub: Hub, plan_id: str) -> None:
    """A person approves what was shown."""
    assert hub.decide(hub.get(f"/plans/{plan_id}")).status == 200


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind or "no model")
def test_words_become_containers_a_bad_upgrade_is_undone_and_a_kill_loses_nothing(
    tmp_path: Path, docker_engine: docker.DockerClient, docker_image: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"talk{kind[:4] or 'none'}"
    deploy, upgrade = (
        f"deploy {docker_image} as {name}",
        f"upgrade {name} to {docker_image.split(':', maxsplit=1)[0]}:not-there",
    )
    monkeypatch.setenv("MODEL_KEY", "key-of-the-tests")
    try:
        with hub_with(tmp_path, kind, proposing(deploy), drafting(name), proposing(upgrade)) as hub:
            first = say(hub, deploy)
            assert (first["outcome"], first["source"] == "fallback") == ("waiting", not kind), first
            hub.down(signal.SIGKILL)
            hub.up()
            plan = first["waiting"]["plan_id"]
            assert not docker_engine.containers.list(all=True, filters={"name": name})
            assert hub.get(f"/plans/{plan}")["digest"] == first["waiting"]["digest"]
            decided(hub, plan)
            assert go_on(hub, plan)["outcome"] == "applied"
            (there,) = docker_engine.containers.list(filters={"name": name})
            assert (there.status, there.attrs["HostConfig"]["Memory"]) == ("running", 64 * 1024 * 1024 if kind else 0)
            second = say(hub, upgrade)
            assert second["outcome"] == "waiting", second
            decided(hub, second["waiting"]["plan_id"])
            undone = go_on(hub, second["waiting"]["plan_id"])
            assert undone["outcome"] == "rolled_back", undone
            (left,) = docker_engine.containers.list(filters={"name": name})
            assert left.status == "running"
            assert left.image is not None
            assert docker_image in left.image.tags
    finally:
        for item in docker_engine.containers.list(all=True, filters={"name": name}):
            item.remove(force=True)
