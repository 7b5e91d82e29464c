"""What a workload should request: from its own use, or from what is like it."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from opstwin.control.predicting import LOOKED_BACK, Basis, Predictor, unanswered
from opstwin.control.remembering import Memory
from opstwin.control.sizing_words import period_text, sizing_text
from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment, Usage
from opstwin.domain.resource import Observed, Presence
from opstwin.domain.right_sizing import LEAST_SAMPLES, MI, Advice, Silence
from opstwin.domain.series import Metric, Sample
from opstwin.domain.values import ExecutionId, Json, PlanId, resource_id
from opstwin.domain.workload import Autoscale
from opstwin.errors import NotFound
from opstwin.knowledge.exact import ExactIndex
from opstwin.metrics.memory import MemorySamples
from opstwin.twin.store import Put
from tests.rig import ANNA, BEN, LOCAL, Rig, app


@pytest.fixture
async def rig() -> Rig:
    return await Rig().ready()


def predictor(rig: Rig, samples: MemorySamples) -> Predictor:
    return Predictor(rig.ledger, samples, Memory(rig.ledger, ExactIndex()))


async def past(rig: Rig, id: str = "a", **fields: object) -> Deployment:
    """A deployment of `web`, as the twin holds it."""
    record = Deployment(
        id=f"dep_{id}", service_name="web", image_name="app", image_tag="1", replicas=1, target_cluster=LOCAL,
        success=True, deployed_at=rig.clock.now(), outcome="succeeded", plan_id=PlanId("plan_1"),
        execution_id=ExecutionId("exec_1"), workload=app("web"), memory_limit=256 * MI,
    )  # fmt: skip
    record = replace(record, **fields)  # type: ignore[arg-type]
    await rig.ledger.commit([Put(record)], [AuditEntry(action="test.put", subject=id, actor=ANNA)])
    return record


async def used(rig: Rig, samples: MemorySamples, cpu: list[float], memory: list[float]) -> None:
    """Measurements of the workload, one a minute from now on."""
    resource, labels = resource_id(LOCAL, "container", "web-1"), (("workload", "web"),)
    for one, other in zip(cpu, memory, strict=True):
        values, at = {Metric.CPU_MILLICORES: one, Metric.MEMORY_BYTES: other}, rig.clock.now()
        await samples.write(
            [Sample(resource=resource, metric=key, at=at, value=value, labels=labels) for key, value in values.items()]
        )
        rig.clock.advance(60)


def scaler(rig: Rig, kind: str, reference: str, scaled: str) -> Observed:
    """An autoscaler as a cluster shows it."""
    spec: dict[str, Json] = {"spec": {reference: {"kind": "Deployment", "name": scaled}}}
    return Observed(
        id=resource_id(LOCAL, kind, "default/scaler"), target=LOCAL, kind=kind, name="default/scaler", spec=spec,
        presence=Presence.PRESENT, observed_at=rig.clock.now(),
    )  # fmt: skip


def usage(memory_max: float = 200 * MI, samples: int = 1000) -> Usage:
    return Usage(
        samples=samples, cpu_mean=50, cpu_p50=45, cpu_p95=120, cpu_max=900, memory_mean=90 * MI, memory_p50=88 * MI,
        memory_p95=120 * MI, memory_max=memory_max,
    )  # fmt: skip


@pytest.mark.req("S5.40", "S5.12")
@pytest.mark.parametrize("seed", range(5))
async def test_the_predicted_request_is_within_15_percent_of_the_95th_percentile_that_follows(
    rig: Rig, seed: int
) -> None:
    """Replayed use with a day's rhythm: predicted from the first part, compared with the second."""
    rng = random.Random(seed)
    base = rng.uniform(50, 500)
    cpu = [base * (1 + 0.4 * ((step % 60) / 60)) + rng.gauss(0, base * 0.05) for step in range(480)]
    memory = [rng.uniform(100, 150) * MI for _ in cpu]
    samples = MemorySamples()
    await past(rig)
    await used(rig, samples, cpu[:240], memory[:240])
    found = await predictor(rig, samples).predict("web")
    p95 = sorted(cpu[240:])[round(0.95 * 239)]
    assert found.basis is Basis.USE
    assert found.cpu_request is not None
    assert abs(found.cpu_request - p95) <= 0.15 * p95
    assert found.memory_limit is not None
    assert found.memory_limit >= max(memory[240:])
    assert (found.samples, found.period_s) == (240, 240 * 60)


