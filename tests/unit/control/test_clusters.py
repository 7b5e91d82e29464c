"""The whole loop on a cluster: what is planned is what happens, and what does not hold is taken back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from opstwin.control.adopting import adopt
from opstwin.domain.command import Command
from opstwin.domain.deployment import Deployment
from opstwin.domain.event import Event
from opstwin.domain.execution import Execution, ExecutionState
from opstwin.domain.plan import Op, Risk
from opstwin.domain.resource import Desired, Observed, Presence
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId
from opstwin.errors import Conflict, Forbidden, InvalidInput, NotFound, Rejected, StalePlan, TargetError
from opstwin.targets.sim.kube.faults import Fault, FaultKind
from opstwin.targets.sim.kube.life.images import Image
from tests.cluster_rig import PATIENT, PROD, ClusterRig, cluster_rig
from tests.rig import ANNA


def workload(image: str = "shop:1", name: str = "web", **container: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "shop"}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": image, **container}]},
            },
        },
    }  # fmt: skip


def config(name: str = "web-config", **data: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/part-of": "shop"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": labels},
        "data": data or {"A": "1"},
    }


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[ClusterRig]:
    async with cluster_rig(tmp_path) as here:
        await here.discover()
        yield here


def replicas(here: ClusterRig) -> object:
    return here.owned("Deployment", "web")["spec"]["replicas"]


@pytest.mark.req("S5.70")
async def test_manifests_are_planned_applied_and_verified_and_a_second_time_nothing_is_left_to_do(
    shop: ClusterRig,
) -> None:
    plan = await shop.from_manifests(config(), workload())
    assert [(item.op, item.kind, item.name, item.workload) for item in plan.changes] == [
        (Op.CREATE, "configmap", "default/web-config", "shop"),
        (Op.CREATE, "deployment", "default/web", "shop"),
    ]
    execution = await shop.rig.carry_out(plan)
    assert execution.state is ExecutionState.SUCCEEDED
    assert (await shop.from_manifests(config(), workload())).changes == ()
    [record] = await shop.rig.ledger.all(Deployment)
    assert (record.service_name, record.image_name, record.replicas, record.success) == ("shop", "shop", 2, True)
    assert (record.target_cluster, record.namespace, record.deployed_at) == (PROD, "default", execution.finished_at)


async def test_a_rollout_that_breaks_is_taken_back_to_exactly_what_ran_before(shop: ClusterRig) -> None:
    await shop.apply(config(), workload())
    before = shop.owned("Deployment", "web")["spec"]
    shop.cluster.image("shop:2", Image(exits=3))
    execution = await shop.apply(config(A="2"), workload("shop:2"))
    assert execution.state is ExecutionState.ROLLED_BACK
    assert execution.error is not None
    assert "CrashLoopBackOff" in str(execution.error["message"])
    assert shop.owned("Deployment", "web")["spec"] == before
    assert shop.owned("ConfigMap", "web-config")["data"] == {"A": "1"}
    assert (await shop.rig.planner.look_at_drift(PROD, None, ANNA)).changes == ()


def claim(name: str = "data") -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "shop"}},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }  # fmt: skip


async def test_a_claim_that_pods_may_have_written_to_outlives_the_roll_back_that_says_so(shop: ClusterRig) -> None:
    shop.cluster.image("shop:2", Image(exits=3))
    execution = await shop.apply(claim(), workload("shop:2"))
    assert execution.state is ExecutionState.ROLLED_BACK
    assert shop.owned("PersistentVolumeClaim", "data")["spec"]["resources"] == {"requests": {"storage": "1Gi"}}
    assert "Volume default/data stays" in str((execution.error or {})["message"])
    assert await shop.rig.ledger.all(Desired) == []


async def test_what_others_change_is_drift_and_healing_takes_it_back_naming_who_held_it(shop: ClusterRig) -> None:
    await shop.apply(workload())
    shop.cluster.edit("Deployment", "default", "web", {"spec": {"replicas": 5}}, manager="kubectl-scale")
    await shop.discover()
    plan = await shop.rig.planner.from_drift(PROD, None, ANNA)
    [change] = plan.changes
    assert [(".".join(item.path), item.before, item.after) for item in change.fields] == [("spec.replicas", 5, 2)]
    assert change.takes == ("kubectl-scale spec.replicas",)
    assert (await shop.rig.carry_out(plan)).state is ExecutionState.SUCCEEDED
    assert replicas(shop) == 2


async def test_what_was_removed_behind_our_back_comes_back(shop: ClusterRig) -> None:
    await shop.apply(config(), workload())
    shop.cluster.remove("ConfigMap", "default", "web-config")
    await shop.discover()
    plan = await shop.rig.planner.from_drift(PROD, None, ANNA)
    assert [(item.op, item.name) for item in plan.changes] == [(Op.CREATE, "default/web-config")]
    await shop.rig.carry_out(plan)
    assert shop.owned("ConfigMap", "web-config")["data"] == {"A": "1"}


async def test_a_field_of_another_owner_is_named_and_only_taken_when_that_was_asked_for(shop: ClusterRig) -> None:
    await shop.apply(workload())
    shop.cluster.edit("Deployment", "default", "web", {"spec": {"replicas": 7}}, manager="autoscaler")
    await shop.discover()
    with pytest.raises(Conflict, match=r"spec\.replicas \(autoscaler\)") as refused:
        await shop.from_manifests(workload("shop:2"))
    assert "--take-over" in refused.value.next_step
    plan = await shop.from_manifests(workload("shop:2"), take_over=True)
    assert plan.changes[0].takes == ("autoscaler spec.replicas",)
    assert (await shop.rig.carry_out(plan)).state is ExecutionState.SUCCEEDED
    assert replicas(shop) == 2


async def test_what_leaves_the_files_stays_until_it_is_pruned_and_others_things_stay_always(shop: ClusterRig) -> None:
    shop.cluster.create(
        {"kind": "ConfigMap", "metadata": {"name": "foreign", "namespace": "default"}, "data": {"k": "v"}}
    )
    await shop.apply(config(), workload())
    await shop.discover()
    kept = await shop.from_manifests(workload())
    assert kept.changes == ()
    assert any("--prune" in note for note in kept.notes)
    plan = await shop.from_manifests(workload(), prune=True)
    assert [(item.op, item.name) for item in plan.changes] == [(Op.DELETE, "default/web-config")]
    await shop.rig.carry_out(plan)
    names = [item["metadata"]["name"] for item in shop.cluster.all("ConfigMap", "default")]
    assert "foreign" in names
    assert "web-config" not in names


async def test_what_was_given_as_manifests_is_restarted_in_words(shop: ClusterRig) -> None:
    await shop.apply(config(), workload())
    before = shop.owned("Deployment", "web")["spec"]["template"]["metadata"].get("annotations")
    plan = await shop.rig.plan("restart shop on prod")
    assert [(item.op, item.name) for item in plan.changes] == [(Op.RESTART, "default/web")]
    assert (await shop.rig.carry_out(plan)).state is ExecutionState.SUCCEEDED
    assert shop.owned("Deployment", "web")["spec"]["template"]["metadata"]["annotations"] != before


@pytest.mark.parametrize("words", ["scale shop to 3 on prod", "scale web to 3 on prod", "restart web on prod"])
async def test_what_words_cannot_change_of_manifests_is_told_with_the_way_to_change_it(
    shop: ClusterRig, words: str
) -> None:
    await shop.apply(config(), workload())
    with pytest.raises(NotFound) as refused:
        await shop.rig.plan(words)
    assert refused.value.next_step.startswith("shop was given as manifests: change those")
    assert "opstwin rollback shop --target prod" in refused.value.next_step


async def test_only_what_can_fail_is_watched_for_a_while_before_a_plan_has_succeeded(shop: ClusterRig) -> None:
    clock = shop.rig.clock
    began_s = clock.monotonic_s()
    assert (await shop.apply(config())).state is ExecutionState.SUCCEEDED
    assert clock.monotonic_s() == began_s
    assert (await shop.apply(config(), workload())).state is ExecutionState.SUCCEEDED
    assert clock.monotonic_s() - began_s >= PATIENT.patience.hold_s


async def test_an_application_of_which_nothing_runs_goes_back_by_its_name_and_by_its_execution(
    shop: ClusterRig,
) -> None:
    await shop.apply(config(A="1"))
    newer = await shop.apply(config(A="2"))
    back = await shop.rig.planner.rollback("prod/workload/shop", ANNA)
    assert (await shop.rig.carry_out(back)).state is ExecutionState.SUCCEEDED
    assert shop.owned("ConfigMap", "web-config")["data"] == {"A": "1"}
    with pytest.raises(NotFound, match="left nothing behind"):
        await shop.rig.planner.rollback(newer.id, ANNA)
    with pytest.raises(NotFound, match="Nothing was ever applied"):
        await shop.rig.planner.rollback("prod/workload/bank", ANNA)


async def test_what_an_execution_brought_and_nothing_runs_of_is_taken_away_again(shop: ClusterRig) -> None:
    made = await shop.apply(config(A="1"))
    back = await shop.rig.planner.rollback(made.id, ANNA)
    assert (await shop.rig.carry_out(back)).state is ExecutionState.SUCCEEDED
    assert [item["metadata"]["name"] for item in shop.cluster.all("ConfigMap", "default")] == ["kube-root-ca.crt"]


@pytest.mark.parametrize(
    ("labels", "application"),
    [
        ({}, "settings-example-com"),
        ({"app.kubernetes.io/part-of": "My_Shop.v2"}, "my-shop-v2"),
    ],
)
async def test_manifests_whose_names_no_application_can_have_are_planned_under_one_like_it(
    shop: ClusterRig, labels: dict[str, str], application: str
) -> None:
    named = {**config("settings.example.com"), "metadata": {"name": "settings.example.com", "labels": labels}}
    plan = await shop.from_manifests(named)
    assert [item.workload for item in plan.changes] == [application]


async def test_a_thing_that_is_there_and_not_ours_is_not_touched(shop: ClusterRig) -> None:
    shop.cluster.create({**workload(), "metadata": {"name": "web", "namespace": "default"}})
    await shop.discover()
    with pytest.raises(Conflict, match="did not make it") as refused:
        await shop.from_manifests(workload("shop:2"))
    assert "opstwin adopt prod/deployment/default/web" in refused.value.next_step


async def test_in_pods_of_what_is_not_ours_only_reading_commands_run_until_their_maker_is_adopted(
    shop: ClusterRig,
) -> None:
    shop.cluster.create({**workload(), "metadata": {"name": "web", "namespace": "default"}})
    shop.cluster.advance(30)
    await shop.discover()
    pod = (await shop.rig.ledger.all(Observed, {"kind": "pod"}))[0].id
    web = ResourceId("prod/deployment/default/web")
    touch = Command(argv=("touch", "/x"))
    for resource in (pod, web):
        with pytest.raises(Forbidden, match="did not make") as refused:
            await shop.rig.planner.for_command(resource, touch, ANNA)
        assert refused.value.next_step == f"Take it over first: opstwin adopt {web}"
    target = await shop.rig.ledger.need(Target, PROD)
    assert shop.rig.places is not None
    await adopt(shop.rig.ledger, web, ANNA, renderer=shop.rig.places.renderer(target))
    for resource in (pod, web):
        assert (await shop.rig.planner.for_command(resource, touch, ANNA)).changes[0].resource == resource


async def test_in_what_a_node_runs_by_itself_only_reading_commands_run(shop: ClusterRig) -> None:
    node = shop.cluster.all("Node")[0]["metadata"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": node["name"], "uid": node["uid"], "controller": True}
    mirror = {
        "kind": "Pod", "metadata": {"name": "etcd-cp1", "namespace": "kube-system", "ownerReferences": [owner]},
        "spec": {"nodeName": node["name"], "containers": [{"name": "etcd", "image": "etcd:3"}]},
    }  # fmt: skip
    shop.cluster.create(mirror)
    shop.cluster.advance(30)
    await shop.discover()
    with pytest.raises(Forbidden, match=f"run by prod/node/{node['name']} itself"):
        await shop.rig.planner.for_command(
            ResourceId("prod/pod/kube-system/etcd-cp1"), Command(argv=("touch", "/x")), ANNA
        )


async def test_in_pods_of_what_opstwin_made_a_command_is_planned(shop: ClusterRig) -> None:
    await shop.apply(config(), workload())
    await shop.discover()
    for pod in await shop.rig.ledger.all(Observed, {"kind": "pod"}):
        assert (await shop.rig.planner.for_command(pod.id, Command(argv=("touch", "/x")), ANNA)).changes


@pytest.mark.proves("E7")
@pytest.mark.parametrize(
    ("pod", "error"),
    [
        ({"volumes": [{"name": "h", "hostPath": {"path": "/"}}]}, "host path /"),
        ({"containers": [{"name": "app", "image": "shop:1", "imag": "x"}]}, "imag"),
    ],
)
async def test_a_manifest_that_must_not_run_is_refused_before_anybody_is_asked(
    shop: ClusterRig, pod: dict[str, Any], error: str
) -> None:
    manifest = workload()
    manifest["spec"]["template"]["spec"] |= pod
    with pytest.raises(InvalidInput, match=error):
        await shop.from_manifests(manifest)


@pytest.mark.proves("E7")
@pytest.mark.parametrize(
    ("pod", "rule"),
    [
        ({"hostNetwork": True}, "security/host-namespaces"),
        (
            {"containers": [{"name": "app", "image": "shop:1", "securityContext": {"privileged": True}}]},
            "security/privileged",
        ),
        ({"containers": [{"name": "app", "image": "shop:latest"}]}, "values/floating-image"),
    ],
)
async def test_a_dangerous_manifest_is_high_risk_and_says_why_before_its_approval(
    shop: ClusterRig, pod: dict[str, Any], rule: str
) -> None:
    manifest = workload()
    manifest["spec"]["template"]["spec"] |= pod
    plan = await shop.from_manifests(manifest)
    assert plan.risk is Risk.HIGH
    assert any(rule in reason for reason in plan.changes[0].reasons)


async def test_what_the_cluster_would_not_take_is_no_plan_and_its_own_words_say_why(shop: ClusterRig) -> None:
    quota = {
        "kind": "ResourceQuota",
        "metadata": {"name": "tight", "namespace": "default"},
        "spec": {"hard": {"count/configmaps": "1"}},
    }
    shop.cluster.create(quota)
    with pytest.raises(Rejected, match="exceeded quota"):
        await shop.from_manifests(config("one"), config("two"))


@pytest.mark.req("S5.77")
async def test_what_the_hubs_account_may_not_do_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    async with cluster_rig(tmp_path, token="reader") as here:
        reads = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
        here.cluster.user("reader", "reader", rules=[reads])
        await here.discover()
        with pytest.raises(Forbidden, match=r"(create|patch).*configmap"):
            await here.from_manifests(config())
        assert [item["metadata"]["name"] for item in here.cluster.all("ConfigMap", "default")] == ["kube-root-ca.crt"]


async def test_a_kind_that_cannot_be_listed_any_more_is_unknown_and_not_gone(tmp_path: Path) -> None:
    async with cluster_rig(tmp_path, token="robot") as here:
        here.cluster.user("robot", "robot", rules=[{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])
        await here.apply(config())
        await here.discover()
        rule = {"apiGroups": ["", "apps"], "resources": ["namespaces", "deployments"], "verbs": ["*"]}
        here.cluster.edit("ClusterRole", "", "robot", {"rules": [rule]})
        await here.discover()
        found = await here.rig.ledger.need(Observed, "prod/configmap/default/web-config")
    assert found.presence is Presence.UNKNOWN


async def test_the_way_back_of_an_application_is_what_was_wanted_before(shop: ClusterRig) -> None:
    await shop.apply(config(), workload())
    await shop.apply(config(A="2"), workload("shop:2"))
    plan = await shop.rig.planner.rollback("prod/workload/shop", ANNA)
    assert {item.name: item.op for item in plan.changes} == {"default/web-config": Op.UPDATE, "default/web": Op.UPDATE}
    await shop.rig.carry_out(plan)
    assert shop.owned("ConfigMap", "web-config")["data"] == {"A": "1"}
    containers = shop.owned("Deployment", "web")["spec"]["template"]["spec"]["containers"]
    assert containers[0]["image"] == "shop:1"


async def test_the_way_back_of_a_first_deployment_is_that_nothing_of_it_is_left(shop: ClusterRig) -> None:
    execution = await shop.apply(config(), workload())
    plan = await shop.rig.planner.rollback(execution.id, ANNA)
    assert {item.op for item in plan.changes} == {Op.DELETE}
    await shop.rig.carry_out(plan)
    assert not shop.cluster.all("Deployment", "default")


async def test_secrets_are_resolved_at_the_last_moment_and_kept_nowhere(shop: ClusterRig) -> None:
    secret = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"},
        "stringData": {"PASSWORD": {"secretRef": "env:SHOP_PASSWORD"}},
    }  # fmt: skip
    assert (await shop.apply(secret, name="shop")).state is ExecutionState.SUCCEEDED
    assert shop.owned("Secret", "db")["data"] == {"PASSWORD": "Y2FuYXJ5LXNlY3JldA=="}
    await shop.discover()
    kept = [repr(item) for kind in (Desired, Observed) for item in await shop.rig.ledger.all(kind)]
    assert not any("canary" in text or "Y2FuYXJ5" in text for text in (*kept, repr(await shop.rig.audit())))
    assert (await shop.rig.planner.look_at_drift(PROD, None, ANNA)).changes == ()


async def test_words_work_on_a_cluster_as_on_an_engine(shop: ClusterRig) -> None:
    execution = await shop.rig.change("deploy shop:1 as web with 2 replicas on port 8080 on prod")
    assert execution.state is ExecutionState.SUCCEEDED
    assert shop.owned("Service", "web")["spec"]["ports"][0]["port"] == 8080
    scaled = await shop.rig.change("scale web to 3")
    assert (scaled.state, replicas(shop)) == (ExecutionState.SUCCEEDED, 3)
    gone = await shop.rig.change("delete web")
    assert gone.state is ExecutionState.SUCCEEDED
    assert not shop.cluster.all("Deployment", "default")
    assert [item["metadata"]["name"] for item in shop.cluster.all("Service", "default")] == ["kubernetes"]


@pytest.mark.proves("C1")
async def test_of_two_approved_plans_on_one_namespace_one_runs_and_the_other_is_stale(shop: ClusterRig) -> None:
    await shop.apply(workload())
    one = await shop.rig.approved(await shop.from_manifests(workload("shop:2")))
    other = await shop.rig.approved(await shop.from_manifests(workload("shop:3")))
    starts = [shop.rig.applier.start(plan.id, ANNA) for plan in (one, other)]
    [first, second] = await asyncio.gather(*starts, return_exceptions=True)
    begun, refused = (first, second) if isinstance(first, Execution) else (second, first)
    assert isinstance(begun, Execution)
    assert isinstance(refused, Conflict | StalePlan)
    await shop.rig.applier.run(begun.id)
    with pytest.raises(StalePlan):
        await shop.rig.applier.start(one.id if begun.plan_id == other.id else other.id, ANNA)


@pytest.mark.proves("C2")
async def test_a_plan_does_not_run_on_a_cluster_that_changed_meanwhile(shop: ClusterRig) -> None:
    await shop.apply(workload())
    plan = await shop.rig.approved(await shop.from_manifests(workload("shop:2")))
    shop.cluster.edit("Deployment", "default", "web", {"spec": {"replicas": 4}}, manager="kubectl")
    await shop.discover()
    with pytest.raises(StalePlan):
        await shop.rig.applier.start(plan.id, ANNA)
    assert replicas(shop) == 4


async def test_a_change_that_nobody_saw_before_the_start_is_seen_before_the_step(shop: ClusterRig) -> None:
    """Between the look and the step there is always a moment: the write is bound to what was looked at."""
    await shop.apply(workload())
    plan = await shop.rig.approved(await shop.from_manifests(workload("shop:2")))
    execution = await shop.rig.applier.start(plan.id, ANNA)
    container = {"name": "app", "image": "hotfix:1"}
    template = {"spec": {"template": {"spec": {"containers": [container]}}}}
    shop.cluster.edit("Deployment", "default", "web", template, manager="kubectl")
    ended = await shop.rig.applier.run(execution.id)
    assert ended.state is not ExecutionState.SUCCEEDED
    assert shop.owned("Deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"] == "hotfix:1"


@pytest.mark.proves("B4")
async def test_a_cluster_behind_a_broken_network_is_unknown_said_once_and_caught_up_with(shop: ClusterRig) -> None:
    await shop.apply(config(), workload())
    shop.cluster.partition()
    for _ in range(3):
        with pytest.raises(TargetError):
            await shop.discover()
        shop.cluster.advance(200)
    dark = await shop.rig.ledger.need(Observed, "prod/configmap/default/web-config")
    shop.cluster.edit("ConfigMap", "default", "web-config", {"data": {"A": "9"}}, manager="kubectl")
    shop.cluster.partition(False)
    shop.rig.breakers.record(PROD, ok=True)
    await shop.discover()
    seen = await shop.rig.ledger.need(Observed, "prod/configmap/default/web-config")
    assert (dark.presence, seen.presence) == (Presence.UNKNOWN, Presence.PRESENT)
    told = [event.type for event in await shop.rig.ledger.all(Event) if event.type.startswith("target.")]
    assert told.count("target.unreachable") == 1
    plan = await shop.rig.planner.from_drift(PROD, None, ANNA)
    assert [change.name for change in plan.changes] == ["default/web-config"]


@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.INTERNAL_AFTER, FaultKind.DROP, FaultKind.THROTTLE])
async def test_an_answer_that_is_lost_or_late_costs_no_second_effect(shop: ClusterRig, kind: FaultKind) -> None:
    await shop.apply(workload())
    generation = shop.owned("Deployment", "web")["metadata"]["generation"]
    plan = await shop.rig.approved(await shop.from_manifests(workload("shop:2")))
    execution = await shop.rig.applier.start(plan.id, ANNA)
    shop.cluster.faults.add(Fault(kind=kind, method="PATCH", path="deployments/web"))
    state = None
    for _ in range(10):
        try:
            state = (await shop.rig.applier.run(execution.id)).state
            break
        except TargetError:
            shop.cluster.advance(10)
    assert state is ExecutionState.SUCCEEDED
    assert shop.owned("Deployment", "web")["metadata"]["generation"] == generation + 1
