"""From a container on a real Docker Engine to a Deployment on the real cluster, as one run through the API."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import docker
import pytest

from opstwin.clock import SystemClock
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId
from opstwin.manifests.yaml_text import read_documents
from opstwin.targets.docker.driver import docker_driver
from opstwin.targets.kubernetes.driver import kubernetes_driver
from opstwin.targets.secrets import HubSecrets
from tests.e2e.docker.spot import address
from tests.e2e.kube.spot import IMAGE, Spot
from tests.interaction.house import HUB, House
from tests.interaction.run_frames import rest, rollouts, told

NO_CALLS: Any = lambda _call: None  # noqa: E731


@dataclass
class Move:
    """A house with the engine `here` and the cluster `real`, and the container that runs on the engine."""

    house: House
    spot: Spot
    container: str


@pytest.fixture
async def move(spot: Spot, docker_engine: docker.DockerClient, tmp_path: Path) -> AsyncIterator[Move]:
    clock, name = SystemClock(), f"otm-{secrets.token_hex(4)}"
    house = await House(tmp_path, clock=cast(Any, clock)).furnish()
    here = Target(
        id=TargetId("here"), display_name="Here", backend_type="docker", agent_endpoint=address(),
        created_at=clock.now(),
    )  # fmt: skip
    real = Target(
        id=TargetId("real"), display_name="Real", backend_type="kubernetes",
        agent_endpoint=f"kubeconfig://{spot.kubeconfig}", settings={"namespace": spot.namespace},
        created_at=clock.now(),
    )  # fmt: skip
    hub = HubSecrets({}, tmp_path)
    drivers = {
        "here": docker_driver(here, secrets=hub, on_call=NO_CALLS, clock=clock),
        "real": kubernetes_driver(real, secrets=hub, on_call=NO_CALLS, clock=clock),
    }
    house.places.drivers.update(drivers)
    for target in (here, real):
        fields = ("id", "display_name", "backend_type", "agent_endpoint", "settings")
        await house.services.places.add({field: getattr(target, field) for field in fields}, HUB)
    made: Any = docker_engine.containers.run(
        IMAGE, name=name, command=["httpd", "-f", "-p", "8080"], user="1000", ports={"8080/tcp": None}, detach=True,
        environment={"LEVEL": "info"}, mem_limit="32m",
    )  # fmt: skip
    try:
        for target in (here, real):
            await house.services.observer.discover(target.id)
        yield Move(house, spot, name)
    finally:
        made.remove(force=True)
        for driver in drivers.values():
            await driver.writer.close()


@pytest.mark.req("S5.29", "S5.39", "S5.64", "S5.65", "S5.66")
async def test_a_container_of_an_engine_becomes_a_running_deployment_after_an_approval(move: Move) -> None:
    async with move.house.caller() as client:
        asked = {"source": f"here/container/{move.container}", "target": "real", "options": {"network_policy": True}}
        answer = await client.post("/runs", asked)
        assert answer.status_code == 201, answer.text
        run = answer.json()
        assert (run["status"], run["stage"]) == ("waiting", "review"), run
        assert not move.spot.is_there("deployment", move.container)
        decision = {"decision": "approve", "digest": run["stages"][5]["details"]["digest"]}
        assert (await client.post(f"/plans/{run['plan_id']}:decide", decision)).status_code == 200
        async with told(move.house, "real") as opened:
            assert (await client.post(f"/plans/{run['plan_id']}:apply")).status_code == 202
            await move.house.work()
            frames = await rest(opened)
        ended = (await client.get(f"/runs/{run['id']}")).json()
    assert ended["status"] == "done", ended["stages"][6:]
    assert [ready for ready in rollouts(frames) if ready != "None"] == ["0/1", "1/1"]
    [found] = ended["stages"][1]["details"]["containers"]
    assert (found["image"], found["ports"], found["user"]) == (IMAGE, [8080], "1000")
    [rollout] = ended["stages"][7]["details"]["rollout"]
    assert (rollout["health"], rollout["ready"]) == ("healthy", "1/1")
    assert ended["stages"][8]["details"]["deployments"][0]["outcome"] == "succeeded"
    there = move.spot.there("deployment", move.container)
    assert there["status"]["availableReplicas"] == 1
    [container] = there["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["memory"] == "32Mi"
    assert there["spec"]["template"]["spec"]["securityContext"]["runAsUser"] == 1000
    kept = [read_documents(item["text"])[0].value for item in ended["stages"][4]["details"]["artefacts"]]
    assert all(move.spot.is_there(str(item["kind"]), str(item["metadata"]["name"])) for item in kept)  # type: ignore[index,call-overload]


@pytest.mark.req("S5.39")
async def test_what_is_generated_for_the_cluster_is_in_the_versions_that_it_serves(move: Move) -> None:
    async with move.house.caller() as client:
        asked = {"source": move.container, "target": "real", "options": {"autoscale": "2-3"}}
        found = (await client.post("/manifests:generate", asked)).json()
    version = move.spot.kubectl("get", "--raw=/version")
    versions = {item["kind"]: item["api_version"] for item in found["manifests"]}
    assert f'"v{found["kubernetes"]}.' in version
    assert versions["HorizontalPodAutoscaler"] in move.spot.kubectl("api-versions")
    assert {item["namespace"] for item in found["manifests"]} == {move.spot.namespace}
