"""Commands in pods of a real cluster (Kubernetes 1.20.2), over the WebSocket, without a shell."""

import pytest

from opstwin.domain.plan import Op
from opstwin.errors import InvalidInput, NotFound, Rejected, Timeout
from tests.e2e.kube.spot import Spot


async def running(spot: Spot) -> Spot:
    await spot.writer.apply(spot.order(Op.CREATE, spot.deployment(), "run.0"))
    await spot.until("deployment", "web", lambda found: found["status"].get("availableReplicas") == 1)
    return spot


async def test_a_command_in_a_workload_ends_with_its_output_and_exit_code(spot: Spot) -> None:
    web = (await running(spot)).id("deployment", "web")
    words = ["$(id)", "; rm -rf /", "-x", "ü", "a b"]
    said = await spot.writer.exec(web, ["printf", "%s|", *words], timeout_s=20, limit_bytes=1000)
    assert (said.exit_code, said.stdout, said.stderr) == (0, "".join(f"{word}|" for word in words), "")
    failed = await spot.writer.exec(web, ["sh", "-c", "echo no >&2; exit 3"], timeout_s=20, limit_bytes=1000)
    assert (failed.exit_code, failed.stdout, failed.stderr) == (3, "", "no\n")
    much = await spot.writer.exec(web, ["seq", "100000"], timeout_s=20, limit_bytes=100)
    assert (len(much.stdout), much.truncated) == (100, True)
    pod = spot.kubectl("get", "pods", "-o", "jsonpath={.items[0].metadata.name}")
    named = await spot.writer.exec(spot.id("pod", pod), ["hostname"], timeout_s=20, limit_bytes=1000)
    assert named.stdout.strip() == pod


async def test_a_command_whose_time_is_over_is_told_as_running_still(spot: Spot) -> None:
    """Kubernetes has no call that ends a command: nothing else would be true."""
    web = (await running(spot)).id("deployment", "web")
    with pytest.raises(Timeout, match="running still"):
        await spot.writer.exec(web, ["sleep", "30"], timeout_s=0.5, limit_bytes=1000)
    assert "sleep 30" in (await spot.writer.exec(web, ["ps"], timeout_s=20, limit_bytes=10_000)).stdout


async def test_a_command_that_cannot_be_run_is_refused(spot: Spot) -> None:
    with pytest.raises(NotFound):
        await spot.writer.exec(spot.id("pod", "nothing"), ["id"], timeout_s=5, limit_bytes=100)
    with pytest.raises(Rejected, match="configmap"):
        await spot.writer.exec(spot.id("configmap", "settings"), ["id"], timeout_s=5, limit_bytes=100)
    with pytest.raises(InvalidInput):
        await spot.writer.exec(spot.id("pod", "x"), ["a\x00b"], timeout_s=5, limit_bytes=100)
    await spot.writer.apply(spot.order(Op.CREATE, spot.deployment(image="k8slocal/nothing:1"), "run.0"))
    await spot.until("deployment", "web", lambda found: found["status"].get("replicas") == 1)
    with pytest.raises(NotFound, match="No pod"):
        await spot.writer.exec(spot.id("deployment", "web"), ["id"], timeout_s=5, limit_bytes=100)
