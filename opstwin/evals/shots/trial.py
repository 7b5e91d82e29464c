"""One trial: a request goes the way that it goes in the product, and what came of it becomes a row."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from opstwin.agent.drafting.tokens import tokens_in
from opstwin.control.drafts import TEMPLATE, DraftAsked, Filled
from opstwin.control.generating import Generation, Part, Wish
from opstwin.errors import InvalidInput
from opstwin.evals.brains import Brain, Trial
from opstwin.evals.shots.ground import Ground
from opstwin.evals.shots.scenarios import Scenario
from opstwin.evals.shots.slots import slots_of
from opstwin.evals.watching import Watched
from opstwin.intent.words import read_request
from opstwin.manifests.generating.info import info_of_workload

RELEASE: Final = "1.29"
"""The Kubernetes release that drafts are for."""

_HEAD: Final = "### Example "


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one trial came to.

    `invalid` says why it counts for nothing. `source` is who filled the draft in (`model`, `cache`, `template`),
    `calls` what a model was asked, `answered` whether a model was asked at all. `blocking` and `warnings` are findings
    of the checks in the manifests, `rules` which. `right` holds the slots of a scenario with a past, else nothing;
    `holds` and `page` likewise. `shown` are the examples in the prompt, `prompt_tokens` its length (characters / 4) at
    the first request, also where nobody is asked; `tokens` is what the model says that all requests took.
    """

    trial: Trial
    k: int
    speech: str
    purpose: str
    has_past: bool
    source: str = ""
    answered: bool = False
    calls: int = 0
    blocking: int = 0
    warnings: int = 0
    rules: tuple[str, ...] = ()
    right: Mapping[str, bool] = field(default_factory=dict)
    holds: bool | None = None
    page: bool | None = None
    confidence: float = 0.0
    cited: int = 0
    shown: int = 0
    prompt_tokens: int = 0
    example_tokens: int = 0
    tokens: int = 0
    cost_usd: float | None = 0.0
    invalid: str = ""

    @property
    def first(self) -> bool:
        """Whether the first answer of a model was the draft."""
        return self.source != TEMPLATE and self.calls == 1

    @property
    def valid(self) -> bool:
        """Whether an answer of a model was the draft, repaired or not."""
        return self.source != TEMPLATE

    @property
    def fallback(self) -> bool:
        """Whether a model was asked, and the template had to do."""
        return self.answered and self.source == TEMPLATE


async def tried(ground: Ground, scenario: Scenario, brain: Brain, k: int) -> Row:
    """One trial. Raises `InvalidInput` for a scenario whose words say something else than the scenario."""
    trial = Trial(scenario=scenario.name, arm=f"k={k}", seed=ground.seed)
    model = brain.model(trial)
    watched = Watched(model) if model is not None else None
    drafting = ground.drafting(watched, k)
    asked = await _asked(ground, scenario)
    prompt = await drafting.prompt(asked)
    filled = await drafting.filled(asked)
    made = await ground.generating.made(filled.wish, asked.learned)
    row = Row(trial=trial, k=k, speech=scenario.speech, purpose=scenario.purpose, has_past=scenario.has_past)
    row = _judged(_filled(row, filled, watched), made, scenario)
    return replace(
        row, shown=prompt.examples.count(_HEAD), prompt_tokens=prompt.tokens,
        example_tokens=tokens_in(prompt.examples),
    )  # fmt: skip


async def _asked(ground: Ground, scenario: Scenario) -> DraftAsked:
    """As a run asks: the words are read by the rules, and what was deployed before is looked up."""
    words = scenario.words(ground.seed)
    said = read_request(words)
    if said.workload is None or (said.workload.name, said.workload.image) != (scenario.name, scenario.image):
        raise InvalidInput(
            f"Scenario {scenario.name}: {words!r} says something else.", field="words",
            next_step="Correct the scenario.",
        )  # fmt: skip
    wish = Wish(parts=(Part(info=info_of_workload(said.workload)),), release=RELEASE)
    learned = await ground.generating.learned(wish, None)
    return DraftAsked(wish=wish, learned=learned, words=words, language=said.language)


def _filled(row: Row, filled: Filled, watched: Watched | None) -> Row:
    """With what the draft came from."""
    note = filled.notes[0]
    asked = watched is not None and bool(watched.turns)
    return replace(
        row, source=note.source, confidence=note.confidence, cited=len(note.examples), answered=asked,
        calls=len(watched.turns) if watched is not None else 0, tokens=filled.tokens, cost_usd=filled.cost_usd,
        invalid=watched.invalid if watched is not None else "",
    )  # fmt: skip


def _judged(row: Row, made: Generation, scenario: Scenario) -> Row:
    """With what the checks and the truth say to the manifests."""
    report = made.report
    rules = tuple(sorted({item.rule for item in (*report.blocking, *report.risks)}))
    row = replace(row, blocking=len(report.blocking), warnings=len(report.risks), rules=rules)
    if not scenario.has_past:
        return row
    slots = slots_of(made.generated.manifests, scenario.truth)
    return replace(row, right=slots.right, holds=slots.holds and not report.blocking, page=slots.page)
