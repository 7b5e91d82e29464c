"""Trials that the tests of evals run: few scenarios and draws, since each trial makes and checks manifests."""

from opstwin.evals.brains import Brain, Trial
from opstwin.evals.shots.running import Run, rows_of
from opstwin.evals.shots.scenarios import scenarios
from opstwin.evals.shots.scripted import brains
from opstwin.evals.shots.summing import Summary, summed
from opstwin.evals.shots.trial import Row

KNOWN = tuple(item.name for item in scenarios() if item.has_past)
FEW = (*KNOWN[:3], *(item.name for item in scenarios() if not item.has_past))[:5]


def silent(_text: str) -> None:
    """Nobody watches."""


async def tried(brain: str | Brain, names: tuple[str, ...] = FEW, ks: tuple[int, ...] = (0, 3), seeds: int = 1) -> (
    tuple[Row, ...]
):  # fmt: skip
    """The rows of some trials."""
    chosen = brains()[brain] if isinstance(brain, str) else brain
    return await rows_of(Run(ks=ks, names=names, seeds=seeds), chosen, silent)


async def measured(brain: str | Brain, names: tuple[str, ...] = FEW, ks: tuple[int, ...] = (0, 3)) -> Summary:
    """What they come to."""
    return summed(await tried(brain, names, ks))


def row(scenario: str = "a", k: int = 0, seed: int = 1, **more: object) -> Row:
    """A row as it would be without a trial."""
    trial = Trial(scenario=scenario, arm=f"k={k}", seed=seed)
    given: dict[str, object] = {"source": "model", "answered": True, "calls": 1} | more
    return Row(trial=trial, k=k, speech="en", purpose="web", has_past=False, **given)  # type: ignore[arg-type]
