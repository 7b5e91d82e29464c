"""All trials of a run, one after the other: every number of examples, every scenario, every seed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opstwin.errors import InvalidInput
from opstwin.evals.brains import Brain
from opstwin.evals.shots.ground import ground_of
from opstwin.evals.shots.scenarios import scenarios
from opstwin.evals.shots.trial import Row, tried

KS: Final = (0, 1, 3, 5)
MOST: Final = 5
"""Examples that the setting `draft_examples` allows."""

MOST_SEEDS: Final = 100

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is compared: numbers of examples (`ks`), over seeds 1 to `seeds`. `names` are scenarios, empty: all.

    Raises `InvalidInput` naming the field for what cannot be compared.
    """

    ks: tuple[int, ...] = KS
    seeds: int = 1
    names: tuple[str, ...] = ()
    embeddings: Path | None = None

    def __post_init__(self) -> None:
        if not self.ks or len(set(self.ks)) != len(self.ks) or not all(0 <= k <= MOST for k in self.ks):
            raise InvalidInput(
                f"k must be different numbers from 0 to {MOST}.", field="k", next_step="Write them like --k 0,1,3,5."
            )
        if not 1 <= self.seeds <= MOST_SEEDS:
            raise InvalidInput(
                f"seeds must be from 1 to {MOST_SEEDS}.", field="seeds", next_step="Write it like --seeds 3."
            )
        unknown = sorted({*self.names} - {item.name for item in scenarios()})
        if unknown:
            raise InvalidInput(
                f"There is no scenario {unknown[0][:40]!r}.", field="names", next_step="Leave it out: all are tried."
            )


async def rows_of(run: Run, brain: Brain, told: Told) -> tuple[Row, ...]:
    """A row for each trial, in the order of k, scenario and seed; `told` hears how far it is."""
    rows: list[Row] = []
    for seed in range(1, run.seeds + 1):
        ground = await ground_of(seed, run.embeddings)
        chosen = [item for item in ground.scenarios if not run.names or item.name in run.names]
        for k in run.ks:
            told(f"seed {seed} of {run.seeds}, k={k}: {len(chosen)} trials")
            rows += [await tried(ground, item, brain, k) for item in chosen]
    places = {item.name: place for place, item in enumerate(scenarios())}
    return tuple(sorted(rows, key=lambda row: (row.k, places[row.trial.scenario], row.trial.seed)))
