"""One draft on its way: what an answer comes to, and the template where none holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from opstwin.agent.drafting.answers import Answer, answer_in
from opstwin.agent.drafting.briefs import DraftBrief, Drafted, Source
from opstwin.agent.drafting.checking import Verdict, faults_of, verdict_on
from opstwin.agent.drafting.composing import versions
from opstwin.agent.drafting.confidence import Calibrate, as_counted, confidence_of
from opstwin.agent.drafting.covering import Covering
from opstwin.agent.drafting.proposing import proposed
from opstwin.agent.drafting.wording import cited_text, template_text, why_template
from opstwin.agent.models.port import ModelReply
from opstwin.domain.example import Example
from opstwin.errors import InvalidInput
from opstwin.tools.untrusted import cleaned

_LONGEST_REASONING: Final = 2_000
_LONGEST_DETAIL: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What an answer came to: the draft where it holds, else what is wrong with it, for whoever repairs it."""

    answer: Answer | None = None
    verdict: Verdict | None = None
    faults: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One draft on its way: the base and what the checks say to it, and what a model answered so far.

    `neighbours` are its own past deployments where its brief holds those of others too, which were shown with them.
    """

    brief: DraftBrief
    base: Verdict
    neighbours: Sequence[Example] | None = None
    calibrate: Calibrate = as_counted
    replies: list[ModelReply] = field(default_factory=list)
    rounds: int = 0

    async def judged(self, text: str) -> Judged:
        """The one answer in a text."""
        try:
            answer = answer_in(text)
        except InvalidInput as error:
            return Judged(faults=(error.message,))
        return await self.judged_answer(answer)

    async def judged_answer(self, answer: Answer) -> Judged:
        """What an answer that has the right form comes to."""
        try:
            verdict = await verdict_on(self.brief, proposed(self.brief, answer))
        except InvalidInput as error:
            return Judged(faults=(error.message,))
        faults = faults_of(self.brief, verdict, self.base)
        return Judged(faults=faults) if faults else Judged(answer=answer, verdict=verdict)

    def made(self, judged: Judged, reply: ModelReply, cover: Covering) -> Drafted:
        """The draft that a model filled in."""
        answer, verdict = judged.answer, judged.verdict
        assert answer is not None
        assert verdict is not None
        cited = [item for item in self.brief.examples if item.id in answer.examples]
        said = cleaned(answer.reasoning, limit=_LONGEST_REASONING, cover=cover.over)
        return Drafted(
            workload=verdict.workload, manifests=verdict.manifests,
            reasoning="\n".join(filter(None, (said, cited_text(cited, self.brief.language)))),
            examples=tuple(item.id for item in cited),
            confidence=confidence_of(self._past, verdict, self.rounds, self.calibrate),
            counted=confidence_of(self._past, verdict, self.rounds),
            source=Source.MODEL if reply.calls_made else Source.CACHE, prompt=versions(), rounds=self.rounds,
            replies=tuple(self.replies),
        )  # fmt: skip

    def template(self, reason: str, detail: str = "") -> Drafted:
        """The draft without a model, and why it is one."""
        made = self.base.generated
        shown = cleaned(detail, limit=_LONGEST_DETAIL, one_line=True) if detail else ""
        return Drafted(
            workload=self.brief.base, manifests=self.base.manifests,
            reasoning=template_text(self.base, self.brief.language), examples=made.cited if made is not None else (),
            confidence=confidence_of(self._past, self.base, calibrate=self.calibrate),
            counted=confidence_of(self._past, self.base),
            source=Source.TEMPLATE, why=why_template(reason, self.brief.language, shown),
            rounds=self.rounds, replies=tuple(self.replies),
        )  # fmt: skip

    @property
    def _past(self) -> Sequence[Example]:
        return self.brief.examples if self.neighbours is None else self.neighbours


def with_examples(attempt: Attempt, briefs: Sequence[DraftBrief]) -> Attempt:
    """The same attempt where the examples of all briefs were shown."""
    shown = {item.id: item for brief in briefs for item in brief.examples}
    brief = replace(attempt.brief, examples=tuple(shown.values()))
    return replace(attempt, brief=brief, neighbours=attempt.brief.examples)