@pytest.mark.req("S5.41", "S5.12")
async def test_a_deployment_that_ran_out_of_memory_raises_the_next_limit(rig: Rig) -> None:
    predicting = predictor(rig, MemorySamples())
    await past(rig, "a", usage=usage())
    before = await predicting.predict("web")
    rig.clock.advance(60)
    await past(rig, "b", success=False, outcome="rolled_back", oom_events=1)
    after = await predicting.predict("web")
    assert before.memory_limit == 230 * MI
    assert after.memory_limit == 320 * MI, "the limit at which it was killed, and 25 %"
    assert (before.oom_events, after.oom_events) == (0, 1)


async def test_a_kill_that_a_later_measured_deployment_answered_counts_no_more(rig: Rig) -> None:
    killed = await past(rig, "a", oom_events=2)
    held = await past(rig, "b", usage=usage(), memory_limit=512 * MI)
    short = await past(rig, "c", usage=usage(samples=LEAST_SAMPLES - 1))
    assert unanswered([held, killed]) == ()
    assert unanswered([short, killed]) == (killed,)


async def test_with_too_few_measurements_its_own_use_is_silent_and_the_likes_of_it_speak(rig: Rig) -> None:
    samples = MemorySamples()
    await past(rig, service_name="web", service_type="web", language="node")
    await used(rig, samples, [10.0] * 99, [MI * 1.0] * 99)
    found = await predictor(rig, samples).predict("web")
    assert found.advice.silent is Silence.FEW
    assert (found.basis, found.samples) == (Basis.SIMILAR, 99)
    assert found.examples
    assert "dep_a" in found.examples
    assert found.cpu_request
    assert found.memory_limit


async def test_a_likely_limit_is_never_one_at_which_it_was_killed(rig: Rig) -> None:
    await past(rig, memory_limit=4096 * MI, oom_events=1)
    found = await predictor(rig, MemorySamples()).predict("web")
    assert found.basis is Basis.SIMILAR
    assert found.memory_limit == 5120 * MI


@pytest.mark.proves("H8")
async def test_nothing_is_learned_from_what_another_organisation_deployed_under_the_same_name(rig: Rig) -> None:
    memory = Memory(rig.ledger, ExactIndex(), tenants={"shop": ["anna"], "bank": ["ben"]})
    predicting = Predictor(rig.ledger, MemorySamples(), memory)
    shops, banks = await rig.plan("deploy app:1 as web", ANNA), await rig.plan("deploy app:1 as web", BEN)
    await past(rig, "own", plan_id=shops.id, usage=usage())
    for number in range(LOOKED_BACK + 1):
        rig.clock.advance(60)
        killed = {"memory_limit": 4096 * MI, "oom_events": 1, "usage": usage(memory_max=900.0 * MI)}
        await past(rig, f"theirs{number}", plan_id=banks.id, **killed)
    found = await predicting.predict("web", tenant="shop")
    assert (found.oom_events, found.memory_limit) == (0, 230 * MI)
    assert (await predicting.advice("web", LOCAL, "shop")) == found.advice
    assert (await predicting.predict("web", tenant="bank")).oom_events == LOOKED_BACK
    with pytest.raises(NotFound, match="never deployed"):
        await predicting.predict("web", tenant="mill")
    assert await predicting.newest("web", LOCAL, "mill") is None


async def test_what_was_never_deployed_is_told_with_the_way_to_what_was(rig: Rig) -> None:
    with pytest.raises(NotFound, match="never deployed") as missing:
        await predictor(rig, MemorySamples()).predict("ghost")
    assert "opstwin history list" in missing.value.next_step


