"""Asks a model for what is open in a draft, checks the answer, has it repaired twice at most, and else does without."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from opstwin.agent.drafting.attempt import Attempt, Judged
from opstwin.agent.drafting.briefs import DraftBrief, Drafted
from opstwin.agent.drafting.checking import verdict_on
from opstwin.agent.drafting.composing import Composed, composed, repair_text
from opstwin.agent.drafting.confidence import Calibrate, as_counted
from opstwin.agent.drafting.covering import ByLooks, Covering, forget
from opstwin.agent.drafting.proposing import open_fields
from opstwin.agent.models.failures import reason_of
from opstwin.agent.models.port import LanguageModel, Message, ModelReply, Role, Stop
from opstwin.errors import InvalidInput, ModelError

MOST_REPAIRS: Final = 2
_SHOWN_AGAIN: Final = 4_000


Calibration = Callable[[], Awaitable[Calibrate]]
"""What knows the correction of confidences."""


async def uncorrected() -> Calibrate:
    """For drafts without a history."""
    return as_counted


class Drafter:
    """Drafts with a model, and without one just as well.

    `calibrate` gives the correction of confidences that holds now. Whatever it drafts has no effect: it is planned,
    checked and approved like anything else.
    """

    def __init__(
        self, model: LanguageModel | None, *, veil: Covering | None = None, calibrate: Calibration = uncorrected
    ) -> None:
        self.model = model
        self.veil = veil or ByLooks()
        self.calibrate = calibrate

    async def prompt(self, brief: DraftBrief) -> Composed:
        """Exactly what a model would be sent. Raises `InvalidInput` for a policy that is too long."""
        await self.veil.ready()
        return composed(brief, self.veil.over)

    async def begun(self, brief: DraftBrief) -> Attempt:
        """The base, checked. Raises `InvalidInput` naming the field for what the target cannot be told at all."""
        return Attempt(brief=brief, base=await verdict_on(brief, brief.base), calibrate=await self.calibrate())

    async def draft(self, brief: DraftBrief) -> Drafted:
        """One draft. Raises `InvalidInput` for a base that the target cannot be told; a model never makes it raise."""
        attempt = await self.begun(brief)
        if self.model is None:
            return attempt.template("no_key")
        return await self.asked(self.model, attempt)

    async def asked(self, model: LanguageModel, attempt: Attempt) -> Drafted:
        """What a model makes of it, or the template with why."""
        if not open_fields(attempt.brief):
            return attempt.template("closed")
        try:
            prompt = await self.prompt(attempt.brief)
        except InvalidInput as error:
            return attempt.template("policy", str(error))
        try:
            return await self._in_rounds(model, attempt, prompt)
        except ModelError as error:
            return attempt.template(reason_of(error), error.next_step)

    async def _in_rounds(self, model: LanguageModel, attempt: Attempt, prompt: Composed) -> Drafted:
        more: list[Message] = []
        judged, reply = Judged(), ModelReply(text="")
        for attempt.rounds in range(MOST_REPAIRS + 1):
            request = prompt.request(more)
            reply = await model.complete(request)
            attempt.replies.append(reply)
            if reply.stop is Stop.REFUSED:
                return attempt.template("refused")
            judged = await attempt.judged(reply.text)
            if judged.verdict is not None:
                return attempt.made(judged, reply, self.veil)
            await forget(model, request)
            more += self._repair(reply, judged.faults)
        reason = "truncated" if reply.stop is Stop.LENGTH else "bad_output"
        return attempt.template(reason, judged.faults[0])

    def _repair(self, reply: ModelReply, faults: Sequence[str]) -> tuple[Message, Message]:
        cut = ("The answer was cut off: use fewer words.",) if reply.stop is Stop.LENGTH else ()
        answered = self.veil.over(reply.text)[:_SHOWN_AGAIN] or "(nothing)"
        return (
            Message(role=Role.ASSISTANT, text=answered),
            Message(role=Role.USER, text=repair_text((*cut, *faults), self.veil.over)),
        )
