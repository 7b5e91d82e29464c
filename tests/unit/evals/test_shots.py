"""The number of examples as a parameter: brains whose worth is known beforehand are told apart, on the real way."""

import pytest

from opstwin.agent.models.failures import Reason
from opstwin.agent.models.scripted import Fault, ScriptedModel, Trouble
from opstwin.errors import InvalidInput
from opstwin.evals.brains import Scripted
from opstwin.evals.shots.running import Run
from opstwin.evals.shots.summing import Compared, Summary, summed
from tests.unit.evals.shots_rows import FEW, KNOWN, measured, row, tried


def one(found: Summary, measure: str, fewer: int, more: int) -> Compared:
    [item] = [one for one in found.compared if (one.measure, one.fewer, one.more) == (measure, fewer, more)]
    return item


@pytest.mark.slow
@pytest.mark.req("S5.G3")
async def test_a_model_that_does_worse_with_more_examples_is_seen_and_fewer_are_enough() -> None:
    found = await measured("crowded", KNOWN[:20], ks=(0, 5))
    first = one(found, "first", 0, 5)
    assert first.is_seen
    assert first.found.worse > first.found.better == 0
    assert found.shares[0]["first"].value == 1.0 > found.shares[5]["first"].value
    # What the examples tell is lost to it only where it falls back, so it is right more often all the same.
    assert found.shares[5]["kept"].value < 1.0


@pytest.mark.slow
@pytest.mark.req("S5.G3")
async def test_a_model_that_does_better_with_more_examples_is_seen_and_few_are_not_enough() -> None:
    found = await measured("taught", KNOWN[:20], ks=(0, 5))
    first = one(found, "first", 0, 5)
    assert first.is_seen
    assert first.found.better > first.found.worse == 0
    assert found.enough == 5
    assert found.means[0]["calls"].value > found.means[5]["calls"].value


@pytest.mark.req("S5.G3")
async def test_a_model_that_says_nothing_is_never_valid_and_always_falls_back() -> None:
    found = await measured("null")
    for k in (0, 3):
        assert [found.shares[k][name].value for name in ("first", "valid", "kept")] == [0.0, 0.0, 0.0]
        assert found.means[k]["calls"].value == 3
        assert found.shares[k]["offered"].value == 1.0  # the template stands in
    assert not any(item.is_seen for item in found.compared)


@pytest.mark.req("S5.G3")
async def test_a_model_that_knows_the_truth_is_right_about_everything() -> None:
    found = await measured("oracle")
    for k in (0, 3):
        shares = {name: item.value for name, item in found.shares[k].items()}
        assert set(shares.values()) == {1.0}, shares


@pytest.mark.slow
@pytest.mark.req("S5.G3")
async def test_what_the_examples_tell_is_known_with_them_and_not_without() -> None:
    found = await measured("copying", KNOWN[:20], ks=(0, 3))
    right = one(found, "right", 0, 3)
    assert right.is_seen
    assert found.shares[0]["right"].value < 0.5
    assert found.shares[3]["right"].value > 0.9
    assert found.shares[0]["page"].value == 0.0
    assert found.shares[3]["page"].value > 0.8, "the examples say which page their health checks ask for"
    assert found.means[3]["brier"].value < found.means[0]["brier"].value
    assert found.enough == 3


@pytest.mark.req("S5.G3")
async def test_without_a_model_no_number_of_examples_changes_a_manifest() -> None:
    rows = await tried("template", ks=(0, 3))
    by_k = {k: [item for item in rows if item.k == k] for k in (0, 3)}
    assert [(item.right, item.holds, item.rules) for item in by_k[0]] == [
        (item.right, item.holds, item.rules) for item in by_k[3]
    ]
    assert not any(item.answered for item in rows)
    found = summed(rows)
    assert not {"first", "valid", "kept"} & found.shares[0].keys()
    assert found.means[0]["prompt_tokens"].value < found.means[3]["prompt_tokens"].value


@pytest.mark.req("S5.G3")
async def test_the_prompt_shows_as_many_examples_as_the_arm_says() -> None:
    rows = await tried("template", KNOWN[:4], ks=(0, 1, 3))
    assert {(item.k, item.shown) for item in rows} == {(0, 0), (1, 1), (3, 3)}


async def test_each_seed_is_another_draw_of_the_same_scenarios() -> None:
    rows = await tried("copying", KNOWN[:2], ks=(1,), seeds=2)
    assert [(item.trial.scenario, item.trial.seed) for item in rows] == [
        (KNOWN[0], 1), (KNOWN[0], 2), (KNOWN[1], 1), (KNOWN[1], 2)
    ]  # fmt: skip
    assert summed(rows).shares[1]["first"].n == 2


def test_a_scenario_passes_only_when_every_trial_of_it_does() -> None:
    rows = [row(seed=1), row(seed=2, calls=2), row("b", seed=1), row("b", seed=2)]
    share = summed(rows).shares[0]["first"]
    assert (share.value, share.n) == (0.5, 2)


def test_confidence_is_scored_against_what_would_have_held() -> None:
    rows = [row("a", confidence=0.9, holds=True), row("b", confidence=0.9, holds=False), row("c", confidence=0.9)]
    score = summed(rows).means[0]["brier"]
    assert (round(score.value, 2), score.n) == (0.41, 2)


@pytest.mark.parametrize(
    "trouble", [Fault(status=500), Fault(status=429), Fault(trouble=Trouble.HANG), Fault(status=401)]
)
async def test_a_model_that_cannot_be_asked_is_not_measured(trouble: Fault) -> None:
    away = Scripted("away", "nobody is there", lambda _trial: ScriptedModel(otherwise=trouble))
    found = await measured(away, FEW[:1], ks=(0, 1))
    assert len(found.invalid) == found.trials == 2
    assert trouble.reason.value in found.invalid[0]
    assert found.enough is None
    assert not found.compared


async def test_an_answer_that_breaks_off_is_the_models_own_failure() -> None:
    cut = Scripted("cut", "it breaks off", lambda _trial: ScriptedModel(otherwise=Fault(trouble=Trouble.CUT)))
    assert Fault(trouble=Trouble.CUT).reason is Reason.TRUNCATED
    found = await measured(cut, FEW[:1], ks=(0,))
    assert (found.invalid, found.shares[0]["valid"].value) == ((), 0.0)


@pytest.mark.parametrize(
    ("field", "more"),
    [("k", {"ks": ()}), ("k", {"ks": (0, 6)}), ("k", {"ks": (1, 1)}), ("k", {"ks": (-1,)}), ("seeds", {"seeds": 0}),
     ("seeds", {"seeds": 101}), ("names", {"names": ("nobody",)})],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_by_name(field: str, more: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as refused:
        Run(**more)  # type: ignore[arg-type]
    assert refused.value.field == field
    assert refused.value.next_step
