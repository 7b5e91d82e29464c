"""The labelled set of drafting scenarios: what it holds, how it is asked for, and the past that goes with it."""

from collections import Counter

import pytest

from opstwin.evals.shots.ground import ground_of
from opstwin.evals.shots.past import past_of
from opstwin.evals.shots.scenarios import Lesson, Scenario, Truth, digest, drawn, scenarios
from opstwin.evals.shots.slots import slots_of
from opstwin.intent.words import read_request
from opstwin.knowledge.cases import MI
from opstwin.manifests.forms import Manifest

SET = scenarios()
TRUTH = Truth(memory_mib=100, cpu_millicores=200, port=8080, page="/healthz")


@pytest.mark.req("S5.G3")
def test_the_set_holds_every_kind_of_service_in_both_languages_half_of_them_with_a_right_answer() -> None:
    assert len({item.name for item in SET}) == len(SET) >= 24
    kinds = {(item.purpose, item.language) for item in SET}
    assert kinds >= {(purpose, language) for purpose in ("web", "api", "worker") for language in
                     ("node", "python", "go", "java")}  # fmt: skip
    assert {"db", "cache"} <= {item.purpose for item in SET}
    shares = Counter((item.speech, item.has_past) for item in SET)
    assert set(shares) == {("en", True), ("en", False), ("ko", True), ("ko", False)}
    assert len(set(shares.values())) == 1
    assert {item.lesson for item in SET} == {*Lesson}


@pytest.mark.parametrize("item", SET, ids=lambda item: item.name)
def test_the_rules_read_every_way_to_ask_for_a_service_as_that_service(item: Scenario) -> None:
    said = [read_request(item.words(seed)) for seed in range(12)]
    assert len({item.words(seed) for seed in range(12)}) > 1
    for ask in said:
        assert ask.workload is not None
        assert (ask.workload.name, ask.workload.image, ask.language) == (item.name, item.image, item.speech)
        assert [port.host for port in ask.workload.ports] == ([item.truth.port] if item.truth.port else [])


def test_a_draw_changes_what_services_need_and_the_same_seed_draws_the_same() -> None:
    one, again, other = (tuple(drawn(item, seed) for item in SET) for seed in (1, 1, 2))
    assert one == again != other
    assert past_of(one, 1) == past_of(again, 1) != past_of(other, 2)
    assert digest() == digest()


def test_only_services_with_a_past_have_records_and_the_newest_sound_one_tells_what_they_need() -> None:
    services = [drawn(item, 1) for item in SET]
    past = past_of(services, 1)
    for item in services:
        own = [record for record in past if record.service_name == item.name]
        assert bool(own) == item.has_past
        peaks = [record.usage.memory_max for record in own if record.success and record.usage is not None]
        assert max(peaks, default=0.0) == (item.truth.memory_mib * MI if own else 0.0)
    assert [record.deployed_at for record in past] == sorted(record.deployed_at for record in past)


async def test_no_record_of_the_past_is_quarantined_when_it_is_looked_at() -> None:
    ground = await ground_of(1)
    past = past_of(ground.scenarios, 1)
    assert await ground.memory.sound(past) == {item.id for item in past}


def manifests(**more: object) -> tuple[Manifest, ...]:
    """A Deployment and its Service."""
    container: dict[str, object] = {
        "name": "a", "ports": [{"name": "http", "containerPort": 8080}],
        "resources": {"limits": {"memory": "150Mi"}},
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}}, **more,
    }  # fmt: skip
    ports = {"ports": [{"port": 80, "targetPort": "http"}]}
    pod = {"template": {"spec": {"containers": [container]}}}
    return (
        Manifest(document={"apiVersion": "apps/v1", "kind": "Deployment", "spec": pod}),  # type: ignore[dict-item]
        Manifest(document={"apiVersion": "v1", "kind": "Service", "spec": ports}),  # type: ignore[dict-item]
    )  # fmt: skip


def test_manifests_that_fit_what_a_service_needs_are_right_and_hold() -> None:
    found = slots_of(manifests(), TRUTH)
    assert found.all_right
    assert (found.holds, found.page, set(found.right)) == (True, True, {"memory", "cpu", "port", "probe"})


@pytest.mark.parametrize(
    ("slot", "more", "holds"),
    [
        ("memory", {"resources": {"limits": {"memory": "99Mi"}}}, False),
        ("memory", {"resources": {"limits": {"memory": "201Mi"}}}, True),
        ("memory", {"resources": {}}, True),
        ("cpu", {"resources": {"limits": {"memory": "150Mi", "cpu": "199m"}}}, False),
        ("port", {"ports": [{"name": "http", "containerPort": 8081}]}, False),
        ("probe", {"readinessProbe": {"httpGet": {"path": "/made-up", "port": "http"}}}, False),
        ("probe", {"readinessProbe": {"tcpSocket": {"port": 9090}}}, False),
    ],
)
def test_a_slot_is_wrong_when_the_service_would_not_get_what_it_needs(
    slot: str, more: dict[str, object], holds: bool
) -> None:
    found = slots_of(manifests(**more), TRUTH)
    assert not found.right[slot]
    assert found.holds is holds


@pytest.mark.parametrize("probe", [{"tcpSocket": {"port": "http"}}, {"exec": {"command": ["/app/ok"]}}])
def test_a_probe_that_the_service_passes_is_right_without_asking_for_its_page(probe: dict[str, object]) -> None:
    found = slots_of(manifests(readinessProbe=probe), TRUTH)
    assert (found.right["probe"], found.holds, found.page) == (True, True, False)


def test_nothing_is_right_about_manifests_without_a_container() -> None:
    found = slots_of((), TRUTH)
    assert not any(found.right.values())
    assert not found.holds
