"""The golden set of dangerous manifests: each has its verdict, refused or high risk, before anybody can approve it."""

import pytest

from opstwin.domain.plan import Plan, Risk
from opstwin.domain.plan_text import plan_lines
from opstwin.domain.workload import RestartPolicy, Workload
from opstwin.errors import Forbidden, InvalidInput
from opstwin.intent.document import read_document
from tests.unit.control.planning_bench import ANNA, Bench, change, web

pytestmark = pytest.mark.proves("E7")

REFUSED = {
    "privileged": "name: web\nimage: nginx:1.27\nprivileged: true",
    "privileged in Compose": "name: shop\nservices: {web: {image: 'nginx:1.27', privileged: true}}",
    "network of the host": "name: shop\nservices: {web: {image: 'nginx:1.27', network_mode: host}}",
    "processes of the host": "name: shop\nservices: {web: {image: 'nginx:1.27', pid: host}}",
    "10^9 replicas": "name: web\nimage: nginx:1.27\nreplicas: 1000000000",
    "10^9 replicas in Compose": "name: s\nservices: {web: {image: 'nginx:1.27', deploy: {replicas: 1000000000}}}",
    "duplicate keys": "name: web\nimage: nginx:1.27\nimage: evil:1",
}
NO_VERSION = "names no version"
HIGH = {
    "the whole host": ("name: web\nimage: nginx:1.27\nvolumes: ['/:/host']", "access to files of the host"),
    "the engine's socket": (
        "name: s\nservices: {web: {image: 'nginx:1.27', volumes: ['/var/run/docker.sock:/s']}}",
        "access to files of the host",
    ),
    "latest": ("name: web\nimage: nginx:latest", NO_VERSION),
    "no tag": ("name: web\nimage: nginx", NO_VERSION),
    "no tag, registry with a port": ("name: web\nimage: registry.example.com:5000/team/api", NO_VERSION),
    "latest in Compose": ("name: shop\nservices: {web: {image: 'nginx:latest'}}", NO_VERSION),
    "no tag in Compose": ("name: shop\nservices: {web: {image: nginx}}", NO_VERSION),
}
FINE = {
    "a tag": "name: web\nimage: nginx:1.27",
    "a digest": f"name: web\nimage: nginx@sha256:{'a' * 64}",
    "latest by digest": f"name: shop\nservices: {{web: {{image: 'nginx:latest@sha256:{'a' * 64}'}}}}",
}


@pytest.fixture
async def bench() -> Bench:
    return await Bench().ready()


async def planned(bench: Bench, text: str) -> Plan:
    items = read_document(text).items  # type: ignore[union-attr]
    assert all(isinstance(item, Workload) for item in items)
    return await bench.plan(*items)


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_plan_may_hold_is_refused(case: str) -> None:
    with pytest.raises(InvalidInput):
        read_document(REFUSED[case])


@pytest.mark.parametrize("case", HIGH)
async def test_what_somebody_else_must_look_at_is_high_risk_and_the_plan_says_why(bench: Bench, case: str) -> None:
    text, why = HIGH[case]
    plan = await planned(bench, text)
    assert plan.risk is Risk.HIGH
    assert any(why in line for line in plan_lines(plan))
    with pytest.raises(Forbidden, match="other than its requester"):
        await bench.approver.decide(plan.id, ANNA, "approve", "mine", plan.digest)


@pytest.mark.parametrize("case", FINE)
async def test_an_image_with_a_version_is_nothing_to_tell(bench: Bench, case: str) -> None:
    plan = await planned(bench, FINE[case])
    assert plan.risk is Risk.LOW
    assert plan.changes[0].reasons == ()


async def test_the_finding_is_told_in_korean_too(bench: Bench) -> None:
    plan = await planned(bench, "name: web\nimage: nginx:latest")
    assert any("nginx:latest에 버전이 없어" in line for line in plan_lines(plan, "ko"))
    assert not any(NO_VERSION in line for line in plan_lines(plan, "ko"))


async def test_an_upgrade_to_latest_is_high_risk_and_back_to_a_tag_is_not(bench: Bench) -> None:
    bench.world.image("app:latest", exposed=(80,))
    await bench.deployed(web(2))
    up = await bench.plan(web(2, image="app"))
    assert up.risk is Risk.HIGH
    assert any(NO_VERSION in reason for reason in change(up, "web-1").reasons)
    await bench.carry_out(up)
    back = await bench.plan(web(2, image="app:2"))
    assert back.risk is Risk.LOW


async def test_more_of_what_was_approved_without_a_version_is_told_and_not_high_risk_again(bench: Bench) -> None:
    bench.world.image("app:latest", exposed=(80,))
    await bench.deployed(web(1, image="app:latest"))
    more = await bench.plan(web(2, image="app:latest"))
    assert more.risk is Risk.LOW
    assert any(NO_VERSION in reason for reason in change(more, "web-2").reasons)


async def test_what_was_approved_for_one_workload_is_not_for_another(bench: Bench) -> None:
    bench.world.image("app:latest", exposed=(80,))
    await bench.deployed(web(1, image="app:latest"))
    assert (await bench.plan(web(1, image="app:latest", name="shop"))).risk is Risk.HIGH


async def test_a_change_that_leaves_the_container_and_its_image_says_nothing_of_it(bench: Bench) -> None:
    bench.world.image("app:latest", exposed=(80,))
    await bench.deployed(web(1, image="app:latest"))
    plan = await bench.plan(web(1, image="app:latest", restart=RestartPolicy.ALWAYS))
    assert [item.op.value for item in plan.changes] == ["update"]
    assert not any(NO_VERSION in reason for reason in plan.changes[0].reasons)
