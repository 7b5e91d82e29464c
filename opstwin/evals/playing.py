"""Recording a brain while it answers, and playing a recording in its place, strictly: what does not fit is stale."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from opstwin.agent.models.failures import Reason, failure, reason_of
from opstwin.agent.models.port import Delta, LanguageModel, ModelReply, ModelRequest
from opstwin.clock import Clock
from opstwin.domain.values import Json, to_json
from opstwin.errors import ModelError
from opstwin.evals.brains import Brain, Trial
from opstwin.evals.cassettes import Cassette, Recorded, Tape, drift_of, parts_of
from opstwin.evals.watching import STALE

_NAME = "recording"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A brain whose answers are recorded on the way."""

    brain: Brain
    tape: Tape
    clock: Clock

    @property
    def name(self) -> str:
        """That of the brain."""
        return self.brain.name

    def about(self) -> Mapping[str, Json]:
        """See `Brain`."""
        return self.brain.about()

    def model(self, trial: Trial) -> LanguageModel | None:
        """See `Brain`."""
        model = self.brain.model(trial)
        return None if model is None else _Recorder(self, model, trial)


@dataclass(slots=True)
class _Recorder:
    recording: Recording
    model: LanguageModel
    trial: Trial
    turn: int = 0

    async def complete(self, request: ModelRequest) -> ModelReply:
        clock = self.recording.clock
        begun_s = clock.monotonic_s()
        try:
            reply = await self.model.complete(request)
        except ModelError as error:
            await self._add(request, begun_s, error=reason_of(error).value)
            raise
        tokens = to_json(reply.tokens)
        await self._add(
            request, begun_s, text=reply.text, stop=reply.stop, tokens=tokens, model=reply.model,
            cost_usd=reply.cost_usd,
        )  # fmt: skip
        return reply

    async def stream(self, request: ModelRequest) -> AsyncIterator[Delta]:
        yield Delta(reply=await self.complete(request))

    async def _add(self, request: ModelRequest, begun_s: float, **told: object) -> None:
        took_ms = round((self.recording.clock.monotonic_s() - begun_s) * 1000)
        line: dict[str, object] = {
            "scenario": self.trial.scenario, "arm": self.trial.arm, "seed": self.trial.seed, "turn": self.turn,
            "asked": parts_of(request), "latency_ms": took_ms, **told,
        }  # fmt: skip
        self.turn += 1
        await self.recording.tape.add(Recorded.model_validate(line))


@dataclass(frozen=True, slots=True)
class Played:
    """A brain that says what was recorded, turn by turn, as long as it is asked the same."""

    cassette: Cassette
    name: str = "cassette"

    def about(self) -> Mapping[str, Json]:
        """See `Brain`."""
        head = self.cassette.head
        return {
            "says": "a recording of a model, played strictly", "models": [*head.models], "params": dict(head.params),
            "recorded_at": head.recorded_at, "recorded_prompts": head.prompts,
        }  # fmt: skip

    def model(self, trial: Trial) -> LanguageModel | None:
        """See `Brain`."""
        mine = (trial.scenario, trial.arm, trial.seed)
        turns = [item for item in self.cassette.turns if (item.scenario, item.arm, item.seed) == mine]
        return _Player(sorted(turns, key=lambda item: item.turn))


@dataclass(slots=True)
class _Player:
    turns: list[Recorded] = field(default_factory=list)
    place: int = 0

    async def complete(self, request: ModelRequest) -> ModelReply:
        if self.place >= len(self.turns):
            raise _stale("order-drift" if self.turns else "not recorded")
        turn = self.turns[self.place]
        drift = drift_of(turn.asked, parts_of(request))
        if drift:
            raise _stale(drift)
        self.place += 1
        if turn.error:
            raise failure(Reason(turn.error), _NAME)
        return turn.reply

    async def stream(self, request: ModelRequest) -> AsyncIterator[Delta]:
        yield Delta(reply=await self.complete(request))


def _stale(drift: str) -> ModelError:
    return ModelError(
        f"The recording does not fit: {drift}.", next_step="Record it anew: --record FILE",
        details={"reason": Reason.DOWN.value, "provider": _NAME, STALE: drift},
    )  # fmt: skip
