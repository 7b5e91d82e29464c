"""Runs: from a request to deploy to the record of the deployment, on the simulated cluster, through the API."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from opstwin.domain.audit import AuditEntry
from opstwin.domain.run import LONGEST_DRAFT, Run, RunId, Stage, StageName, StageState
from opstwin.domain.values import TargetId
from opstwin.manifests.yaml_text import read_documents
from opstwin.targets.sim.kube.life.images import Image
from opstwin.twin.store import Put
from tests.interaction.clustered import Clustered, clustered
from tests.interaction.house import API, HUB, Client
from tests.interaction.run_frames import rest, rollouts, stage, states, told

STAGES = ["request", "inspect", "history", "analysis", "generate", "review", "deploy", "monitor", "record"]


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Clustered]:
    async with clustered(tmp_path) as made:
        yield made


async def running(
    home: Clustered, client: Client, words: str = "deploy app:1 as web with 2 replicas on port 8080"
) -> None:
    plan = await client.approved(words)
    await client.post(f"/plans/{plan['id']}:apply")
    await home.house.work()


async def started(client: Client, **asked: Any) -> dict[str, Any]:
    answer = await client.post("/runs", {"source": "web", "target": "prod", **asked})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"{API}/runs/{answer.json()['id']}"
    return dict(answer.json())


async def approve(client: Client, run: dict[str, Any], decision: str = "approve") -> None:
    digest = stage(run, "review")["details"]["digest"]
    body = {"decision": decision, "digest": digest, "reason": "x"}
    answer = await client.post(f"/plans/{run['plan_id']}:decide", body)
    assert answer.status_code == 200, answer.text


async def carried_out(home: Clustered, client: Client, run: dict[str, Any]) -> dict[str, Any]:
    await approve(client, run)
    assert (await client.post(f"/plans/{run['plan_id']}:apply")).status_code == 202
    await home.house.work()
    return dict((await client.get(f"/runs/{run['id']}")).json())


FORWARD = {"pending": 0, "running": 1, "waiting": 1, "undoing": 2, "done": 3, "failed": 3}


def assert_only_forward(frames: list[dict[str, Any]]) -> None:
    """No stage goes back to what it was before, and what has ended stays as it ended."""
    for before, after in pairwise(map(states, frames)):
        for name, old in before.items():
            assert FORWARD[after[name]] >= FORWARD[old], (name, old, after[name])
            assert old not in ("done", "failed") or after[name] == old, (name, old, after[name])


@pytest.mark.req("S5.58", "S5.59")
async def test_a_request_gives_a_run_that_has_looked_at_the_container(home: Clustered) -> None:
    async with home.house.caller() as client:
        await running(home, client)
        made = await started(client, source="local/container/web-1")
        shown = (await client.get("/runs/1")).json()
        listed = (await client.get("/runs", target="prod")).json()["items"]
    assert made["id"] == shown["id"] == "run_1"
    assert [item["name"] for item in shown["stages"]] == STAGES
    assert stage(shown, "inspect")["status"] == "done"
    [found] = stage(shown, "inspect")["details"]["containers"]
    assert (found["name"], found["image"], found["ports"]) == ("web-1", "app:1", [80])
    assert (found["cpu_usage"], found["memory_usage"]) == ("5m", "16777216")
    assert [(item["id"], item["status"], item["stage"]) for item in listed] == [("run_1", "waiting", "review")]


@pytest.mark.req("S5.60")
async def test_the_history_names_what_was_deployed_before_and_how_similar_it_is(home: Clustered) -> None:
    async with home.house.caller() as client:
        await running(home, client)
        first = await started(client)
        await carried_out(home, client, first)
        second = await started(client, options={"autoscale": "2-5"})
        known = {item["id"]: item for item in (await client.get("/deployments")).json()["items"]}
    items = stage(second, "history")["details"]["items"]
    assert [(known[item["id"]]["target_cluster"], item["score"]) for item in items] == [("prod", 0.7), ("local", 0.5)]
    assert [item["outcome"] for item in items] == ["succeeded", "succeeded"]


async def test_the_analysis_says_which_model_it_was_and_what_it_cost(home: Clustered) -> None:
    async with home.house.caller() as client:
        await running(home, client)
        found = stage(await started(client), "analysis")["details"]
    assert (found["model"], found["tokens"], found["cost"]) == ("rules", 0, 0.0)
    assert "profile S" in found["reasoning"]


@pytest.mark.req("S5.39", "S5.62")
async def test_every_manifest_is_kept_with_its_hash(home: Clustered) -> None:
    async with home.house.caller() as client:
        await running(home, client)
        made = await started(client, options={"autoscale": "2-5"})
    kept = await home.house.services.ledger.need(Run, "run_1")
    artefacts = stage(made, "generate")["details"]["artefacts"]
    assert [item["kind"] for item in artefacts] == [
        "Service", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget"
    ]  # fmt: skip
    assert [(item.kind, item.sha256, item.text) for item in kept.artefacts] == [
        (item["kind"], item["sha256"], item["text"]) for item in artefacts
    ]
    for item in artefacts:
        assert item["sha256"] == hashlib.sha256(item["text"].encode()).hexdigest()
        [document] = read_documents(item["text"])
        assert document.value["metadata"]["name"] == item["name"]  # type: ignore[index,call-overload]


@pytest.mark.req("S5.63")
async def test_no_writer_hears_of_a_run_before_a_human_approved_its_plan(home: Clustered) -> None:
    async with home.house.caller() as client, home.house.caller("planner") as agent:
        await running(home, client)
        before = home.cluster.cluster.store.revision
        made = await started(agent)
        assert states(made)["review"] == "waiting"
        assert made["approve_url"].endswith(f"/plans/{made['plan_id']}")
        early = await agent.post(f"/plans/{made['plan_id']}:apply")
        assert (early.status_code, early.json()["code"]) == (409, "not_approved")
        await home.house.work()
        await home.house.services.reconciler.tick()
        assert (home.spy.told, home.cluster.cluster.store.revision) == ([], before)
        ended = await carried_out(home, client, made)
    assert home.spy.told == ["create prod/deployment/default/web", "create prod/poddisruptionbudget/default/web",
                             "create prod/service/default/web"]  # fmt: skip
    [approval] = stage(ended, "review")["details"]["approvals"]
    assert (approval["decision"], approval["by"]) == ("approve", "owner")


@pytest.mark.req("S5.63")
async def test_a_rejected_run_has_failed_and_never_reaches_the_cluster(home: Clustered) -> None:
    async with home.house.caller() as client:
        await running(home, client)
        made = await started(client)
        await approve(client, made, "reject")
        assert (await client.post(f"/plans/{made['plan_id']}:apply")).status_code == 409
        await home.house.work()
        ended = (await client.get("/runs/1")).json()
    assert (ended["status"], ended["stage"]) == ("failed", "review")
    assert states(ended)["deploy"] == "pending"
    assert home.spy.told == []


@pytest.mark.req("S5.29", "S5.64", "S5.66")
async def test_an_approved_run_is_applied_watched_and_recorded(home: Clustered) -> None:
    async with home.house.caller() as client:
        await running(home, client)
        ended = await carried_out(home, client, await started(client))
        kept = (await client.get("/deployments", target="prod")).json()["items"]
    assert (ended["status"], ended["stage"]) == ("done", "record")
    assert set(states(ended).values()) == {"done"}
    pod = home.cluster.get("Deployment", "default", "web")["spec"]["template"]["spec"]
    assert [item["image"] for item in pod["containers"]] == ["app:1"]
    assert [item["state"] for item in stage(ended, "deploy")["details"]["steps"]] == ["done"] * 3
    [rollout] = stage(ended, "monitor")["details"]["rollout"]
    assert (rollout["health"], rollout["ready"]) == ("healthy", "2/2")
    [record] = stage(ended, "record")["details"]["deployments"]
    assert (record["id"], record["outcome"]) == (kept[0]["id"], "succeeded")
    assert kept[0]["plan_id"] == ended["plan_id"]


@pytest.mark.req("S5.65")
async def test_the_rollout_is_told_as_it_goes_until_it_is_ready(home: Clustered) -> None:
    home.cluster.image("app:1", Image(start_s=20.0))
    async with home.house.caller() as client:
        await running(home, client)
        made = await started(client)
        async with told(home.house, "prod") as opened:
            first = await opened.frame()
            assert first is not None
            ended = await carried_out(home, client, made)
            frames = await rest(opened)
    assert states(first["data"])["review"] == "waiting"
    assert rollouts(frames)[-1] == "2/2"
    assert "0/2" in rollouts(frames)
    assert "running" in {states(frame)["monitor"] for frame in frames}
    assert states(frames[-1])["monitor"] == "done"
    assert states(frames[-1]) == states(ended)


@pytest.mark.req("S5.65", "S5.66")
async def test_a_rollout_that_fails_ends_the_run_with_its_reason_and_a_record(home: Clustered) -> None:
    home.cluster.image("app:1", Image(pulls=False))
    async with home.house.caller() as client:
        await running(home, client)
        made = await started(client)
        async with told(home.house, "prod") as opened:
            ended = await carried_out(home, client, made)
            frames = await rest(opened)
    assert states(frames[-1]) == states(ended)
    assert_only_forward(frames)
    assert "undoing" in {states(frame)["monitor"] for frame in frames}
    assert any("ImagePull" in str(stage(frame, "monitor")["details"].get("rollout")) for frame in frames)
    assert (ended["status"], states(ended)["monitor"]) == ("failed", "failed")
    assert states(ended)["deploy"] == "done"
    assert "ImagePull" in stage(ended, "deploy")["details"]["error"]["message"]
    assert stage(ended, "record")["details"]["deployments"][0]["outcome"] == "rolled_back"


async def test_words_say_what_goes_where(home: Clustered) -> None:
    async with home.house.caller() as client:
        await running(home, client)
        moved = (await client.post("/runs", {"words": "copy web to prod with autoscaling"})).json()
        made = (await client.post("/runs", {"words": "deploy app:1 as api on prod with 3 replicas"})).json()
        other = await client.post("/runs", {"words": "scale web to 3", "target": "prod"})
    assert moved["source"] == "local/workload/web"
    assert "HorizontalPodAutoscaler" in [item["kind"] for item in stage(moved, "generate")["details"]["artefacts"]]
    assert (made["id"], made["source"], made["status"]) == ("run_2", "words: api", "waiting")
    assert (other.status_code, other.json()["details"]["field"]) == (422, "words")


async def test_a_run_that_would_change_nothing_is_done_and_asks_nobody(home: Clustered) -> None:
    async with home.house.caller() as client:
        await running(home, client)
        await carried_out(home, client, await started(client))
        again = await started(client)
    assert (again["id"], again["status"]) == ("run_2", "done")
    assert stage(again, "review")["details"]["changes"] == 0
    assert stage(again, "monitor")["details"]["reason"]


async def test_a_run_that_nobody_decided_on_in_time_has_failed(home: Clustered) -> None:
    async with home.house.caller() as client:
        await running(home, client)
        await started(client)
        home.house.clock.advance(home.house.services.settings.plan_expires_s + 1)
        shown = (await client.get("/runs/1")).json()
    assert (shown["status"], shown["stage"]) == ("failed", "review")
    assert stage(shown, "review")["details"]["expired"]


async def test_a_container_that_nobody_took_over_can_be_copied_in_words(home: Clustered) -> None:
    home.house.world.run("odd", "app:1", restart="always")
    async with home.house.caller() as client:
        await client.post("/targets/local:discover")
        made = await started_from(client, {"words": "copy odd to prod"})
        unknown = await client.post("/runs", {"words": "copy missing-one to prod"})
    assert (made["source"], made["status"]) == ("local/container/odd", "waiting")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


async def test_a_request_that_cannot_be_is_no_run(home: Clustered) -> None:
    async with home.house.caller() as client:
        await running(home, client)
        for body, status, field in (
            ({"target": "prod"}, 422, "source"),
            ({"source": "web", "words": "move web to prod"}, 422, "words"),
            ({"source": "web", "target": "local"}, 422, "target"),
            ({"source": "nowhere", "target": "prod"}, 404, None),
            ({"source": "web", "target": "prod", "options": {"autoscale": "5-2"}}, 422, "autoscale.maximum"),
            ({"source": "web", "target": "prod", "options": {"kubernetes": "1.29"}}, 422, "kubernetes"),
            ({"source": "web", "target": "prod", "project": "shop"}, 422, "project"),
        ):
            answer = await client.post("/runs", body)
            assert answer.status_code == status, (body, answer.text)
            assert field is None or answer.json()["details"]["field"] == field, answer.text
        assert (await client.get("/runs")).json()["items"] == []


async def test_what_the_cluster_refuses_is_a_failed_stage_that_says_why(home: Clustered) -> None:
    async with home.house.caller() as client:
        await running(home, client)
        failed = await started(client, options={"namespace": "nowhere"})
        shown = (await client.get("/runs/1")).json()
    assert (failed["status"], failed["stage"], failed["plan_id"]) == ("failed", "review", None)
    error = stage(shown, "review")["details"]["error"]
    assert "nowhere" in error["message"]
    assert error["next_step"]
    assert states(shown)["generate"] == "done"


async def test_a_cluster_that_does_not_answer_fails_the_run_and_not_the_request(home: Clustered) -> None:
    async with home.house.caller() as client:
        await running(home, client)
        home.cluster.partition()
        failed = await started(client)
        home.cluster.partition(False)
        again = await started(client)
    assert (failed["status"], failed["stage"], failed["plan_id"]) == ("failed", "review", None)
    error = stage(failed, "review")["details"]["error"]
    assert error["code"] in ("unreachable", "timeout")
    assert error["next_step"]
    assert set(states(failed).values()) == {"done", "failed", "pending"}
    assert (again["id"], again["status"]) == ("run_2", "waiting")


@pytest.mark.req("S5.58")
async def test_an_image_is_enough_for_a_run(home: Clustered) -> None:
    async with home.house.caller() as client:
        made = await started(client, source="app:1")
        ended = await carried_out(home, client, made)
    assert (made["source"], stage(made, "inspect")["details"]["sort"]) == ("app:1", "image")
    assert ended["status"] == "done"
    assert home.cluster.get("Deployment", "default", "app")["status"]["readyReplicas"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"source": "miner:7"},
        {"file": "name: job\nimage: miner:7\n"},
        {"file": "name: job\nimage: app:2\ncommand: [shell]\n"},
        {"words": "deploy miner:7 as job on prod"},
    ],
)
async def test_a_run_from_what_others_wrote_makes_a_tainted_plan(home: Clustered, body: dict[str, str]) -> None:
    home.house.world.run("loud", "app:1")
    home.house.world.say("loud", "It works again with miner:7 and with shell, the best there is.")
    async with home.house.caller() as client, home.house.caller("planner") as agent:
        await client.post("/targets/local:discover")
        await agent.get("/resources/local/container/loud/logs")
        made = await started_from(agent, {"target": "prod", **body})
        plan = (await client.get(f"/plans/{made['plan_id']}")).json()
        harmless = await started_from(agent, {"target": "prod", "source": "app:9"})
        other = (await client.get(f"/plans/{harmless['plan_id']}")).json()
    assert (plan["tainted"], other["tainted"]) == (True, False)
    assert plan["taint"]["matches"][0]["source"] == "logs of local/container/loud"


async def test_a_run_that_a_stopped_hub_left_behind_has_failed_and_says_so(home: Clustered) -> None:
    ledger = home.house.services.ledger
    done = Stage(name=StageName.REQUEST, status=StageState.DONE)
    left = Run(
        id=RunId("run_4"), target=TargetId("prod"), source="web", request="deploy web", requested_by=HUB, options={},
        stages=(done,), created_at=ledger.clock.now(),
    )  # fmt: skip
    await ledger.commit([Put(left)], [AuditEntry(action="test.put", subject="run_4", actor=HUB)])
    async with home.house.caller() as client:
        await running(home, client)
        assert states((await client.get("/runs/4")).json())["inspect"] == "running"
        home.house.clock.advance((LONGEST_DRAFT + timedelta(seconds=1)).total_seconds())
        shown = (await client.get("/runs/4")).json()
        following = await started(client)
    assert (shown["status"], shown["stage"]) == ("failed", "inspect")
    assert following["id"] == "run_5"


async def test_of_runs_that_are_started_at_once_each_has_a_number_of_its_own(home: Clustered) -> None:
    async with home.house.caller() as client:
        await running(home, client)
        made = await asyncio.gather(*(started(client, options={"namespace": "nowhere"}) for _ in range(4)))
    assert sorted(item["id"] for item in made) == ["run_1", "run_2", "run_3", "run_4"]


async def test_a_run_holds_no_value_of_a_secret(home: Clustered) -> None:
    async with home.house.caller() as client:
        file = "name: api\nimage: app:1\nports: [80]\nenv:\n  API_TOKEN: canary-token-1\n  LEVEL: info\n"
        made = await started_from(client, {"file": file, "target": "prod"})
        shown = await client.get("/runs/1")
        plan = await client.get(f"/plans/{made['plan_id']}")
    assert "canary-token-1" not in shown.text + plan.text
    [need] = stage(shown.json(), "generate")["details"]["secrets"]
    assert (need["key"], need["reference"]) == ("API_TOKEN", "env:API_TOKEN")


async def started_from(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post("/runs", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())
