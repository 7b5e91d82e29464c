"""A restart in words of what was given as manifests, some of which cannot be restarted."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from opstwin.control.wording import note_in
from opstwin.domain.execution import ExecutionState
from opstwin.domain.plan import Op
from opstwin.errors import InvalidInput
from tests.cluster_rig import ClusterRig, cluster_rig


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[ClusterRig]:
    async with cluster_rig(tmp_path) as here:
        await here.discover()
        yield here


def part(api_version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"app.kubernetes.io/part-of": "shop"}}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


POD: dict[str, Any] = {"containers": [{"name": "app", "image": "shop:1"}]}
ALONE = part("v1", "Pod", "alone", POD)
NIGHTLY = part("batch/v1", "CronJob", "nightly", {
    "schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": {**POD, "restartPolicy": "Never"}}}},
})  # fmt: skip
WEB = part("apps/v1", "Deployment", "web", {
    "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": POD},
})  # fmt: skip


async def test_a_restart_leaves_alone_what_cannot_be_restarted_and_says_so(shop: ClusterRig) -> None:
    await shop.apply(WEB, NIGHTLY, ALONE)
    plan = await shop.rig.plan("restart shop on prod")
    assert [(item.op, item.name) for item in plan.changes] == [(Op.RESTART, "default/web")]
    [note] = [note for note in plan.notes if "can be restarted" in note]
    assert note.startswith("cronjob default/nightly, pod default/alone stays as it is")
    assert "다시 시작할 수 있는 것은" in note_in(note, "ko")
    assert (await shop.rig.carry_out(plan)).state is ExecutionState.SUCCEEDED


async def test_who_asks_in_korean_is_told_in_korean_what_is_left_alone(shop: ClusterRig) -> None:
    await shop.apply(WEB, NIGHTLY)
    plan = await shop.rig.plan("prod의 shop 재시작해줘")
    assert any("cronjob default/nightly은(는) 그대로 둡니다" in note for note in plan.notes)


async def test_a_restart_of_what_only_runs_to_its_end_is_refused_before_it_is_a_plan(shop: ClusterRig) -> None:
    await shop.apply(NIGHTLY, ALONE)
    with pytest.raises(InvalidInput, match="Nothing of shop can be restarted: cronjob default/nightly") as refused:
        await shop.rig.plan("restart shop on prod")
    assert refused.value.field == "name"
