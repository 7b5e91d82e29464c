"""The whole driver on a real cluster (Kubernetes 1.20.2): what was rolled out, how it does, and the way back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from opstwin.clock import SystemClock
from opstwin.domain.plan import Op, inverse
from opstwin.domain.resource import Health, Presence
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId
from opstwin.domain.workload import Resources, Workload
from opstwin.targets.kubernetes.driver import kubernetes_driver
from opstwin.targets.ports import Driver, Sighting
from opstwin.targets.secrets import HubSecrets
from tests.e2e.kube.spot import DEADLINE_S, IMAGE, NEWER, SECRET, TARGET, Object, Spot

BAD_IMAGE = "k8slocal/nothing:1"


@pytest.fixture
async def driver(spot: Spot) -> AsyncIterator[Driver]:
    target = Target(
        id=TARGET, display_name="Real", backend_type="kubernetes", agent_endpoint=f"kubeconfig://{spot.kubeconfig}",
        settings={"namespace": spot.namespace}, created_at=SystemClock().now(),
    )  # fmt: skip
    secrets = HubSecrets({"SHOP_TOKEN": SECRET})
    made = kubernetes_driver(target, secrets=secrets, clock=SystemClock(), on_call=lambda _: None)
    yield made
    await made.writer.close()


async def until(driver: Driver, resource: ResourceId, health: Health, why: str = "") -> Sighting:
    seen = None
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                seen = await driver.reader.observe(resource)
                if seen.health is health and why in str(seen.facts.get("why")):
                    return seen
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"{resource} is {seen}") from None


async def test_a_rollout_becomes_healthy_and_is_observed_as_it_was_wanted(spot: Spot, driver: Driver) -> None:
    order = spot.order(Op.CREATE, spot.deployment(replicas=2), "run.0")
    seen = await driver.writer.apply(order)
    assert (seen.presence, seen.managed, seen.facts["step"]) == (Presence.PRESENT, True, "run.0")
    good = await until(driver, order.change.resource, Health.HEALTHY)
    assert good.facts["ready"] == "2/2"
    assert good.spec is not None
    assert driver.renderer.difference("deployment", order.change.after or {}, good.spec) == ()
    gone = await driver.writer.apply(
        spot.order(Op.DELETE, None, "run.1", kind="deployment", name="web", before=good.spec)
    )
    assert gone.presence is Presence.ABSENT


@pytest.mark.parametrize(
    ("argv", "image", "limits", "why"),
    [
        (("sleep", "3600"), BAD_IMAGE, {}, "Image"),
        (("sh", "-c", "exit 3"), NEWER, {}, "CrashLoopBackOff"),
        (("sh", "-c", "head -c 64m /dev/zero | tail"), NEWER, {"memory": "16Mi"}, "memory"),
    ],
    ids=["no image", "crash loop", "out of memory"],
)  # fmt: skip
async def test_a_rollout_that_does_badly_says_why_and_its_inverse_brings_back_what_ran(
    spot: Spot, driver: Driver, argv: tuple[str, ...], image: str, limits: Object, why: str
) -> None:
    first = spot.order(Op.CREATE, spot.deployment(), "run.0")
    await driver.writer.apply(first)
    before = await until(driver, first.change.resource, Health.HEALTHY)
    assert before.spec is not None
    bad = spot.deployment(*argv, image=image)
    bad["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": limits}
    forward = spot.order(Op.UPDATE, bad, "run.1", before=spot.deployment(), found=before.spec)
    await driver.writer.apply(forward)
    seen = await until(driver, first.change.resource, Health.UNHEALTHY)
    assert why.lower() in str(seen.facts["why"]).lower()
    back = inverse(forward.change, before.spec)
    assert back is not None
    await driver.writer.apply(replace(forward, change=back, key="run.2", found=seen.spec))
    good = await until(driver, first.change.resource, Health.HEALTHY)
    assert good.spec is not None
    assert driver.renderer.difference("deployment", before.spec, good.spec) == ()


async def test_a_workload_runs_as_its_manifests_say(spot: Spot, driver: Driver) -> None:
    await driver.reader.info()
    workload = Workload(
        name="shop", image=IMAGE, command=("sleep", "3600"), env={"MODE": "fast"}, replicas=1,
        secret_env={"TOKEN": "env:SHOP_TOKEN"}, resources=Resources(cpu_millicores=50, memory_bytes=16 * 1024 * 1024),
    )  # fmt: skip
    rendered = driver.renderer.render(workload)
    for number, item in enumerate(rendered):
        driver.renderer.checked(item.kind, item.name, item.spec)
        order = spot.order(Op.CREATE, dict(item.spec), f"run.{number}", kind=item.kind, full=item.name)
        await driver.writer.apply(order)
    for item in rendered:
        seen = await driver.reader.observe(item.resource)
        assert seen.spec is not None
        assert driver.renderer.difference(item.kind, item.spec, seen.spec) == ()
        assert SECRET not in repr(seen)
    [runs] = [item for item in rendered if item.kind == "deployment"]
    assert {item.kind for item in rendered} >= {"deployment", "secret"}
    await until(driver, runs.resource, Health.HEALTHY)
    said = await driver.writer.exec(
        runs.resource, ["sh", "-c", "echo $TOKEN; echo $MODE"], timeout_s=20, limit_bytes=1000
    )
    assert said.stdout.splitlines() == [SECRET, "fast"]
