"""What goes wrong on a cluster after people have approved: each ends by name, with what was there before, or says why
not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from opstwin.control.adopting import adopt
from opstwin.domain.execution import Execution, ExecutionState
from opstwin.domain.target import Target
from opstwin.domain.values import ExecutionId
from opstwin.errors import InvalidInput, TargetError
from opstwin.targets.sim.kube.faults import Fault, FaultKind
from opstwin.targets.sim.kube.life.images import Image
from tests.cluster_rig import PROD, ClusterRig, cluster_rig
from tests.rig import ANNA
from tests.unit.control.test_clusters import config, workload

NEVER_ALIVE: dict[str, Any] = {
    "livenessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 10, "initialDelaySeconds": 5}
}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[ClusterRig]:
    """The application runs in its first version."""
    async with cluster_rig(tmp_path) as here:
        await here.discover()
        await here.apply(config(), workload())
        yield here


async def begun(shop: ClusterRig, *documents: dict[str, Any]) -> ExecutionId:
    """A plan that was approved and started, and has done nothing yet."""
    plan = await shop.rig.approved(await shop.from_manifests(*documents))
    return (await shop.rig.applier.start(plan.id, ANNA)).id


def said(execution: Execution) -> str:
    return str((execution.error or {}).get("message"))


def image(shop: ClusterRig) -> object:
    return shop.owned("Deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"]


def is_as_before(shop: ClusterRig) -> bool:
    return (image(shop), shop.owned("ConfigMap", "web-config")["data"]) == ("shop:1", {"A": "1"})


@pytest.mark.parametrize(
    ("behaviour", "container", "why"),
    [
        (Image(pulls=False), {}, "ImagePull"),
        (Image(alive=False), NEVER_ALIVE, "Liveness probe failed"),
        (Image(exits=137, out_of_memory=True), {}, "it took more memory than it may"),
        (Image(ready=False), {"readinessProbe": {"tcpSocket": {"port": 80}}}, "Readiness probe failed"),
    ],
    ids=["never pulled", "never alive", "out of memory", "never ready"],
)  # fmt: skip
async def test_a_rollout_that_does_not_become_well_says_why_and_is_taken_back(
    shop: ClusterRig, behaviour: Image, container: dict[str, Any], why: str
) -> None:
    shop.cluster.image("shop:2", behaviour)
    wanted = workload("shop:2", **container)
    wanted["spec"]["progressDeadlineSeconds"] = 60
    ended = await shop.apply(config(A="2"), wanted)
    assert ended.state is ExecutionState.ROLLED_BACK
    assert why in said(ended)
    assert is_as_before(shop)


async def test_a_liveness_probe_that_passes_costs_no_rollback(shop: ClusterRig) -> None:
    ended = await shop.apply(config(A="2"), workload("shop:2", **NEVER_ALIVE))
    assert (ended.state, image(shop)) == (ExecutionState.SUCCEEDED, "shop:2")


async def test_no_replicas_is_what_was_asked_for_and_not_a_failure(shop: ClusterRig) -> None:
    none = workload()
    none["spec"]["replicas"] = 0
    ended = await shop.apply(config(), none)
    assert (ended.state, shop.cluster.all("Pod", "default")) == (ExecutionState.SUCCEEDED, [])


async def test_pods_that_a_quota_refuses_are_told_in_the_clusters_words_and_taken_back(shop: ClusterRig) -> None:
    """The Deployment itself is within the quota, so no dry run sees it."""
    hard = {"hard": {"pods": "2"}}
    shop.cluster.create({"kind": "ResourceQuota", "metadata": {"name": "tight", "namespace": "default"}, "spec": hard})
    wide = workload()
    wide["spec"]["replicas"] = 4
    ended = await shop.apply(config(A="2"), wide)
    assert ended.state is ExecutionState.ROLLED_BACK
    assert "exceeded quota: tight" in said(ended)
    assert is_as_before(shop)


def forbid(shop: ClusterRig) -> None:
    rule = {"apiGroups": [""], "resources": ["*"], "verbs": ["*"]}
    watches = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
    shop.cluster.edit("ClusterRole", "", "robot", {"rules": [rule, watches]})


def no_webhook(shop: ClusterRig) -> None:
    rules = [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}]
    hook = {
        "name": "guard.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "rules": rules,
        "clientConfig": {"url": "https://127.0.0.1:1/guard"}, "timeoutSeconds": 1, "failurePolicy": "Fail",
    }  # fmt: skip
    shop.cluster.create({
        "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "guard"}, "webhooks": [hook],
    })  # fmt: skip


def removed(shop: ClusterRig) -> None:
    shop.cluster.remove("Deployment", "default", "web")


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        (forbid, 'cannot patch resource "deployments"'),
        (no_webhook, "admission webhook does not answer"),
        (removed, "prod/deployment/default/web is no longer what the plan was made for"),
    ],
    ids=["rights taken away", "webhook down", "deleted"],
)
async def test_what_changes_after_the_approval_is_named_and_what_was_done_is_undone(
    tmp_path: Path, meanwhile: Callable[[ClusterRig], None], why: str
) -> None:
    async with cluster_rig(tmp_path, token="robot") as shop:
        shop.cluster.user("robot", "robot", rules=[{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])
        await shop.discover()
        await shop.apply(config(), workload())
        id = await begun(shop, config(A="2"), workload("shop:2"))
        meanwhile(shop)
        ended = await shop.rig.applier.run(id)
        assert ended.state is ExecutionState.ROLLED_BACK
        assert why in said(ended)
        assert shop.owned("ConfigMap", "web-config")["data"] == {"A": "1"}


async def test_what_somebody_takes_away_while_it_is_rolled_out_is_not_made_again_unasked(shop: ClusterRig) -> None:
    id = await begun(shop, config(A="2"), workload("shop:2"))
    shop.cluster.image("shop:2", Image(start_s=20))

    def take_away(_: object) -> None:
        if image(shop) == "shop:2":
            shop.cluster.cluster.store.listeners.remove(take_away)
            asyncio.get_running_loop().call_later(0.3, shop.cluster.remove, "Deployment", "default", "web")

    shop.cluster.cluster.store.listeners.append(take_away)
    ended = await shop.rig.applier.run(id)
    assert ended.state is ExecutionState.NEEDS_HUMAN
    assert "web is not there any more" in said(ended)
    assert not shop.cluster.all("Deployment", "default")


async def test_a_rollback_that_may_delete_no_more_says_so_and_asks_a_human(tmp_path: Path) -> None:
    verbs = ["get", "list", "watch", "create", "patch"]
    rule = {"apiGroups": ["*"], "resources": ["*"], "verbs": [*verbs, "delete"]}
    async with cluster_rig(tmp_path, token="robot") as shop:
        shop.cluster.user("robot", "robot", rules=[rule])
        await shop.discover()
        shop.cluster.image("shop:1", Image(pulls=False))
        id = await begun(shop, config(), workload())
        shop.cluster.edit("ClusterRole", "", "robot", {"rules": [{**rule, "verbs": verbs}]})
        ended = await shop.rig.applier.run(id)
        assert ended.state is ExecutionState.NEEDS_HUMAN
        assert "The roll-back did not finish" in said(ended)
        assert 'cannot delete resource "deployments"' in said(ended)


async def test_nothing_is_rolled_out_into_a_namespace_that_began_to_go(tmp_path: Path) -> None:
    async with cluster_rig(tmp_path) as shop:
        shop.cluster.create({"kind": "Namespace", "metadata": {"name": "shop"}})
        held = {"name": "held", "namespace": "shop", "finalizers": ["example.com/hold"]}
        shop.cluster.create({"kind": "ConfigMap", "metadata": held})
        await shop.discover()
        wanted = config()
        wanted["metadata"]["namespace"] = "shop"
        id = await begun(shop, wanted)
        shop.cluster.remove("Namespace", "", "shop")
        ended = await shop.rig.applier.run(id)
        assert ended.state is ExecutionState.ROLLED_BACK
        assert "being terminated" in said(ended)


async def until_it_ends(shop: ClusterRig, id: ExecutionId) -> tuple[Execution, list[TargetError]]:
    """As the worker does: what could not go on is taken up again."""
    away: list[TargetError] = []
    for _ in range(40):
        try:
            return await shop.rig.applier.run(id), away
        except TargetError as error:
            away.append(error)
            shop.rig.clock.advance(30)
    raise AssertionError(f"it did not end: {away[-1]}")


async def test_a_token_that_expires_on_the_way_stops_it_until_the_file_holds_another(shop: ClusterRig) -> None:
    id = await begun(shop, config(A="2"), workload("shop:2"))
    generation = shop.owned("Deployment", "web")["metadata"]["generation"]
    expired = Fault(kind=FaultKind.EXPIRED, method="PATCH", path="deployments/web", times=None)
    shop.cluster.faults.add(expired)
    with pytest.raises(TargetError, match="does not accept the hub's credentials") as refused:
        await shop.rig.applier.run(id)
    assert "Renew the token" in refused.value.next_step
    shop.cluster.faults.remove(expired)
    ended, _ = await until_it_ends(shop, id)
    assert (ended.state, image(shop)) == (ExecutionState.SUCCEEDED, "shop:2")
    assert shop.owned("Deployment", "web")["metadata"]["generation"] == generation + 1


@pytest.mark.proves("B3")
@pytest.mark.parametrize("is_good", [True, False], ids=["a good rollout", "a bad one"])
async def test_an_api_server_that_is_killed_on_the_way_and_started_again_costs_no_second_effect(
    shop: ClusterRig, is_good: bool
) -> None:
    """It dies between the effect of the step and its answer, and nobody listens until it was started anew."""
    shop.cluster.image("shop:2", Image(pulls=is_good))
    id = await begun(shop, config(A="2"), workload("shop:2"))
    generation = shop.owned("Deployment", "web")["metadata"]["generation"]

    def dies(_: object) -> None:
        if image(shop) == "shop:2":
            shop.cluster.cluster.store.listeners.remove(dies)
            shop.cluster.partition()

    shop.cluster.faults.add(Fault(kind=FaultKind.DROP_AFTER, method="PATCH", path="deployments/web"))
    shop.cluster.cluster.store.listeners.append(dies)
    with pytest.raises(TargetError):
        await shop.rig.applier.run(id)
    shop.cluster.partition(False)
    shop.cluster.restart()
    ended, _ = await until_it_ends(shop, id)
    assert ended.state is (ExecutionState.SUCCEEDED if is_good else ExecutionState.ROLLED_BACK)
    assert image(shop) == ("shop:2" if is_good else "shop:1")
    assert shop.owned("Deployment", "web")["metadata"]["generation"] == generation + (1 if is_good else 2)


async def test_a_target_whose_api_server_does_not_come_back_is_handed_to_a_human(shop: ClusterRig) -> None:
    id = await begun(shop, config(A="2"), workload("shop:2"))
    shop.cluster.partition()
    ended, away = await until_it_ends(shop, id)
    assert away
    assert ended.state is ExecutionState.NEEDS_HUMAN
    assert "stayed away for" in said(ended)


@pytest.mark.parametrize(
    ("change", "field", "next_step"),
    [
        ({"apiVersion": "extensions/v1beta1"}, "apiVersion", "apps/v1"),
        ({"kind": "Deploymnt"}, "kind", "Did you mean kind: Deployment?"),
        ({"apiVersion": "example.com/v1", "kind": "Widget"}, "apiVersion", "Install what defines it"),
    ],
    ids=["wrong version", "unknown kind", "unknown custom kind"],
)
async def test_what_the_cluster_does_not_serve_is_no_plan(
    shop: ClusterRig, change: dict[str, str], field: str, next_step: str
) -> None:
    with pytest.raises(InvalidInput, match="does not serve") as refused:
        await shop.from_manifests(workload() | change)
    assert refused.value.field == field
    assert next_step in refused.value.next_step


async def test_the_way_back_leads_past_what_was_only_healed(shop: ClusterRig) -> None:
    await shop.apply(config(A="2"), workload("shop:2"))
    shop.cluster.edit("Deployment", "default", "web", {"spec": {"replicas": 5}}, manager="kubectl")
    await shop.discover()
    await shop.rig.carry_out(await shop.rig.planner.from_drift(PROD, None, ANNA))
    ended = await shop.rig.carry_out(await shop.rig.planner.rollback("prod/workload/shop", ANNA))
    assert ended.state is ExecutionState.SUCCEEDED
    assert is_as_before(shop)


async def test_what_comes_and_goes_by_itself_is_not_adopted(shop: ClusterRig) -> None:
    shop.cluster.create({**workload(name="theirs"), "metadata": {"name": "theirs", "namespace": "default"}})
    shop.cluster.advance(5)
    await shop.discover()
    [pod, *_] = [item for item in shop.cluster.all("Pod", "default") if item["metadata"]["name"].startswith("theirs")]
    assert shop.rig.places is not None
    renderer = shop.rig.places.renderer(await shop.rig.ledger.need(Target, PROD))
    for id, next_step in (
        (f"prod/pod/default/{pod['metadata']['name']}", "opstwin adopt prod/deployment/default/theirs"),
        ("prod/node/node-1", "Adopt what runs on it"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await adopt(shop.rig.ledger, id, ANNA, renderer=renderer)
        assert next_step in refused.value.next_step
