"""What the writer does to objects of a real cluster (Kubernetes 1.20.2), and what it leaves alone."""

import asyncio
from dataclasses import replace

import pytest

from opstwin.domain.plan import Op, inverse
from opstwin.domain.resource import Presence
from opstwin.errors import Rejected, Timeout
from opstwin.manifests.difference import difference
from opstwin.targets.kubernetes.restarting import RESTARTED_AT
from tests.e2e.kube.spot import NEWER, SECRET, Spot, observed, owners_of

RESTART_PATH = ("f:spec", "f:template", "f:metadata", "f:annotations", f"f:{RESTARTED_AT}")


async def test_what_is_made_is_as_wanted_and_carries_our_marks(spot: Spot) -> None:
    wanted = spot.deployment()
    seen = await spot.writer.apply(spot.order(Op.CREATE, wanted, "run.0"))
    found = spot.there("deployment", "web")
    assert seen.presence is Presence.PRESENT
    assert difference("deployment", wanted, observed(found)) == ()
    notes = found["metadata"]["annotations"]
    assert (notes["opstwin.io/key"], notes["opstwin.io/fence"], notes["opstwin.io/workload"]) == ("run.0", "1", "shop")
    assert found["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "opstwin"
    assert owners_of(found, "f:spec", "f:replicas") == {"opstwin"}


async def test_a_field_that_is_no_longer_wanted_goes(spot: Spot) -> None:
    before = spot.configmap(mode="fast", old="1")
    await spot.writer.apply(spot.order(Op.CREATE, before, "run.0"))
    wanted = spot.configmap(mode="slow")
    assert difference("configmap", wanted, observed(spot.there("configmap", "settings"))) != ()
    await spot.writer.apply(spot.order(Op.UPDATE, wanted, "run.1", before=before))
    found = spot.there("configmap", "settings")
    assert found["data"] == {"mode": "slow"}
    assert difference("configmap", wanted, observed(found)) == ()


async def test_what_others_set_beside_ours_stays(spot: Spot) -> None:
    wanted = spot.configmap(mode="fast")
    await spot.writer.apply(spot.order(Op.CREATE, wanted, "run.0"))
    spot.kubectl("label", "configmap", "settings", "team=shop")
    spot.kubectl("patch", "configmap", "settings", "-p", '{"data": {"theirs": "1"}}')
    await spot.writer.apply(spot.order(Op.UPDATE, spot.configmap(mode="slow"), "run.1", before=wanted))
    found = spot.there("configmap", "settings")
    assert found["data"] == {"mode": "slow", "theirs": "1"}
    assert found["metadata"]["labels"]["team"] == "shop"


async def test_a_field_that_somebody_else_took_is_refused_by_field_and_owner(spot: Spot) -> None:
    before = spot.configmap(mode="fast")
    await spot.writer.apply(spot.order(Op.CREATE, before, "run.0"))
    spot.kubectl("patch", "configmap", "settings", "--field-manager=ops-team", "-p", '{"data": {"mode": "theirs"}}')
    seen = spot.configmap(mode="theirs")
    order = spot.order(Op.UPDATE, spot.configmap(mode="slow"), "run.1", before=seen)
    with pytest.raises(Rejected) as refused:
        await spot.writer.apply(order)
    assert "data.mode (owned by ops-team)" in refused.value.message
    assert spot.there("configmap", "settings")["data"] == {"mode": "theirs"}


async def test_only_fields_that_the_change_names_are_taken_from_their_owner(spot: Spot) -> None:
    await spot.writer.apply(spot.order(Op.CREATE, spot.configmap(mode="fast", size="1"), "run.0"))
    spot.kubectl("patch", "configmap", "settings", "--field-manager=ops", "-p", '{"data": {"mode": "x", "size": "x"}}')
    order = spot.order(
        Op.UPDATE, spot.configmap(mode="slow", size="2"), "run.1", before=spot.configmap(mode="x", size="x"),
        takes=("ops data.mode",),
    )  # fmt: skip
    with pytest.raises(Rejected, match=r"data\.size"):
        await spot.writer.apply(order)
    assert spot.there("configmap", "settings")["data"] == {"mode": "x", "size": "x"}
    both = replace(order, change=replace(order.change, takes=("ops data.mode", "ops data.size")))
    await spot.writer.apply(both)
    found = spot.there("configmap", "settings")
    assert found["data"] == {"mode": "slow", "size": "2"}
    assert owners_of(found, "f:data", "f:mode") == {"opstwin"}


async def test_a_replace_makes_another_object_and_waits_for_the_old_one_to_go(spot: Spot) -> None:
    before = spot.deployment()
    await spot.writer.apply(spot.order(Op.CREATE, before, "run.0"))
    old = spot.there("deployment", "web")["metadata"]["uid"]
    wanted = spot.deployment(selector={"matchLabels": {"app": "web", "tier": "front"}})
    wanted["spec"]["template"]["metadata"]["labels"] = {"app": "web", "tier": "front"}
    assert spot.renderer.must_replace("deployment", before, wanted) == ("spec.selector.matchLabels.tier",)
    await spot.writer.apply(spot.order(Op.REPLACE, wanted, "run.1", before=before))
    found = spot.there("deployment", "web")
    assert found["metadata"]["uid"] != old
    assert found["spec"]["selector"]["matchLabels"]["tier"] == "front"


async def test_a_successor_that_the_cluster_would_refuse_costs_nothing(spot: Spot) -> None:
    before = spot.deployment()
    await spot.writer.apply(spot.order(Op.CREATE, before, "run.0"))
    old = spot.there("deployment", "web")["metadata"]["uid"]
    wanted = spot.deployment(selector={"matchLabels": {"app": "other"}})
    with pytest.raises(Rejected, match="does not match template"):
        await spot.writer.apply(spot.order(Op.REPLACE, wanted, "run.1", before=before))
    assert spot.there("deployment", "web")["metadata"]["uid"] == old


async def test_what_is_deleted_goes_with_its_pods(spot: Spot) -> None:
    wanted = spot.deployment()
    await spot.writer.apply(spot.order(Op.CREATE, wanted, "run.0"))
    await spot.until("deployment", "web", lambda found: found["status"].get("availableReplicas") == 1)
    gone = await spot.writer.apply(spot.order(Op.DELETE, None, "run.1", kind="deployment", name="web"))
    assert gone.presence is Presence.ABSENT
    assert not spot.is_there("deployment", "web")
    assert "web" not in spot.kubectl("get", "pods", "-o", "name")
    again = await spot.writer.apply(spot.order(Op.DELETE, None, "run.2", kind="deployment", name="web"))
    assert again.presence is Presence.ABSENT


async def test_a_restart_rolls_out_new_pods_and_the_next_apply_does_not(spot: Spot) -> None:
    wanted = spot.deployment()
    await spot.writer.apply(spot.order(Op.CREATE, wanted, "run.0"))
    await spot.writer.apply(spot.order(Op.RESTART, wanted, "run.1"))
    found = spot.there("deployment", "web")
    moment = found["spec"]["template"]["metadata"]["annotations"][RESTARTED_AT]
    assert owners_of(found, *RESTART_PATH) == {"opstwin-restore"}
    await spot.writer.apply(spot.order(Op.RESTART, wanted, "run.1"))
    await spot.writer.apply(spot.order(Op.UPDATE, {**wanted, "spec": {**wanted["spec"], "replicas": 2}}, "run.2"))
    found = spot.there("deployment", "web")
    assert found["spec"]["template"]["metadata"]["annotations"][RESTARTED_AT] == moment
    assert (found["spec"]["replicas"], found["metadata"]["annotations"]["opstwin.io/key"]) == (2, "run.2")


async def test_the_value_of_a_secret_is_put_in_at_the_last_moment_and_taken_over_when_it_is_not_known(
    spot: Spot,
) -> None:
    secret = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": spot.namespace},
        "stringData": {"TOKEN": {"secretRef": "env:SHOP_TOKEN"}},
    }  # fmt: skip
    await spot.writer.apply(spot.order(Op.CREATE, secret, "run.0"))
    held = spot.kubectl("get", "secret", "keys", "-o", "go-template={{.data.TOKEN | base64decode}}")
    assert held == SECRET
    masked = {**secret, "data": {"TOKEN": "•••"}, "metadata": {**secret["metadata"], "labels": {"tier": "x"}}}  # type: ignore[dict-item]
    masked.pop("stringData")
    await spot.writer.apply(spot.order(Op.UPDATE, masked, "run.1"))
    assert spot.kubectl("get", "secret", "keys", "-o", "go-template={{.data.TOKEN | base64decode}}") == SECRET
    with pytest.raises(Rejected, match=r"data\.OTHER"):
        await spot.writer.apply(spot.order(Op.UPDATE, {**masked, "data": {"OTHER": "•••"}}, "run.2"))