async def test_what_is_measured_since_the_newest_deployment_counts_alone_once_it_is_enough(rig: Rig) -> None:
    samples = MemorySamples()
    await past(rig, "old")
    await used(rig, samples, [900.0] * 120, [MI * 900.0] * 120)
    await past(rig, "new")
    await used(rig, samples, [10.0] * 120, [MI * 100.0] * 120)
    found = await predictor(rig, samples).advice("web")
    assert (found.cpu_request, found.memory_limit, found.samples) == (10, 115 * MI, 120)


@pytest.mark.parametrize(
    ("scale", "owned"), [(Autoscale(), {"cpu"}), (Autoscale(memory_percent=70), {"cpu", "memory"})]
)
async def test_what_the_workloads_own_autoscaler_follows_is_left_alone(
    rig: Rig, scale: Autoscale, owned: set[str]
) -> None:
    await past(rig, usage=usage(), workload=replace(app("web"), autoscale=scale))
    found = await predictor(rig, MemorySamples()).advice("web")
    assert found.owned == owned
    assert found.cpu_request is None
    assert (found.memory_limit is None) == ("memory" in owned)


@pytest.mark.parametrize(
    ("kind", "reference", "left"),
    [
        ("horizontalpodautoscaler", "scaleTargetRef", (None, 230 * MI)),
        ("verticalpodautoscaler", "targetRef", (None, None)),
    ],
)
async def test_what_an_autoscaler_of_the_cluster_owns_is_left_alone(
    rig: Rig, kind: str, reference: str, left: tuple[int | None, int | None]
) -> None:
    await past(rig, usage=usage())
    await rig.put(scaler(rig, kind, reference, "web"))
    found = await predictor(rig, MemorySamples()).advice("web")
    assert (found.cpu_request, found.memory_limit) == left


async def test_an_autoscaler_of_something_else_changes_nothing(rig: Rig) -> None:
    await past(rig, usage=usage())
    await rig.put(scaler(rig, "verticalpodautoscaler", "targetRef", "other"))
    assert (await predictor(rig, MemorySamples()).advice("web")).memory_limit == 230 * MI


class TestWords:
    TOLD = Advice(cpu_request=120, memory_limit=250 * MI, samples=1204, period_s=604_800, factor=1.25, oom_events=2)

    def test_the_sample_size_and_the_period_stand_beside_what_is_told(self) -> None:
        assert sizing_text("web", self.TOLD) == (
            "Right-sizing of web: request 120m CPU (95th percentile) without a CPU limit, a memory limit of 250 MiB "
            "(peak × 1.25, after 2 kills for memory); from 1,204 measurements over 7 days."
        )
        assert "측정 1,204개" in sizing_text("web", self.TOLD, "ko")
        assert "7일" in sizing_text("web", self.TOLD, "ko")

    @pytest.mark.parametrize("silent", list(Silence))
    @pytest.mark.parametrize("language", ["en", "ko"])
    def test_silence_is_told_with_its_reason(self, silent: Silence, language: str) -> None:
        text = sizing_text("web", Advice(silent=silent, samples=42, period_s=7_200), language)
        assert "web" in text
        assert ("42" in text) == (silent is Silence.FEW)

    def test_what_an_autoscaler_owns_is_said(self) -> None:
        assert "CPU is an autoscaler's" in sizing_text("web", replace(self.TOLD, cpu_request=None))
        assert "memory is an autoscaler's" in sizing_text("web", replace(self.TOLD, memory_limit=None))

    @pytest.mark.parametrize(
        ("seconds", "text"), [(90, "1 min"), (7_200, "2 h"), (86_400, "1 day"), (604_800, "7 days")]
    )
    def test_a_period_is_told_in_whole_units(self, seconds: float, text: str) -> None:
        assert period_text(timedelta(seconds=seconds).total_seconds()) == text
