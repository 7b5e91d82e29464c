"""An application that was given as manifests is listed and shown beside the workloads that were written as such."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.interaction.clustered import Clustered, clustered
from tests.interaction.house import Client

SHOP = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "shop:1"}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {mode: calm}
"""
ALL = ["local/workload/web", "prod/workload/bank", "prod/workload/shop"]


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Clustered]:
    async with clustered(tmp_path) as made:
        yield made


async def applied(home: Clustered, client: Client, **asked: Any) -> None:
    plan = (await client.post("/plans", asked)).json()
    decision = {"decision": "approve", "reason": "as asked", "digest": plan["digest"]}
    await client.post(f"/plans/{plan['id']}:decide", decision)
    begun = await client.post(f"/plans/{plan['id']}:apply")
    assert begun.is_success, begun.text
    await home.house.work()


async def everything(home: Clustered, client: Client) -> None:
    await applied(home, client, words="deploy app:1 as web on local with 2 replicas")
    for project in ("shop", "bank"):
        text = SHOP if project == "shop" else "\n---\n".join(SHOP.split("---")[1:]).replace("settings", "rates")
        await applied(home, client, file=text, project=project, target="prod")


async def test_workloads_and_applications_are_listed_page_by_page(home: Clustered) -> None:
    async with home.house.caller() as client:
        await everything(home, client)
        listed = (await client.get("/workloads")).json()["items"]
        assert [item["id"] for item in listed] == ALL
        by_id = {item["id"]: item for item in listed}
        shop, web = by_id["prod/workload/shop"], by_id["local/workload/web"]
        assert (shop["from_manifests"], shop["images"], shop["workload"]) == (True, ["shop:1"], None)
        assert (web["from_manifests"], web["images"], web["workload"]["replicas"]) == (False, ["app:1"], 2)
        assert by_id["prod/workload/bank"]["images"] == []
        first = (await client.get("/workloads", limit=2)).json()
        then = (await client.get("/workloads", limit=2, cursor=first["next"])).json()
        assert [item["id"] for item in (*first["items"], *then["items"])] == ALL
        assert then["next"] is None
        of_prod = (await client.get("/workloads", target="prod")).json()["items"]
        assert [item["id"] for item in of_prod] == ALL[1:]


async def test_the_twin_as_a_whole_shows_applications_beside_workloads(home: Clustered) -> None:
    async with home.house.caller() as client:
        await everything(home, client)
        twin = (await client.get("/twin")).json()
        assert twin["workloads"] == (await client.get("/workloads")).json()["items"]
        assert [item["id"] for item in twin["workloads"]] == ALL


@pytest.mark.parametrize(("path", "key"), [("/plans", "rollback"), ("/plans:rollback", "id")])
async def test_what_is_on_one_target_alone_is_rolled_back_by_its_bare_name(
    home: Clustered, path: str, key: str
) -> None:
    async with home.house.caller() as client:
        await everything(home, client)
        answered = (await client.post(path, {key: "shop"})).json()
        assert (answered["target"], answered["origin"]) == ("prod", "rollback")
        assert {item["op"] for item in answered["changes"]} == {"delete"}
        nowhere = (await client.post(path, {key: "nobody"})).json()
        assert "'nobody' on local" in nowhere["detail"]


async def test_an_application_is_shown_with_its_resources_and_how_they_do(home: Clustered) -> None:
    async with home.house.caller() as client:
        await everything(home, client)
        shown = (await client.get("/workloads/prod/shop")).json()
        kinds = {item["kind"] for item in shown["resources"]}
        assert (kinds, shown["health"]["healthy"]) == ({"configmap", "deployment"}, 1)
        assert (await client.get("/workloads/prod/none")).status_code == 404


async def test_who_asks_for_what_is_not_there_is_told_a_command(home: Clustered) -> None:
    async with home.house.caller() as client:
        answered = (await client.post("/manifests:generate", {"source": "wbe"})).json()
    assert "opstwin get" in answered["next_step"]
    assert "twin_query" not in answered["next_step"]
