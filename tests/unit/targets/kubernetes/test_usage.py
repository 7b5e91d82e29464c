"""What pods use, from the kubelets' own summaries where no metrics API is served."""

from typing import Any

import pytest

from opstwin.clock import VirtualClock
from opstwin.domain.values import ResourceId
from opstwin.errors import NotFound
from opstwin.targets.kubernetes.sending import Answer, Call
from opstwin.targets.kubernetes.usage import Uses

WEB = ResourceId("prod/pod/default/web")
AT = "2026-01-05T09:00:00Z"


def pod(name: str, memory_bytes: int, nanocores: int | None = 0) -> dict[str, Any]:
    ref, cpu = {"namespace": "default", "name": name}, {} if nanocores is None else {"usageNanoCores": nanocores}
    return {"podRef": ref, "cpu": {"time": AT, **cpu}, "memory": {"time": AT, "workingSetBytes": memory_bytes}}


class OneNode:
    """A cluster without a metrics API, whose one node answers with these pods."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        self._answers = {
            "/api/v1/nodes": {"items": [{"metadata": {"name": "one"}}]},
            "/api/v1/nodes/one/proxy/stats/summary": {"pods": [*pods]},
        }

    async def send(self, call: Call) -> Answer:
        found = self._answers.get(call.path)
        return Answer(status=404, body={}) if found is None else Answer(status=200, body=found)


async def test_the_use_of_a_pod_is_what_its_node_says() -> None:
    uses = Uses(OneNode(pod("web", 5 << 20, 250_000_000)), VirtualClock())
    reading = await uses.of(WEB, ["default/web"])
    assert (reading.memory_bytes, reading.cpu_millicores, reading.at.isoformat()) == (
        5 << 20, 250.0, "2026-01-05T09:00:00+00:00",
    )  # fmt: skip


@pytest.mark.parametrize("new", [pod("web", 0), pod("web", 5 << 20, None)])
async def test_a_pod_that_its_node_has_hardly_looked_at_is_not_measured(new: dict[str, Any]) -> None:
    uses = Uses(OneNode(new), VirtualClock())
    with pytest.raises(NotFound, match="not measured"):
        await uses.of(WEB, ["default/web"])


async def test_pods_that_are_measured_count_without_those_that_are_not() -> None:
    uses = Uses(OneNode(pod("web", 5 << 20), pod("new", 0)), VirtualClock())
    assert (await uses.of(WEB, ["default/web", "default/new"])).memory_bytes == 5 << 20
