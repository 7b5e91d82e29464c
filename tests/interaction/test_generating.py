"""Inspecting containers and generating manifests through the API: on the simulator, and for the simulated cluster."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment
from opstwin.domain.resource import Observed
from opstwin.domain.series import Metric, Sample
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId
from opstwin.errors import Unreachable
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.yaml_text import read_documents
from opstwin.targets.ports import Reader, UsageReading
from opstwin.targets.sim.driver import sim_driver
from opstwin.twin.store import Put
from tests.interaction.clustered import Clustered, clustered
from tests.interaction.house import HUB, Client, House

WORDS = "deploy app:1 as web with 2 replicas on port 8080"


async def running(house: House, client: Client, words: str = WORDS) -> None:
    plan = await client.approved(words)
    await client.post(f"/plans/{plan['id']}:apply")
    await house.work()


async def made(client: Client, **asked: Any) -> dict[str, Any]:
    answer = await client.post("/manifests:generate", asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def manifest(found: dict[str, Any], kind: str) -> dict[str, Any]:
    return dict(next(item for item in found["manifests"] if item["kind"] == kind)["document"])


def container(found: dict[str, Any]) -> dict[str, Any]:
    return dict(manifest(found, "Deployment")["spec"]["template"]["spec"]["containers"][0])


async def seen_with(house: House, id: str, **facts: Any) -> None:
    """What an engine tells of a container beside its spec."""
    ledger = house.services.ledger
    seen = await ledger.need(Observed, id)
    await ledger.commit([Put(replace(seen, facts={**seen.facts, **facts}))], [])


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Clustered]:
    async with clustered(tmp_path, "1.20") as made:
        yield made


@pytest.mark.req("S5.38")
async def test_inspecting_a_container_fills_every_field_of_its_info(house: House) -> None:
    async with house.caller() as client:
        await running(house, client)
        check = {"command": ["/check"], "interval_s": 5.0, "timeout_s": 1.0, "retries": 2, "start_period_s": 0.0}
        await seen_with(
            house, "local/container/web-1", user="1000:1000", exposed_ports=[80, 9000], image_health=check,
            not_in_spec=["user", "privileged"],
        )  # fmt: skip
        found = (await client.get("/resources/local/container/web-1/inspect")).json()
    assert {*ContainerInfo.__dataclass_fields__} < {*found}
    six = ("name", "image", "ports", "env_vars", "cpu_usage", "memory_usage")
    assert [found[name] for name in six] == ["web-1", "app:1", [80, 9000], {}, "5m", "16777216"]
    assert (found["user"], found["health"]["command"]) == ("1000:1000", ["/check"])
    assert found["not_in_spec"] == ["privileged"]
    assert found["observed_health"] == "healthy"


async def test_what_a_container_may_not_do_on_its_engine_it_may_not_do_on_a_cluster(house: House) -> None:
    async with house.caller() as client:
        await running(house, client)
        await seen_with(
            house, "local/container/web-1", writes=["/run", "/tmp"], in_every_pod=["cap_drop", "security_opt"],
            not_in_spec=["cap_drop", "group_add", "read_only", "security_opt", "tmpfs"],
        )  # fmt: skip
        found = await made(client, source="local/container/web-1")
    told = container(found)["securityContext"]
    assert (told["readOnlyRootFilesystem"], told["allowPrivilegeEscalation"]) == (True, False)
    assert told["capabilities"]["drop"] == ["ALL"]
    assert [item["mountPath"] for item in container(found)["volumeMounts"]] == ["/run", "/tmp"]
    assert [item["field"] for item in found["findings"] if item["level"] == "lost"] == ["group_add"]


async def test_what_a_container_keeps_secret_is_not_told_by_an_inspection_or_by_its_manifests(house: House) -> None:
    house.world.run(
        "odd", "app:1", command=["serve", "--password", "canary-1"], restart="always",
        env={"API_TOKEN": "canary-2", "DATABASE_URL": "postgres://u:canary-3@db/shop", "COLOUR": "blue"},
        health={"command": ["check", "--token", "canary-4"], "interval_s": 5.0, "timeout_s": 1.0, "retries": 2,
                "start_period_s": 0.0},
    )  # fmt: skip
    async with house.caller() as client:
        await client.post("/targets/local:discover")
        found = await client.get("/resources/local/container/odd/inspect")
        generated = await client.post("/manifests:generate", {"source": "odd", "with_secret": True})
    assert found.status_code == generated.status_code == 200, generated.text
    assert found.json()["env_vars"]["COLOUR"] == manifest(generated.json(), "ConfigMap")["data"]["COLOUR"] == "blue"
    assert {*manifest(generated.json(), "Secret")["stringData"]} == {"API_TOKEN", "COMMAND_WORD_2", "DATABASE_URL"}
    assert "canary" not in found.text + generated.text


async def test_what_is_no_container_cannot_be_inspected_or_generated(house: House) -> None:
    async with house.caller() as client:
        await running(house, client)
        for path, code in (
            ("/resources/local/image/docker.io/library/app:1/inspect", {404, 422}),
            ("/resources/local/container/none/inspect", {404}),
            ("/resources/local/workload/web/inspect", {422}),
        ):
            assert (await client.get(path)).status_code in code, path
        target = await client.post("/manifests:generate", {"source": "local"})
    assert (target.status_code, target.json()["details"]["field"]) == (422, "source")


@pytest.mark.req("S5.39")
async def test_a_container_becomes_manifests_in_which_each_value_says_why(house: House) -> None:
    async with house.caller("viewer") as viewer, house.caller() as client:
        await running(house, client)
        found = await made(viewer, source="web", options={"autoscale": "2-5", "host": "web.example.com"})
    text = "".join(item["text"] for item in found["manifests"])
    assert [item.value for item in read_documents(text)] == [item["document"] for item in found["manifests"]]
    assert "# Nothing is measured yet, so profile S is taken. [profile S]" in text
    assert [item["kind"] for item in found["manifests"]] == [
        "Service", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress",
    ]  # fmt: skip
    assert not [item for item in found["checks"] if item["level"] == "error"]
    assert found["kubernetes"] == "1.37"
    assert not house.effects[2:]


async def test_a_secret_is_a_reference_and_its_manifest_is_made_only_when_asked_for(house: House) -> None:
    file = "name: api\nimage: app:1\nports: [80]\nenv: {API_TOKEN: canary-token-2}\n"
    async with house.caller() as client:
        plain = await made(client, file=file)
        whole = await made(client, file=file, with_secret=True)
    assert [(item["key"], item["reference"]) for item in plain["secrets"]] == [("API_TOKEN", "env:API_TOKEN")]
    assert "Secret" not in [item["kind"] for item in plain["manifests"]]
    assert manifest(whole, "Secret")["stringData"] == {"API_TOKEN": {"secretRef": "env:API_TOKEN"}}
    assert "canary-token-2" not in json.dumps([plain, whole])


@pytest.mark.req("S5.39")
async def test_a_compose_file_becomes_the_manifests_of_all_its_services(house: House) -> None:
    file = "name: shop\nservices:\n  web: {image: 'app:1', ports: ['8080:80']}\n  db: {image: 'postgres:16'}\n"
    async with house.caller() as client:
        found = await made(client, file=file, language="ko")
        wrong = await client.post("/manifests:generate", {"file": "apiVersion: v1\nkind: ConfigMap\n"})
        several = await client.post("/manifests:generate", {"file": file, "words": "deploy app:1 as api"})
    assert several.json()["details"]["field"] == "words"
    assert {"StatefulSet", "Deployment", "Service"} <= {item["kind"] for item in found["manifests"]}
    assert found["of"] == "compose file: web, db"
    assert any("가" <= letter <= "힣" for letter in found["reasoning"])
    assert (wrong.status_code, wrong.json()["details"]["field"]) == (422, "file")


@pytest.mark.req("S5.39")
@pytest.mark.parametrize(
    ("source", "name", "ports"),
    [
        ("app:1", "app", [80]),
        ("local/image/app:1", "app", [80]),
        ("docker.io/library/app:1", "app", [80]),
        ("registry.example.com/shop/my_app:2", "my-app", []),
        ("postgres:16", "postgres", [5432]),
    ],
)
async def test_an_image_becomes_manifests_with_the_ports_that_it_is_known_to_listen_on(
    house: House, source: str, name: str, ports: list[int]
) -> None:
    async with house.caller() as client:
        found = await made(client, source=source)
    [runs] = [item for item in found["manifests"] if item["kind"] in ("Deployment", "StatefulSet")]
    [container] = runs["document"]["spec"]["template"]["spec"]["containers"]
    assert (runs["name"], [item["containerPort"] for item in container.get("ports", [])]) == (name, ports)
    assert container["image"].endswith(source.rpartition("/")[2])


async def test_a_name_that_fits_nothing_is_no_image_unless_it_has_a_tag(house: House) -> None:
    async with house.caller() as client:
        for source in ("nothing", "shop/nothing", "local/container/none:1", "local/workload/none:1"):
            answer = await client.post("/manifests:generate", {"source": source})
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), source
            assert "tag: nginx:1.27" in answer.json()["next_step"]
        wrong = await client.post("/manifests:generate", {"source": "App:1:2"})
    assert (wrong.status_code, wrong.json()["details"]["field"]) == (422, "source")


@pytest.mark.req("S5.39")
async def test_words_become_manifests_in_the_language_of_the_words(home: Clustered) -> None:
    async with home.house.caller() as client:
        await running(home.house, client)
        new = await made(client, words="deploy app:1 as api with 3 replicas on port 8080")
        korean = await made(client, words="app:1을 api로 배포해줘")
        copied = await made(client, words="copy web to prod with autoscaling")
        other = await client.post("/manifests:generate", {"words": "scale web to 3"})
        both = await client.post("/manifests:generate", {"words": "copy web to prod", "target": "local"})
        plans = (await client.get("/plans", target="prod")).json()["items"]
    assert (new["of"], new["target"], manifest(new, "Deployment")["spec"]["replicas"]) == ("words: api", None, 3)
    assert any("가" <= letter <= "힣" for letter in korean["reasoning"])
    assert (copied["target"], copied["kubernetes"]) == ("prod", "1.20")
    assert manifest(copied, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == "web"
    assert [answer.json()["details"]["field"] for answer in (other, both)] == ["words", "target"]
    assert (plans, home.spy.told) == ([], [])


@pytest.mark.req("S5.39")
async def test_the_cluster_itself_says_which_versions_are_written(home: Clustered) -> None:
    async with home.house.caller() as client:
        await running(home.house, client)
        there = await made(client, source="web", target="prod", options={"autoscale": "2-5"})
        newest = await made(client, source="web", options={"autoscale": "2-5"})
        named = await made(client, source="web", options={"autoscale": "2-5", "kubernetes": "1.22"})
        local = await client.post("/manifests:generate", {"source": "web", "target": "local"})
    versions = [manifest(found, "HorizontalPodAutoscaler")["apiVersion"] for found in (there, newest, named)]
    assert versions == ["autoscaling/v2beta2", "autoscaling/v2", "autoscaling/v2beta2"]
    assert (there["kubernetes"], named["kubernetes"]) == ("1.20", "1.22")
    assert (local.status_code, local.json()["details"]["field"]) == (422, "target")
    assert home.spy.told == []


async def test_what_was_measured_and_what_was_deployed_before_decide_the_resources(house: House) -> None:
    ledger, store = house.services.ledger, house.services.sampler.store
    async with house.caller() as client:
        await running(house, client)
        [past] = await ledger.all(Deployment)
        bad = replace(
            past, id="dep_bad", memory_limit=600 * 2**20, oom_events=2, version=0,
            deployed_at=past.deployed_at + timedelta(hours=1),
        )  # fmt: skip
        await ledger.commit([Put(bad)], [AuditEntry(action="test.put", subject="dep_bad", actor=HUB)])
        before = await made(client, source="web")
        for number in range(60):
            at = ledger.clock.now() - timedelta(minutes=number)
            await store.write(
                [
                    Sample(resource=ResourceId("local/container/web-1"), metric=metric, at=at, value=value)
                    for metric, value in ((Metric.CPU_MILLICORES, 321.0), (Metric.MEMORY_BYTES, 300.0 * 2**20))
                ]
            )
        after = await made(client, source="web")
    assert container(before)["resources"]["limits"]["memory"] == "750Mi"
    assert "history #dep_bad" in "".join(item["text"] for item in before["manifests"])
    assert [(item["id"], item["score"]) for item in before["history"]] == [(past.id, 0.5), ("dep_bad", 0.4)]
    assert container(after)["resources"]["requests"] == {"cpu": "321m", "memory": "300Mi"}
    assert after["usage"]["web"]["samples"] >= 60


@dataclass
class Away:
    """A reader of a target that does not answer."""

    asked: int = 0

    async def usage(self, resource: ResourceId) -> UsageReading:
        self.asked += 1
        raise Unreachable("No answer.", next_step="Wait.")


async def test_a_container_that_is_away_is_told_from_what_was_seen_last(house: House) -> None:
    async with house.caller() as client:
        await running(house, client)
        away = Away()
        local = sim_driver(await house.services.ledger.need(Target, "local"), house.world, clock=house.clock)
        house.places.drivers["local"] = replace(local, reader=cast(Reader, away))
        found = (await client.get("/resources/local/container/web-1/inspect")).json()
    assert (found["image"], found["cpu_usage"], away.asked) == ("app:1", "", 1)