@pytest.mark.parametrize("op", [Op.CREATE, Op.UPDATE, Op.DELETE, Op.REPLACE])
async def test_an_object_that_took_the_name_of_ours_is_left_alone(spot: Spot, op: Op) -> None:
    spot.kubectl("create", "configmap", "settings", "--from-literal=theirs=1")
    before = None if op is Op.CREATE else spot.configmap(ours="1")
    wanted = None if op is Op.DELETE else spot.configmap(ours="2")
    with pytest.raises(Rejected):
        await spot.writer.apply(spot.order(op, wanted, "run.1", before=before, kind="configmap", name="settings"))
    assert spot.there("configmap", "settings")["data"] == {"theirs": "1"}


async def test_the_inverse_of_an_update_brings_back_what_was_there_to_each_owner(spot: Spot) -> None:
    first = spot.deployment()
    first["spec"].pop("replicas")
    await spot.writer.apply(spot.order(Op.CREATE, first, "run.0"))
    spot.kubectl("scale", "deployment", "web", "--replicas=2")
    before = spot.there("deployment", "web")
    change = spot.order(Op.UPDATE, spot.deployment(image=NEWER, replicas=3), "run.1", takes=("kubectl spec.replicas",))
    forward = replace(change, change=replace(change.change, before=spot.deployment(replicas=2)))
    await spot.writer.apply(forward)
    assert spot.there("deployment", "web")["spec"]["replicas"] == 3
    back = inverse(forward.change, observed(before))
    assert back is not None
    await spot.writer.apply(replace(forward, change=back, key="run.2", found=None))
    found = spot.there("deployment", "web")
    assert difference("deployment", observed(before), observed(found)) == ()
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "k8slocal/busybox:1"
    assert found["spec"]["replicas"] == 2
    assert "opstwin" not in owners_of(found, "f:spec", "f:replicas")
    assert owners_of(found, "f:spec", "f:selector") == {"opstwin"}


