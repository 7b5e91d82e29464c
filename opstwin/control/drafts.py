"""What fills in a wish before manifests are made of it: the port, and what it takes and gives. Nothing is changed."""

from dataclasses import dataclass
from typing import Protocol

from opstwin.control.generating import Learned, Wish
from opstwin.domain.draft_origin import DraftOrigin

MODEL = "model"
CACHE = "cache"
TEMPLATE = "template"
"""What a draft comes from: a model, a model's answer that was kept, or the generator's own rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftAsked:
    """A wish that may be filled in, and what is known beside it.

    `words` are the person's, `language` (`en` or `ko`) is theirs too. `said` names what they decided already (`memory`,
    `cpu`, `replicas`, `probe`, `autoscale`), beyond what stands in the wish. `person` is the account that asks, or that
    is asked for: examples are of its organisation.
    """

    wish: Wish
    learned: Learned
    words: str = ""
    language: str = "en"
    said: frozenset[str] = frozenset()
    person: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftNote:
    """What is told about the draft of one container.

    `source` is `model`, `cache` or `template`; for a template, `why` says in the person's language why it is one.
    `examples` are the ids of the past deployments that it rests on; `confidence` is counted from the checks and from
    how those ended, from 0 to 1.
    """

    name: str
    source: str
    why: str
    reasoning: str
    examples: tuple[str, ...]
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """The wish with what was filled in, a note for each of its containers in their order, and what it took.

    `model` names who answered, empty when nobody did. `cost_usd` is None when a price is not known. `origins` say of
    each container, for the records, who filled it in.
    """

    wish: Wish
    notes: tuple[DraftNote, ...]
    origins: tuple[DraftOrigin, ...] = ()
    model: str = ""
    tokens: int = 0
    cost_usd: float | None = 0.0

    @property
    def source(self) -> str:
        """`model` when a model filled in any part, else `cache`, else `template`."""
        found = {item.source for item in self.notes}
        return next((source for source in (MODEL, CACHE) if source in found), TEMPLATE)

    @property
    def why(self) -> str:
        """Why parts are templates, each reason once."""
        return "\n".join(dict.fromkeys(item.why for item in self.notes if item.why))

    @property
    def confidence(self) -> float | None:
        """The lowest confidence of any part; None where there is none."""
        return min((item.confidence for item in self.notes), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptText:
    """Exactly what a model would be sent, in this order, and the JSON Schema that it would be asked to keep.

    `tokens` is how long it is (characters / 4), `budget` the most that it may be, `policy` where the policy came from,
    `versions` those of the prompts.
    """

    system: str
    examples: str
    user: str
    tokens: int
    budget: int
    policy: str
    versions: str


class Drafts(Protocol):
    """Fills in what nobody said."""

    async def filled(self, asked: DraftAsked) -> Filled:
        """The wish filled in, by a model where there is one.

        Raises `InvalidInput` for a wish of which no manifests can be made, `Unreachable` or `Timeout` for a cluster
        that does not answer. A model never makes it raise: without one the wish comes back as it was, with why.
        """
        ...

    async def prompt(self, asked: DraftAsked) -> PromptText:
        """What a model would be sent for it; nothing is sent. Raises likewise, and for a policy that cannot be used."""
        ...


async def filled(drafts: Drafts | None, asked: DraftAsked) -> Filled:
    """`drafts.filled`; in a hub that drafts nothing the wish as it was, without a note. Raises likewise."""
    return Filled(wish=asked.wish, notes=()) if drafts is None else await drafts.filled(asked)
