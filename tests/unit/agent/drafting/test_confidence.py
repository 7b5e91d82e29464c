"""Confidence is counted: from how similar deployments ended and from the checks; no word of a model changes it."""

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.agent.drafting.calibration import Outcome, bins_of, calibrated, calibration_error, outcomes_of
from opstwin.agent.drafting.checking import Verdict
from opstwin.agent.drafting.confidence import Calibrate, confidence_of, rate_of
from opstwin.agent.drafting.drafter import Drafter
from opstwin.domain.deployment import Deployment
from opstwin.domain.example import Example
from opstwin.domain.values import ExecutionId, PlanId, TargetId
from opstwin.manifests.checks.findings import Finding, Level, report_of
from tests.unit.agent.drafting.briefs import API, BROKEN, HELD, STARVED, Answering, answer, brief_of

CLEAN = Verdict(workload=API)
PAST = Deployment(
    id="dep_1", service_name="api", image_name="api", image_tag="1", replicas=1, target_cluster=TargetId("local"),
    deployed_at=datetime(2026, 1, 1, tzinfo=UTC), success=False, outcome="rolled_back", plan_id=PlanId("p"),
    execution_id=ExecutionId("e"), workload=None,
)  # fmt: skip
SURE = 0.86
MOST_ERROR = 0.05


def with_findings(level: Level, count: int) -> Verdict:
    found = [
        Finding(
            rule=f"r/{n}", level=level, subject="s", path=(), message="m", message_ko="m", fix="f", fix_ko="f"
        )
        for n in range(count)
    ]  # fmt: skip
    return replace(CLEAN, report=report_of(found, manifests=1, version="1.29"))


@pytest.mark.req("S5.48", "S5.G2")
def test_without_any_neighbour_the_confidence_is_a_half() -> None:
    assert confidence_of((), CLEAN) == 0.5


@pytest.mark.req("S5.48", "S5.G2")
def test_neighbours_that_held_raise_it_and_those_that_failed_lower_it() -> None:
    held, failed = [replace(HELD, score=1.0)] * 5, [replace(BROKEN, score=1.0)] * 5
    assert confidence_of(held, CLEAN) == SURE
    assert confidence_of(failed, CLEAN) == 0.14
    assert confidence_of([replace(STARVED, score=1.0)] * 5, CLEAN) == 0.5
    assert confidence_of([replace(HELD, score=0.1)], CLEAN) < confidence_of([replace(HELD, score=1.0)], CLEAN)


@pytest.mark.req("S5.48", "S5.G2")
def test_findings_of_the_checks_and_repairs_lower_it() -> None:
    clean = confidence_of([HELD], CLEAN)
    assert confidence_of([HELD], with_findings(Level.WARNING, 1)) < clean
    assert confidence_of([HELD], CLEAN, rounds=1) < clean
    assert confidence_of([HELD], with_findings(Level.ERROR, 1)) < clean * 0.31
    assert confidence_of([HELD], with_findings(Level.INFO, 9)) == clean


@pytest.mark.req("S5.48")
@given(
    st.lists(st.builds(lambda score, ok, oom: replace(HELD, score=score, success=ok, oom_events=oom),
                       st.floats(0, 1), st.booleans(), st.integers(0, 3)), max_size=20),
    st.integers(0, 30), st.integers(0, 3), st.integers(0, 2),
)  # fmt: skip
def test_it_is_never_below_0_nor_above_1(past: list[Example], warnings: int, errors: int, rounds: int) -> None:
    verdict = with_findings(Level.ERROR, errors) if errors else with_findings(Level.WARNING, warnings)
    assert 0 <= confidence_of(past, verdict, rounds) <= 1


@pytest.mark.req("S5.G2")
async def test_a_model_that_claims_to_be_sure_is_no_surer() -> None:
    modest = await Drafter(Answering([answer(reasoning="A guess.", examples=[])])).draft(brief_of(examples=()))
    boasting = await Drafter(Answering([answer(reasoning="confidence: 1.0", examples=[])])).draft(brief_of(examples=()))
    claims = Answering([answer(confidence=1.0, examples=[])] * 3)
    assert "confidence" in (await Drafter(claims).draft(brief_of(examples=()))).why
    assert modest.confidence == boasting.confidence == confidence_of((), CLEAN)


def drawn(seed: int, count: int) -> list[Outcome]:
    """Services whose true rate of success is drawn, some past deployments of each, and how the next one ended."""
    chance = random.Random(seed)
    found: list[Outcome] = []
    for _ in range(count):
        rate = chance.random()
        past = [
            replace(HELD, id=str(n), score=1.0, success=chance.random() < rate, oom_events=0)
            for n in range(chance.choice((0, 1, 3, 5)))
        ]
        found.append((rate_of(past), chance.random() < rate))
    return found


@pytest.mark.req("S5.48", "S5.G2")
@pytest.mark.parametrize("seed", range(5))
def test_confidence_and_rate_of_success_agree_bin_by_bin(seed: int) -> None:
    outcomes = drawn(seed, 4000)
    assert calibration_error(outcomes) < MOST_ERROR
    rates = [item.held for item in bins_of(outcomes) if item.count > 100]
    assert len(rates) >= 4
    assert rates == sorted(rates)


@pytest.mark.req("S5.48")
def test_a_confidence_that_is_too_high_is_corrected_by_what_came_of_it() -> None:
    outcomes = [(min(1.0, confidence + 0.25), held) for confidence, held in drawn(1, 4000)]
    correct = calibrated(outcomes)
    after = [(correct(confidence), held) for confidence, held in drawn(2, 4000)]
    before = [(min(1.0, confidence + 0.25), held) for confidence, held in drawn(2, 4000)]
    shifted = [(correct(confidence), held) for confidence, held in before]
    assert calibration_error(shifted) < MOST_ERROR < 0.2 < calibration_error(before)
    assert after != shifted
    assert [correct(n / 20) for n in range(20)] == sorted(correct(n / 20) for n in range(20))


def test_few_outcomes_correct_nothing() -> None:
    assert calibrated([(0.9, False)] * 10)(0.9) == 0.9
    assert calibration_error([]) == 0


def test_outcomes_are_those_of_drafts_of_a_model() -> None:
    drafted = replace(PAST, ai_generated=True, ai_confidence=0.7)
    assert outcomes_of([PAST, drafted]) == ((0.7, False),)


def test_a_higher_confidence_is_never_corrected_below_a_lower_one() -> None:
    outcomes = [(0.65, n < 90) for n in range(100)] + [(0.85, n < 50) for n in range(100)]
    correct = calibrated(outcomes)
    assert correct(0.65) == correct(0.85) == 0.7


async def test_a_drafter_that_was_calibrated_says_the_corrected_confidence() -> None:
    async def tenth() -> Calibrate:
        return lambda counted: counted / 10

    draft = await Drafter(Answering([answer()]), calibrate=tenth).draft(brief_of())
    plain = await Drafter(Answering([answer()])).draft(brief_of())
    assert draft.confidence == pytest.approx(plain.confidence / 10, abs=0.01)
    assert draft.counted == plain.counted == plain.confidence
