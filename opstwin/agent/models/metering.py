"""What was asked of models and what it cost, counted in this process since it began; and the budget of a day."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from opstwin.agent.models.costs import prices_as_of
from opstwin.agent.models.failures import Reason, failure
from opstwin.agent.models.port import ModelReply, Tokens
from opstwin.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """One provider, model and purpose. `cost_usd` sums what is priced; `unpriced` counts the answers that are not.

    `failed` counts requests without an answer, `cached` answers that took no request at all.
    """

    provider: str
    model: str
    purpose: str
    calls: int = 0
    failed: int = 0
    cached: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    cost_usd: float = 0.0
    unpriced: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """All of it. `cost_usd` is None when some answer has no known price; `prices_as_of` dates the table."""

    rows: Sequence[Used] = ()
    prices_as_of: str = ""

    @property
    def calls(self) -> int:
        """Requests that providers got."""
        return sum(row.calls for row in self.rows)

    @property
    def cached(self) -> int:
        """Answers that took no request."""
        return sum(row.cached for row in self.rows)

    @property
    def cost_usd(self) -> float | None:
        """Dollars, None where they are not known."""
        return None if any(row.unpriced for row in self.rows) else sum(row.cost_usd for row in self.rows)


@dataclass(frozen=True, slots=True)
class DayBudget:
    """How much of one UTC day; 0 is any."""

    tokens: int = 0
    usd: float = 0.0


class Meter:
    """Counts for one hub process; a restart begins anew, also with the day's budget."""

    def __init__(self, clock: Clock, budget: DayBudget) -> None:
        self._clock, self._budget = clock, budget
        self._rows: dict[tuple[str, str, str], Used] = {}
        self._day: date = clock.now().date()
        self._tokens, self._usd = 0, 0.0

    def check(self, *, priced: bool) -> None:
        """Return when something may be asked; raises `ModelError` (budget) when the day's share is used up.

        A model without a price cannot be held to a budget in dollars, so it is not asked under one.
        """
        self._turn_day()
        if self._budget.usd and not priced:
            raise failure(
                Reason.BUDGET, "", words="models.usd_per_day is set, and the price of the model is not known",
                next_step="Set input_usd and output_usd of the provider, or take models.usd_per_day away.",
            )  # fmt: skip
        over_tokens = self._budget.tokens and self._tokens >= self._budget.tokens
        if over_tokens or (self._budget.usd and self._usd >= self._budget.usd):
            name = "tokens_per_day" if over_tokens else "usd_per_day"
            raise failure(
                Reason.BUDGET, "", words=f"The day's budget for language models is used up (models.{name})",
                next_step=f"Raise models.{name}, or wait until midnight UTC.", retry_after_s=self._left_s(),
            )  # fmt: skip

    def called(self, provider: str, model: str, purpose: str, *, failed: bool) -> None:
        """One request ended."""
        row = self._row(provider, model, purpose)
        self._keep(replace(row, calls=row.calls + 1, failed=row.failed + failed))

    def answered(self, purpose: str, reply: ModelReply) -> None:
        """The last request brought this answer."""
        self._turn_day()
        row, tokens = self._row(reply.provider, reply.model, purpose), reply.tokens
        self._tokens += tokens.input + tokens.output
        self._usd += reply.cost_usd or 0.0
        summed = Tokens(
            input=row.tokens.input + tokens.input, output=row.tokens.output + tokens.output,
            cache_read=row.tokens.cache_read + tokens.cache_read,
            cache_write=row.tokens.cache_write + tokens.cache_write,
        )  # fmt: skip
        unpriced = row.unpriced + (reply.cost_usd is None)
        self._keep(replace(row, tokens=summed, cost_usd=row.cost_usd + (reply.cost_usd or 0.0), unpriced=unpriced))

    def kept(self, purpose: str, reply: ModelReply) -> None:
        """An answer that was kept was given once more."""
        row = self._row(reply.provider, reply.model, purpose)
        self._keep(replace(row, cached=row.cached + 1))

    def usage(self) -> Usage:
        """Everything until now."""
        return Usage(rows=tuple(self._rows.values()), prices_as_of=prices_as_of())

    def _row(self, provider: str, model: str, purpose: str) -> Used:
        key = (provider, model, purpose)
        return self._rows.get(key) or Used(provider=provider, model=model, purpose=purpose)

    def _keep(self, row: Used) -> None:
        self._rows[row.provider, row.model, row.purpose] = row

    def _turn_day(self) -> None:
        today = self._clock.now().date()
        if today != self._day:
            self._day, self._tokens, self._usd = today, 0, 0.0

    def _left_s(self) -> float:
        now = self._clock.now()
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight - now).total_seconds()
