"""How much one turn may take of a model: steps, tokens, time and money."""

from dataclasses import dataclass

from opstwin.agent.models.port import ModelReply
from opstwin.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most of one turn; the last of `steps` is without tools. `usd` 0 is any; an unknown price is not counted."""

    steps: int = 8
    tokens: int = 60_000
    seconds: float = 120.0
    usd: float = 0.5
    repairs: int = 2
    repeats: int = 3


@dataclass(slots=True)
class Spent:
    """What a turn has taken so far. `cost_usd` is None once some price was not known."""

    limits: Limits
    clock: Clock
    began_s: float
    steps: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    model: str = ""

    def take(self, reply: ModelReply) -> None:
        """Count one answer."""
        self.input_tokens += reply.tokens.input
        self.output_tokens += reply.tokens.output
        self.model = reply.model or reply.provider or self.model
        if reply.cost_usd is None or self.cost_usd is None:
            self.cost_usd = None
        else:
            self.cost_usd += reply.cost_usd

    @property
    def left_s(self) -> float:
        """Seconds left of the turn."""
        return self.limits.seconds - (self.clock.monotonic_s() - self.began_s)

    @property
    def is_last(self) -> bool:
        """Whether the next step is the last, and has no tools."""
        return self.steps >= self.limits.steps - 1 or self.nearly_over

    @property
    def nearly_over(self) -> bool:
        """Whether four fifths of the tokens or the money are gone."""
        tokens, usd = self.input_tokens + self.output_tokens, self.cost_usd or 0.0
        return tokens >= 0.8 * self.limits.tokens or bool(self.limits.usd and usd >= 0.8 * self.limits.usd)

    @property
    def over(self) -> str:
        """Which budget is used up; empty while all of them hold."""
        if self.steps >= self.limits.steps:
            return "steps"
        if self.input_tokens + self.output_tokens >= self.limits.tokens:
            return "tokens"
        if self.left_s <= 0:
            return "time"
        return "cost" if self.limits.usd and (self.cost_usd or 0.0) >= self.limits.usd else ""
