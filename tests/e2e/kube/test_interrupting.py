"""Lost answers, silent servers, workers that were replaced: one step has one effect on a real cluster."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from opstwin.domain.plan import Op
from opstwin.domain.resource import Presence
from opstwin.errors import OpstwinError, Rejected, Timeout, Unreachable
from opstwin.targets.kubernetes.sending import Call
from tests.e2e.kube.relay import Fault, relay_to
from tests.e2e.kube.spot import NEWER, Spot, spot_at


@pytest.mark.proves("A2")
async def test_a_step_that_was_done_is_not_done_again(spot: Spot) -> None:
    """The key is on the object, so a worker that died between effect and commit finds it."""
    order = spot.order(Op.CREATE, spot.deployment(), "run.0")
    await spot.writer.apply(order)
    revision = spot.there("deployment", "web")["metadata"]["generation"]
    spot.losing.sent.clear()
    after_a_crash = spot_at(spot.kubeconfig, spot.namespace)
    await after_a_crash.writer.apply(order)
    assert after_a_crash.losing.count("PATCH") == 0
    assert spot.there("deployment", "web")["metadata"]["generation"] == revision
    await after_a_crash.writer.close()


@pytest.mark.proves("B3")
@pytest.mark.parametrize("op", [Op.CREATE, Op.UPDATE, Op.DELETE, Op.REPLACE, Op.RESTART])
async def test_an_answer_that_is_lost_after_the_effect_costs_no_second_effect(
    spot: Spot, tmp_path: Path, op: Op
) -> None:
    if op is not Op.CREATE:
        await spot.writer.apply(spot.order(Op.CREATE, spot.deployment(), "run.0"))
    async with relay_to(spot.kubeconfig, tmp_path) as (relay, path):
        far = spot_at(path, spot.namespace)
        await far.wire.locator.place("deployment", "x/y")
        relay.fault = Fault.UNANSWERED
        wanted = None if op is Op.DELETE else spot.deployment(image=NEWER)
        order = spot.order(op, wanted, "run.1", kind="deployment", name="web")
        try:
            seen = await far.writer.apply(order)
        except Timeout:
            seen = await far.writer.apply(order)  # as the applier does, with the same key
        assert relay.fault is Fault.NONE
        assert seen.presence is (Presence.ABSENT if op is Op.DELETE else Presence.PRESENT)
        await far.writer.close()
    if op is Op.DELETE:
        assert not spot.is_there("deployment", "web")
    else:
        found = spot.there("deployment", "web")
        assert found["metadata"]["annotations"]["opstwin.io/key"] == "run.1"
        effects = {Op.CREATE: 1, Op.REPLACE: 1, Op.UPDATE: 2, Op.RESTART: 2}
        assert found["metadata"]["generation"] == effects[op]


@pytest.mark.proves("B2")
async def test_a_server_that_never_answers_leaves_the_outcome_unknown(spot: Spot, tmp_path: Path) -> None:
    async with relay_to(spot.kubeconfig, tmp_path) as (relay, path):
        far = spot_at(path, spot.namespace)
        await far.wire.locator.place("configmap", "x/y")
        relay.fault = Fault.SWALLOWED
        order = spot.order(Op.CREATE, spot.configmap(mode="fast"), "run.0", deadline_s=0.5)
        with pytest.raises(Timeout):
            await far.writer.apply(order)
        assert len(relay.changing) == 1
        relay.fault = Fault.NONE
        await far.writer.apply(replace(order, deadline_s=30.0))
        assert spot.there("configmap", "settings")["data"] == {"mode": "fast"}
        await far.writer.close()


async def test_nothing_is_done_where_nobody_answers(spot: Spot, tmp_path: Path) -> None:
    config = json.loads(spot.kubectl("config", "view", "--raw", "-o", "json"))
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    path = tmp_path / "away"
    path.write_text(json.dumps(config))
    far = spot_at(path, spot.namespace)
    with pytest.raises(Unreachable):
        await far.writer.apply(spot.order(Op.CREATE, spot.configmap(), "run.0"))
    await far.writer.close()


@pytest.mark.proves("C3")
async def test_a_worker_that_was_replaced_changes_nothing_more(spot: Spot) -> None:
    before = spot.configmap(mode="fast")
    await spot.writer.apply(spot.order(Op.CREATE, before, "run.0", fence=5))
    old_worker = spot_at(spot.kubeconfig, spot.namespace)
    for op in (Op.UPDATE, Op.DELETE, Op.REPLACE):
        wanted = None if op is Op.DELETE else spot.configmap(mode="slow")
        late = spot.order(op, wanted, "run.1", fence=4, kind="configmap", name="settings", before=before)
        with pytest.raises(Rejected, match="replaced"):
            await old_worker.writer.apply(late)
    assert spot.there("configmap", "settings")["data"] == {"mode": "fast"}
    fresh = spot.order(Op.UPDATE, spot.configmap(mode="slow"), "other.0", fence=1, before=before)
    await old_worker.writer.apply(fresh)
    assert spot.there("configmap", "settings")["data"] == {"mode": "slow"}
    await old_worker.writer.close()


@pytest.mark.proves("C3")
@pytest.mark.parametrize("op", [Op.UPDATE, Op.DELETE])
async def test_a_worker_that_wakes_between_look_and_write_is_too_late(spot: Spot, op: Op) -> None:
    """It saw the old fence; the revision that it saw goes with its write, so the write is refused and it looks anew."""
    before = spot.configmap(mode="fast")
    await spot.writer.apply(spot.order(Op.CREATE, before, "run.0", fence=1))
    second = spot_at(spot.kubeconfig, spot.namespace)
    newer = spot.order(Op.UPDATE, spot.configmap(mode="second"), "run.1", fence=2, before=before)

    async def second_worker_is_faster(call: Call) -> None:
        if call.method in ("PATCH", "DELETE") and second.losing.count("PATCH") == 0:
            await second.writer.apply(newer)

    spot.losing.meanwhile = second_worker_is_faster
    wanted = None if op is Op.DELETE else spot.configmap(mode="first")
    late = spot.order(op, wanted, "run.1", fence=1, kind="configmap", name="settings", before=before)
    if op is Op.UPDATE:  # the same step, done by the other worker: nothing is left to do
        await spot.writer.apply(late)
    else:
        with pytest.raises(Rejected, match="replaced"):
            await spot.writer.apply(replace(late, key="run.2"))
    spot.losing.meanwhile = None
    assert spot.there("configmap", "settings")["data"] == {"mode": "second"}
    await second.writer.close()


async def test_two_who_create_one_name_at_once_do_not_mix_their_wishes(spot: Spot) -> None:
    async def somebody_is_faster(call: Call) -> None:
        if call.method == "PATCH":
            spot.kubectl("create", "configmap", "settings", "--from-literal=theirs=1", check=False)

    spot.losing.meanwhile = somebody_is_faster
    with pytest.raises(OpstwinError, match="there already"):
        await spot.writer.apply(spot.order(Op.CREATE, spot.configmap(ours="1"), "run.0"))
    assert spot.there("configmap", "settings")["data"] == {"theirs": "1"}
