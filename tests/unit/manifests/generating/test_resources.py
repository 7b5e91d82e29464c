"""Requests and limits come from what is asked, what was used, what happened before, or a profile."""

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.domain.deployment import Usage
from opstwin.domain.right_sizing import HEADROOM, Measured, right_size
from opstwin.domain.workload import Resources, Workload
from opstwin.manifests.generating.amounts import cpu_of, memory_of
from opstwin.manifests.generating.generator import Request, generated
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import GenerateOptions, PastDeployment
from opstwin.manifests.generating.results import Generated
from tests.unit.manifests.generating.looking import codes, container, made, why

MI = 1024 * 1024
IMAGE = "registry.example.com/shop/api"
BOX = "spec.template.spec.containers[0].resources"
API = Workload(name="api", image=f"{IMAGE}:2")

# name -> (mean millicores, daily swing, mean MiB, daily swing): what services of these sorts use in a week
SERVICES = {
    "quiet website": (12, 4, 24, 2),
    "busy api": (420, 200, 310, 60),
    "java service": (150, 90, 1400, 120),
    "worker in bursts": (60, 55, 96, 40),
    "cache": (35, 10, 900, 10),
    "database": (700, 250, 3000, 200),
}


def week_of(name: str, seed: int) -> tuple[list[float], list[float]]:
    """A week of readings every five minutes: a daily wave with noise."""
    cpu, cpu_swing, memory, memory_swing = SERVICES[name]
    dice = random.Random(f"{name} {seed}")
    cpus, memories = [], []
    for number in range(7 * 288):
        wave = math.sin(2 * math.pi * number / 288)
        cpus.append(max(1.0, cpu + cpu_swing * wave + dice.gauss(0, cpu_swing / 5)))
        memories.append(MI * max(1.0, memory + memory_swing * wave + dice.gauss(0, memory_swing / 5)))
    return cpus, memories


