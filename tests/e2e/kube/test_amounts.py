"""Amounts without quotes, which this old API server (1.20.2) refuses to apply, on the way through the writer."""

from typing import Any

from opstwin.domain.plan import Op
from opstwin.manifests.difference import difference
from tests.e2e.kube.spot import Spot, observed


async def test_an_amount_without_quotes_is_previewed_applied_and_no_difference_afterwards(spot: Spot) -> None:
    wanted: dict[str, Any] = spot.deployment(replicas=0)
    template = wanted["spec"]["template"]["spec"]
    template["containers"][0]["resources"] = {"limits": {"cpu": 1, "memory": 33554432}}
    template["volumes"] = [{"name": "scratch", "emptyDir": {"sizeLimit": 1000000}}]
    refused = spot.kubectl(
        "apply", "--server-side", "--validate=false", "--dry-run=server", "-f", "-", input=wanted, check=False
    )
    assert "limits.cpu: expected string" in refused
    order = spot.order(Op.CREATE, wanted, "run.0")
    [seen] = await spot.previewer.preview([order.change])
    assert seen.refused == ""
    await spot.writer.apply(order)
    found = spot.there("deployment", "web")
    limits = found["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert limits["cpu"] == "1"
    assert difference("deployment", wanted, observed(found)) == ()