async def test_the_inverse_of_a_delete_makes_it_again_with_what_others_had_set(spot: Spot) -> None:
    wanted = spot.configmap(mode="fast")
    await spot.writer.apply(spot.order(Op.CREATE, wanted, "run.0"))
    spot.kubectl("patch", "configmap", "settings", "-p", '{"data": {"theirs": "1"}}')
    before = spot.there("configmap", "settings")
    forward = spot.order(Op.DELETE, None, "run.1", kind="configmap", name="settings", before=observed(before))
    await spot.writer.apply(forward)
    back = inverse(forward.change, observed(before))
    assert back is not None
    await spot.writer.apply(replace(forward, change=back, key="run.2"))
    found = spot.there("configmap", "settings")
    assert found["data"] == {"mode": "fast", "theirs": "1"}
    assert owners_of(found, "f:data", "f:mode") == {"opstwin"}
    assert owners_of(found, "f:data", "f:theirs") == {"opstwin-restore"}


async def test_what_cannot_go_is_said_with_what_keeps_it(spot: Spot) -> None:
    wanted = spot.configmap(mode="fast")
    await spot.writer.apply(spot.order(Op.CREATE, wanted, "run.0"))
    spot.kubectl("patch", "configmap", "settings", "-p", '{"metadata": {"finalizers": ["example.com/hold"]}}')
    with pytest.raises(Timeout, match=r"example\.com/hold"):
        await spot.writer.apply(spot.order(Op.DELETE, None, "run.1", kind="configmap", name="settings", deadline_s=1.0))
    late = asyncio.create_task(
        spot.writer.apply(spot.order(Op.DELETE, None, "run.1", kind="configmap", name="settings"))
    )
    spot.kubectl("patch", "configmap", "settings", "-p", '{"metadata": {"finalizers": null}}')
    assert (await late).presence is Presence.ABSENT