def p95(values: list[float]) -> float:
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def usage_of(cpu: list[float], memory: list[float]) -> Usage:
    return Usage(
        samples=len(cpu), cpu_mean=sum(cpu) / len(cpu), cpu_p50=sorted(cpu)[len(cpu) // 2], cpu_p95=p95(cpu),
        cpu_max=max(cpu), memory_mean=sum(memory) / len(memory), memory_p50=sorted(memory)[len(memory) // 2],
        memory_p95=p95(memory), memory_max=max(memory),
    )  # fmt: skip


def requests(result: Generated) -> tuple[float, float]:
    amounts = container(result)["resources"]["requests"]
    return cpu_of(amounts["cpu"]), memory_of(amounts["memory"])


def memory_limit(result: Generated) -> float:
    return memory_of(container(result)["resources"]["limits"]["memory"])


@pytest.mark.req("S5.40")
@pytest.mark.parametrize("name", SERVICES)
def test_what_is_requested_is_within_15_percent_of_what_the_next_week_uses_at_its_95th_percentile(name: str) -> None:
    cpu, memory = requests(made(API, GenerateOptions(usage=usage_of(*week_of(name, 1)))))
    next_cpu, next_memory = week_of(name, 2)
    assert abs(cpu - p95(next_cpu)) <= 0.15 * p95(next_cpu)
    assert abs(memory - p95(next_memory)) <= 0.15 * p95(next_memory)


@pytest.mark.parametrize("name", SERVICES)
def test_the_memory_limit_leaves_room_above_the_highest_reading(name: str) -> None:
    cpu, memory = week_of(name, 1)
    assert memory_limit(made(API, GenerateOptions(usage=usage_of(cpu, memory)))) >= HEADROOM * max(memory)


def test_one_short_peak_raises_the_limit_and_not_the_request() -> None:
    usual = usage_of(*week_of("busy api", 1))
    calm, peak = (made(API, GenerateOptions(usage=usage)) for usage in (usual, replace(usual, memory_max=2048.0 * MI)))
    assert memory_limit(peak) >= HEADROOM * 2048 * MI > memory_limit(calm)
    assert requests(peak) == requests(calm)


PAST = PastDeployment(
    id="41", service="api", image=IMAGE, success=True, memory_limit=300 * MI, memory_p95=180.0 * MI, cpu_p95=90.0
)


def past(**values: object) -> PastDeployment:
    return replace(PAST, **values)  # type: ignore[arg-type]


@pytest.mark.req("S5.41")
@pytest.mark.parametrize(
    "options",
    [
        GenerateOptions(),
        GenerateOptions(profile="L"),
        GenerateOptions(history=(PAST,)),
        GenerateOptions(history=(past(id="9", memory_limit=301 * MI), PAST)),
        GenerateOptions(usage=usage_of(*week_of("busy api", 1))),
        GenerateOptions(history=(past(id="40", oom_events=1, success=False),)),
    ],
    ids=["profile S", "profile L", "history", "two limits", "usage", "failed before"],
)
def test_a_deployment_that_ran_out_of_memory_raises_the_next_limit(options: GenerateOptions) -> None:
    before = memory_limit(made(API, options))
    failed = past(id="77", success=False, oom_events=2, memory_limit=round(before))
    after = made(API, replace(options, history=(failed, *options.history)))
    assert memory_limit(after) >= before + 4 * MI
    assert why(after, f"{BOX}.limits.memory") == "history #77"


@pytest.mark.req("S5.41")
def test_after_a_kill_the_generator_gives_what_right_sizing_advises() -> None:
    failed = past(id="77", success=False, oom_events=1, memory_limit=512 * MI, memory_p95=None)
    used = usage_of(*week_of("worker in bursts", 1))
    advised = right_size(Measured(usage=used, oom_events=1, killed_at_bytes=512 * MI))
    given_to = memory_limit(made(API, GenerateOptions(usage=used, history=(failed,))))
    assert (given_to, advised.memory_limit) == (640 * MI, 640 * MI)


def test_above_a_peak_the_generator_gives_what_right_sizing_advises() -> None:
    used = replace(usage_of(*week_of("busy api", 1)), memory_max=2000.0 * MI)
    advised = right_size(Measured(usage=used))
    assert memory_limit(made(API, GenerateOptions(usage=used))) == advised.memory_limit == 2300 * MI


@given(st.integers(16, 8192), st.lists(st.tuples(st.integers(16, 8192), st.booleans()), max_size=6))
def test_the_limit_is_above_every_limit_that_failed(usual: int, rows: list[tuple[int, bool]]) -> None:
    history = tuple(
        past(id=str(number), memory_limit=limit * MI, memory_p95=None, oom_events=int(failed), success=not failed)
        for number, (limit, failed) in enumerate([(usual, False), *rows])
    )
    limit = memory_limit(made(API, GenerateOptions(history=history)))
    assert all(limit > row.memory_limit for row in history if row.oom_events and row.memory_limit is not None)


def test_a_failure_of_another_image_changes_nothing() -> None:
    other = past(image="registry.example.com/shop/other", oom_events=3, success=False, memory_limit=4096 * MI)
    assert made(API, GenerateOptions(history=(other,))).manifests == made(API).manifests


def test_history_gives_what_the_same_image_used() -> None:
    result = made(API, GenerateOptions(history=(PAST,)))
    assert requests(result) == (90, 180 * MI)
    assert memory_limit(result) == 300 * MI
    assert why(result, f"{BOX}.requests.cpu") == "history #41"


MOMENT = datetime(2026, 11, 20, tzinfo=UTC)
BUSY = past(
    id="40", deployed_at=MOMENT - timedelta(days=6), cpu_p95=400.0, memory_p95=500.0 * MI, memory_max=900.0 * MI
)
QUIET = past(
    id="41", deployed_at=MOMENT, cpu_p95=20.0, memory_p95=60.0 * MI, memory_max=70.0 * MI, memory_limit=90 * MI
)


@pytest.mark.req("S5.41")
@pytest.mark.parametrize("history", [(QUIET, BUSY), (BUSY, QUIET)], ids=["newest first", "most alike first"])
def test_one_quiet_record_does_not_shrink_a_service(history: tuple[PastDeployment, ...]) -> None:
    result = made(API, GenerateOptions(history=history))
    assert requests(result) == (400, 500 * MI)
    assert memory_limit(result) == 1035 * MI
    assert why(result, f"{BOX}.requests.cpu") == "history #40"


@pytest.mark.parametrize(
    "old",
    [replace(BUSY, deployed_at=MOMENT - timedelta(days=8)), replace(BUSY, service="another"),
     replace(BUSY, deployed_at=None), replace(BUSY, success=False)],
    ids=["older", "of another service", "nobody knows when", "failed"],
)  # fmt: skip
def test_what_a_service_has_grown_out_of_counts_no_more(old: PastDeployment) -> None:
    result = made(API, GenerateOptions(history=(QUIET, old)))
    assert requests(result) == (20, 60 * MI)
    assert memory_limit(result) == 90 * MI


def test_measured_use_is_better_than_history() -> None:
    result = made(API, GenerateOptions(history=(PAST,), usage=usage_of(*week_of("busy api", 1)), usage_days=7))
    assert why(result, f"{BOX}.requests.memory") == "usage p95 7 days"


def test_a_handful_of_readings_is_no_measured_use() -> None:
    few = replace(usage_of(*week_of("database", 1)), samples=29)
    result = made(API, GenerateOptions(usage=few))
    assert why(result, f"{BOX}.requests.cpu") == "profile S"
    assert "few_samples" in codes(result)


def test_one_reading_of_a_container_is_taken_with_room_above() -> None:
    info = ContainerInfo(name="api", image=f"{IMAGE}:2", cpu_usage="25%", memory_usage="100MiB")
    result = generated(Request(containers=(info,)))
    assert requests(result) == (300, 120 * MI)
    assert why(result, f"{BOX}.requests.cpu") == "usage now"


def test_a_limit_that_was_asked_for_is_kept_whatever_happened_before_and_that_is_said() -> None:
    asked = replace(API, resources=Resources(cpu_millicores=1500, memory_bytes=200 * MI))
    failed = past(oom_events=1, success=False, memory_limit=200 * MI)
    result = made(asked, GenerateOptions(history=(failed,)))
    assert container(result)["resources"]["limits"] == {"cpu": "1500m", "memory": "200Mi"}
    assert "oom_before" in codes(result)


def test_nothing_more_is_requested_than_the_limit_that_was_asked_for() -> None:
    asked = replace(API, resources=Resources(cpu_millicores=50, memory_bytes=64 * MI + 1))
    assert container(made(asked, GenerateOptions(profile="L")))["resources"] == {
        "requests": {"cpu": "50m", "memory": str(64 * MI + 1)},
        "limits": {"cpu": "50m", "memory": str(64 * MI + 1)},
    }


def test_nobody_asks_for_a_cpu_limit_so_there_is_none() -> None:
    assert "cpu" not in container(made(API))["resources"]["limits"]


def test_without_a_profile_nothing_is_requested_that_nobody_knows() -> None:
    result = made(API, GenerateOptions(profile=None))
    assert "resources" not in container(result)
    assert "no_requests" in codes(result)


def test_an_image_that_needs_much_memory_gets_it_in_any_profile() -> None:
    search = Workload(name="search", image="elasticsearch:8.15.0")
    assert requests(made(search))[1] == 2048 * MI


@pytest.mark.req("S5.47")
def test_the_reasoning_names_the_deployments_that_it_rests_on() -> None:
    failed = past(id="77", success=False, oom_events=2, memory_limit=512 * MI)
    result = made(API, GenerateOptions(history=(failed, PAST)))
    assert result.cited == ("77", "41")
    for text in (result.reasoning, result.reasoning_ko):
        assert "#77" in text
        assert "#41" in text
    assert "ran out of memory 2 times" in result.reasoning
    assert "메모리 부족 2회" in result.reasoning_ko
