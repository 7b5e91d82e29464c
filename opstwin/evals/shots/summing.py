"""From rows to results: shares and their intervals for each number of examples, and each two compared. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from opstwin.evals.intervals import LEVEL, Estimate, Paired, bootstrap, holm, paired, wilson
from opstwin.evals.shots.trial import Row

Told = bool | None
"""What a row says to a measure; None where the measure does not apply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of scenarios: `of` a row, where it applies. With `compared` it decides which number is enough."""

    name: str
    says: str
    of: Callable[[Row], Told]
    compared: bool = True


def _answered(told: Callable[[Row], bool]) -> Callable[[Row], Told]:
    return lambda row: told(row) if row.answered else None


def _slot(name: str) -> Callable[[Row], Told]:
    return lambda row: row.right.get(name)


SHARES: Final = (
    Share(name="first", says="first answer of the model valid", of=_answered(lambda row: row.first)),
    Share(name="valid", says="answer valid, repaired or not", of=_answered(lambda row: row.valid)),
    Share(name="kept", says="no fall-back to the template", of=_answered(lambda row: not row.fallback), compared=False),
    Share(name="offered", says="manifests without an error", of=lambda row: not row.blocking, compared=False),
    Share(name="clean", says="manifests without any finding", of=lambda row: not row.blocking and not row.warnings),
    Share(name="holds", says="would run and go on running", of=lambda row: row.holds),
    Share(name="right", says="every slot right", of=lambda row: all(row.right.values()) if row.right else None),
    Share(name="memory", says="slot memory right", of=_slot("memory"), compared=False),
    Share(name="cpu", says="slot cpu right", of=_slot("cpu"), compared=False),
    Share(name="port", says="slot port right", of=_slot("port"), compared=False),
    Share(name="probe", says="slot probe right", of=_slot("probe"), compared=False),
    Share(name="page", says="readiness asks for the service's page", of=lambda row: row.page, compared=False),
)  # fmt: skip

MEANS: Final[Mapping[str, tuple[str, Callable[[Row], float | None]]]] = {
    "brier": ("Brier score of the confidence (0 is best, 0.25 knows nothing)",
              lambda row: None if row.holds is None else (row.confidence - row.holds) ** 2),
    "confidence": ("confidence", lambda row: None if row.holds is None else row.confidence),
    "findings": ("findings of a draft", lambda row: float(row.blocking + row.warnings)),
    "shown": ("examples in the prompt", lambda row: float(row.shown)),
    "prompt_tokens": ("tokens of the first prompt (characters / 4)", lambda row: float(row.prompt_tokens)),
    "example_tokens": ("of which examples", lambda row: float(row.example_tokens)),
    "calls": ("requests to the model", lambda row: float(row.calls) if row.answered else None),
    "tokens": ("tokens that the model counts", lambda row: float(row.tokens) if row.answered else None),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A measure at `more` examples against `fewer`; `p_all` is `p` raised for all comparisons of the measure."""

    measure: str
    fewer: int
    more: int
    found: Paired
    p_all: float

    @property
    def is_seen(self) -> bool:
        """Whether they differ by more than chance."""
        return self.p_all <= LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Everything that was measured. `enough` is the smallest number of examples that no other was seen to beat."""

    shares: Mapping[int, Mapping[str, Estimate]]
    means: Mapping[int, Mapping[str, Estimate]]
    compared: tuple[Compared, ...]
    cost_usd: float | None
    trials: int
    invalid: tuple[str, ...]

    @property
    def enough(self) -> int | None:
        """None where too little counts to say it."""
        beaten = {
            one.fewer if one.found.difference > 0 else one.more for one in self.compared if one.is_seen
        }  # fmt: skip
        left = sorted(set(self.shares) - beaten)
        return left[0] if left and not self.invalid else None


def summed(rows: Sequence[Row]) -> Summary:
    """What rows come to. Those that do not count are named in `invalid`, and left out."""
    counted = [row for row in rows if not row.invalid]
    ks = sorted({row.k for row in rows})
    by_k = {k: [row for row in counted if row.k == k] for k in ks}
    costs = [row.cost_usd for row in counted]
    return Summary(
        shares={k: _shares(found) for k, found in by_k.items()},
        means={k: _means(found) for k, found in by_k.items()},
        compared=tuple(item for share in SHARES if share.compared for item in _compared(share, by_k)),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
        trials=len(rows), invalid=tuple(f"{row.trial.key}: {row.invalid}" for row in rows if row.invalid),
    )  # fmt: skip


def _shares(rows: Sequence[Row]) -> dict[str, Estimate]:
    found = {share.name: list(_passed(share, rows).values()) for share in SHARES}
    return {name: wilson(sum(values), len(values)) for name, values in found.items() if values}


def _means(rows: Sequence[Row]) -> dict[str, Estimate]:
    found = {name: _by_scenario(rows, of) for name, (_, of) in MEANS.items()}
    return {name: bootstrap(values) for name, values in found.items() if values}


def _by_scenario(rows: Sequence[Row], of: Callable[[Row], float | None]) -> list[float]:
    """The mean of each scenario's trials."""
    values: dict[str, list[float]] = {}
    for row in rows:
        value = of(row)
        if value is not None:
            values.setdefault(row.trial.scenario, []).append(value)
    return [sum(items) / len(items) for items in values.values()]


def _passed(share: Share, rows: Sequence[Row]) -> dict[str, bool]:
    """Which scenarios pass: those of which every trial does."""
    found: dict[str, bool] = {}
    for row in rows:
        told = share.of(row)
        if told is not None:
            found[row.trial.scenario] = found.get(row.trial.scenario, True) and told
    return found


def _compared(share: Share, by_k: Mapping[int, Sequence[Row]]) -> list[Compared]:
    passed = {k: _passed(share, rows) for k, rows in by_k.items()}
    pairs = [(one, other) for one, other in combinations(passed, 2) if passed[one].keys() & passed[other].keys()]
    found = [_pair(passed[one], passed[other], LEVEL / len(pairs)) for one, other in pairs]
    raised = holm([item.p for item in found])
    return [
        Compared(measure=share.name, fewer=one, more=other, found=item, p_all=p)
        for (one, other), item, p in zip(pairs, found, raised, strict=True)
    ]


def _pair(first: Mapping[str, bool], second: Mapping[str, bool], level: float) -> Paired:
    both = [name for name in first if name in second]
    return paired([first[name] for name in both], [second[name] for name in both], level)
