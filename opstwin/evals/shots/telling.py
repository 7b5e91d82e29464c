"""Results for programs and people: `results.json`, `rows.jsonl`, `summary.md`, the same for the same run. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opstwin.agent.drafting.composing import versions
from opstwin.domain.values import Json, to_json
from opstwin.evals.brains import Brain
from opstwin.evals.intervals import Estimate
from opstwin.evals.shots.running import Run
from opstwin.evals.shots.scenarios import VERSION, digest
from opstwin.evals.shots.summing import MEANS, SHARES, Compared, Summary
from opstwin.evals.shots.trial import RELEASE, Row

FORM: Final = 1
"""Of `results.json` and `rows.jsonl`."""

_DIGITS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a report is made of."""

    run: Run
    brain: Brain
    rows: Sequence[Row]
    summary: Summary
    product: str


def results(told: Told) -> dict[str, Json]:
    """The results: what was run, and what it came to."""
    run, summary = told.run, told.summary
    return {
        "form": FORM, "suite": "shots", "suite_version": VERSION, "scenarios": digest(), "product": told.product,
        "brain": {"name": told.brain.name, **told.brain.about()}, "ks": [*run.ks], "seeds": run.seeds,
        "names": [*run.names], "vectors": run.embeddings.name if run.embeddings is not None else None,
        "prompts": versions(), "kubernetes": RELEASE, "trials": summary.trials,
        "invalid": [*summary.invalid], "cost_usd": summary.cost_usd, "enough": summary.enough,
        "by_k": {
            str(k): {
                "shares": {name: _estimate(item) for name, item in summary.shares[k].items()},
                "means": {name: _estimate(item) for name, item in summary.means[k].items()},
            }
            for k in summary.shares
        },
        "compared": [_compared(item) for item in summary.compared],
    }  # fmt: skip


def row_form(row: Row) -> dict[str, Json]:
    """One line of `rows.jsonl`."""
    form = to_json(row)
    assert isinstance(form, dict)
    return {**form, "first": row.first, "valid": row.valid, "fallback": row.fallback}


def summary_text(told: Told) -> str:
    """The summary in Markdown."""
    return "\n".join(_lines(told)) + "\n"


def _lines(told: Told) -> Iterator[str]:
    run, summary = told.run, told.summary
    names = {row.trial.scenario for row in told.rows}
    yield f"# Examples shown to a draft: {', '.join(map(str, run.ks))}"
    yield ""
    yield f"Brain `{told.brain.name}`: {told.brain.about()['says']}."
    yield (
        f"{len(names)} scenarios (set {VERSION}), {run.seeds} draw(s) each, {summary.trials} trials, "
        f"Kubernetes {RELEASE}, {'with' if run.embeddings else 'without'} vectors. "
        "A scenario passes when each of its trials does; intervals are of 95 %."
    )
    for key in summary.invalid[:5]:
        yield f"\n**Does not count**: {key}"
    if summary.invalid:
        yield f"\n**{len(summary.invalid)} trials do not count; nothing is concluded.**"
    yield ""
    yield from _table(summary, run.ks)
    yield ""
    yield from _comparison(summary)
    yield ""
    yield _conclusion(summary, is_model="models" in told.brain.about())


def _table(summary: Summary, ks: Sequence[int]) -> Iterator[str]:
    yield f"| measure | n | {' | '.join(f'k = {k}' for k in sorted(ks))} |"
    yield f"| --- | --- | {' | '.join('---' for _ in ks)} |"
    for share in SHARES:
        yield from _row(share.says, [summary.shares[k].get(share.name) for k in summary.shares], percent=True)
    for name, (says, _) in MEANS.items():
        yield from _row(says, [summary.means[k].get(name) for k in summary.means], percent=False)


def _row(says: str, found: Sequence[Estimate | None], *, percent: bool) -> Iterator[str]:
    if any(item is not None for item in found):
        size = max(item.n for item in found if item is not None)
        yield f"| {says} | {size} | {' | '.join(_cell(item, percent=percent) for item in found)} |"


def _cell(item: Estimate | None, *, percent: bool) -> str:
    if item is None:
        return "-"
    if percent:
        return f"{item.value:.0%} ({item.low:.0%} to {item.high:.0%})"
    form = ",.0f" if item.value >= 20 else ".3g"
    return f"{item.value:{form}} ({item.low:{form}} to {item.high:{form}})"


def _comparison(summary: Summary) -> Iterator[str]:
    """What changes at all from one number to another; the rest in one sentence."""
    changed = [item for item in summary.compared if item.found.better or item.found.worse]
    if changed:
        yield "| measure | from k to k | better, worse | difference | p | p of all | least that would be seen |"
        yield "| --- | --- | --- | --- | --- | --- | --- |"
        yield from (_change(item) for item in changed)
        yield ""
    known = {item.measure for item in changed}
    same = {item.measure: item.found.detectable for item in summary.compared if item.measure not in known}
    if same:
        told = ", ".join(f"{name} ({_least(least)} would be seen)" for name, least in same.items())
        yield f"The same in every scenario, whatever k: {told}."


def _change(item: Compared) -> str:
    found = item.found
    return (
        f"| {item.measure} | {item.fewer} to {item.more} | {found.better}, {found.worse} of {found.n} | "
        f"{found.difference:+.0%} | {found.p:.2g} | {item.p_all:.2g}{' (seen)' if item.is_seen else ''} | "
        f"{_least(found.detectable)} |"
    )


def _least(share: float | None) -> str:
    return "no difference" if share is None else f"{share:.0%}"


def _conclusion(summary: Summary, *, is_model: bool) -> str:
    if summary.enough is None:
        return "No number of examples can be named."
    if not any(item.is_seen for item in summary.compared):
        text = "No number of examples was seen to be better than another."
    else:
        text = f"{summary.enough} is the smallest number of examples that no other was seen to beat."
    return text if is_model else f"{text} No language model was asked: this says nothing about one."


def _estimate(item: Estimate) -> dict[str, Json]:
    return {"value": _rounded(item.value), "low": _rounded(item.low), "high": _rounded(item.high), "n": item.n}


def _compared(item: Compared) -> dict[str, Json]:
    form = to_json(item.found)
    assert isinstance(form, Mapping)
    found = {key: _rounded(value) if isinstance(value, float) else value for key, value in form.items()}
    return {
        "measure": item.measure, "fewer": item.fewer, "more": item.more, **found, "p_all": _rounded(item.p_all),
        "seen": item.is_seen,
    }  # fmt: skip


def _rounded(value: float) -> float:
    return round(value, _DIGITS)
