"""Drafts of several workloads with few requests: one asks for many, each part is checked alone, failures go alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opstwin.agent.drafting.answers import checked_answer, parts_in
from opstwin.agent.drafting.attempt import Attempt, with_examples
from opstwin.agent.drafting.briefs import DraftBrief, Drafted
from opstwin.agent.drafting.composing import FOLDER, composed_of_several, workload_text
from opstwin.agent.drafting.covering import forget
from opstwin.agent.drafting.drafter import Drafter
from opstwin.agent.drafting.proposing import open_fields
from opstwin.agent.drafting.tokens import tokens_in
from opstwin.agent.models.failures import reason_of
from opstwin.agent.models.port import LanguageModel, ModelReply
from opstwin.errors import InvalidInput, ModelError
from opstwin.prompts.loading import prompts

MOST_TOGETHER: Final = 10
"""Workloads of one request."""

_ROOM: Final = 200
"""Tokens of the words around the workloads."""


async def draft_many(drafter: Drafter, briefs: Sequence[DraftBrief]) -> tuple[Drafted, ...]:
    """A draft for each brief, in their order.

    Ten containers take one request, two when they are large; an answer that fails its checks costs requests of its own.
    Raises `InvalidInput` for a base that the target cannot be told.
    """
    attempts = [await drafter.begun(brief) for brief in briefs]
    if drafter.model is None:
        return tuple(attempt.template("no_key") for attempt in attempts)
    await drafter.veil.ready()
    batch = _Batch(drafter, drafter.model)
    done: dict[int, Drafted] = {}
    for group in batch.groups(attempts):
        done |= await batch.drafted(group)
    return tuple(done[place] for place in range(len(briefs)))


@dataclass(frozen=True, slots=True)
class _Batch:
    drafter: Drafter
    model: LanguageModel

    def groups(self, attempts: Sequence[Attempt]) -> Iterator[dict[int, Attempt]]:
        """What goes together: of one policy, each name once, and not more than the prompt may hold."""
        most = prompts(FOLDER)["several"].budget - _ROOM
        waiting = dict(enumerate(attempts))
        while waiting:
            group: dict[int, Attempt] = {}
            used = 0
            for place, attempt in waiting.items():
                size = tokens_in(workload_text(attempt.brief, self.drafter.veil.over)) + 1
                if not group or (len(group) < MOST_TOGETHER and used + size <= most and _fits(attempt, group)):
                    group[place], used = attempt, used + size
            waiting = {place: attempt for place, attempt in waiting.items() if place not in group}
            yield group

    async def drafted(self, group: Mapping[int, Attempt]) -> dict[int, Drafted]:
        open_ = {place: attempt for place, attempt in group.items() if open_fields(attempt.brief)}
        if len(open_) < 2:
            return {place: await self.drafter.asked(self.model, attempt) for place, attempt in group.items()}
        try:
            prompt = composed_of_several([attempt.brief for attempt in open_.values()], self.drafter.veil.over)
            request = prompt.request()
            reply = await self.model.complete(request)
        except InvalidInput as error:
            return {place: attempt.template("policy", str(error)) for place, attempt in group.items()}
        except ModelError as error:
            return {place: a.template(reason_of(error), error.next_step) for place, a in group.items()}
        next(iter(open_.values())).replies.append(reply)
        done = await self._taken_apart(open_, reply)
        if len(done) < len(open_):
            await forget(self.model, request)
        return {
            place: done.get(place) or await self.drafter.asked(self.model, attempt) for place, attempt in group.items()
        }

    async def _taken_apart(self, open_: Mapping[int, Attempt], reply: ModelReply) -> dict[int, Drafted]:
        """The drafts of those whose part of the answer holds."""
        parts = _by_name(reply.text)
        briefs = [attempt.brief for attempt in open_.values()]
        found = {
            place: await self._one(attempt, briefs, parts.get(attempt.brief.base.name), reply)
            for place, attempt in open_.items()
        }
        return {place: drafted for place, drafted in found.items() if drafted is not None}

    async def _one(
        self, attempt: Attempt, briefs: Sequence[DraftBrief], part: Any, reply: ModelReply
    ) -> Drafted | None:
        """The draft of one workload when its part of the answer holds."""
        if part is None:
            return None
        try:
            answer = checked_answer(part)
        except InvalidInput:
            return None
        shown = with_examples(attempt, briefs)
        judged = await shown.judged_answer(answer)
        return None if judged.verdict is None else shown.made(judged, reply, self.drafter.veil)


def _fits(attempt: Attempt, group: Mapping[int, Attempt]) -> bool:
    others = [item.brief for item in group.values()]
    return attempt.brief.policy == others[0].policy and all(attempt.brief.base.name != o.base.name for o in others)


def _by_name(text: str) -> dict[str, Any]:
    """The parts of an answer by the workload that they name; none where two name the same."""
    try:
        parts = parts_in(text)
    except InvalidInput:
        return {}
    names = [part.get("workload") for part in parts if isinstance(part, dict)]
    return {
        part["workload"]: part
        for part in parts
        if isinstance(part, dict) and isinstance(part.get("workload"), str) and names.count(part["workload"]) == 1
    }
