"""What nobody said of a workload that shall be deployed: a draft fills it in, and it is kept beside the proposal.

Kept are the few values that were filled in. What the person said is read again from the words when the plan is made,
so that nothing of it, and no secret, stands in the conversation's state.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from opstwin.agent.drafting.briefs import Drafted, Source
from opstwin.agent.drafting.drafter import Drafter
from opstwin.agent.drafting.service import Drafting, WorkloadAsked
from opstwin.agent.turn import Turn
from opstwin.agent.wording import say, why_fallback
from opstwin.control.asking import target_of
from opstwin.control.confiding import confided
from opstwin.domain.ask import Action, Ask
from opstwin.domain.draft_origin import DraftOrigin
from opstwin.domain.resource import WorkloadRecord
from opstwin.domain.target import Target
from opstwin.domain.values import Json, resource_id
from opstwin.domain.workload import Workload
from opstwin.intent.document import Workloads, read_document
from opstwin.intent.words import read_request
from opstwin.intent.workload_file import workload_form, workload_from, workload_yaml
from opstwin.logs import MASK
from opstwin.tools.drafting import said_in
from opstwin.tools.registry import Behind
from opstwin.tools.wanted import Wanted

JUDGED: Final = ("resources", "replicas", "health", "autoscale")
"""The parts of a workload file that a draft may fill in."""

MAX_TEXT: Final = 2_000
MAX_REQUEST: Final = 500
_SOURCES: Final = frozenset(item.value for item in Source)
_MAX_FILE: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What is to be deployed where, as far as it was said."""

    workload: Workload
    target: Target


async def base_of(arguments: Mapping[str, Json], turn: Turn) -> Base | None:
    """What a call of plan_create would deploy; None for anything but one workload. Raises like reading and planning."""
    words, file = arguments.get("words"), arguments.get("file")
    if isinstance(words, str):
        asked = read_request(words)
    elif isinstance(file, str) and len(file) <= _MAX_FILE:
        document = await asyncio.to_thread(read_document, file)
        if not isinstance(document, Workloads) or len(document.items) != 1:
            return None
        asked = Ask(action=Action.DEPLOY, name=document.items[0].name, workload=document.items[0])
    else:
        return None
    workload = asked.workload
    if asked.action is not Action.DEPLOY or workload is None:
        return None
    named = arguments.get("target")
    asked = replace(asked, target=asked.target or (named if isinstance(named, str) else None))
    ledger = turn.services.ledger
    target = await ledger.need(Target, target_of(asked, await ledger.all(Target)))
    return Base(workload=workload, target=target)


async def drafted(base: Base, words: str, language: str, turn: Turn, without: str) -> Drafted | None:
    """The draft of it; None in a hub that drafts nothing. `without` says why no model is asked, empty when one is.

    Raises as `Drafting.workload` does.
    """
    drafts = turn.services.drafts
    if not isinstance(drafts, Drafting):
        return None
    by_template = replace(drafts, drafter=Drafter(None, veil=turn.services.veil))
    asked = await _asked(base, words, language, turn)
    if without or turn.spent.over:
        return _told(await by_template.workload(asked), without or "budget", language)
    try:
        async with asyncio.timeout(max(turn.spent.left_s, 0.001)):
            found = await drafts.workload(asked)
    except TimeoutError:
        return _told(await by_template.workload(asked), "timeout", language)
    for reply in found.replies:
        turn.spent.take(reply)
    return found


def kept_of(base: Base, found: Drafted, words: str) -> dict[str, Json]:
    """A draft as the state keeps it: what it filled in, and what is told about it."""
    before, after = workload_form(base.workload), workload_form(found.workload)
    filled: dict[str, Json] = {key: after[key] for key in JUDGED if key in after and after[key] != before.get(key)}
    return {
        "words": words, "target": str(base.target.id), "name": base.workload.name, "filled": filled,
        "source": found.source.value, "why": found.why[:MAX_TEXT], "reasoning": found.reasoning[:MAX_TEXT],
        "examples": list(found.examples), "confidence": found.confidence, "counted": found.counted,
    }  # fmt: skip


async def file_with(kept: Mapping[str, Json], arguments: Mapping[str, Json], turn: Turn) -> dict[str, Json] | None:
    """The arguments of plan_create with what a draft filled in; None where it filled in nothing."""
    filled = kept.get("filled")
    base = await base_of(arguments, turn) if isinstance(filled, dict) and filled else None
    if base is None or not isinstance(filled, dict):
        return None
    whole = workload_from({**workload_form(base.workload), **{key: filled[key] for key in JUDGED if key in filled}})
    return {"file": workload_yaml(whole), "target": str(base.target.id)}


def request_of(words: str) -> str:
    """What was asked for as the plan keeps it. `words` are free of secrets already."""
    return confided(words)[:MAX_REQUEST]


def behind_of(kept: Mapping[str, Json], words: str, arguments: Mapping[str, Json]) -> Behind:
    """What goes with the file of a draft: the person's words, and who filled in the rest. No more than was kept."""
    source = str(kept.get("source", ""))
    examples = kept.get("examples")
    origin = DraftOrigin(
        workload=str(kept.get("name", "")), source=source if source in _SOURCES else Source.TEMPLATE.value,
        confidence=_rate(kept.get("counted")), corrected=_rate(kept.get("confidence")),
        examples=tuple(str(item) for item in examples) if isinstance(examples, list) else (),
    )  # fmt: skip
    in_words = arguments.get("words") == words and MASK not in words
    return Behind(words=request_of(words), drafts=(origin,), in_words=in_words)


def _rate(value: Json) -> float:
    return min(1.0, max(0.0, float(value))) if isinstance(value, int | float) else 0.0


async def _asked(base: Base, words: str, language: str, turn: Turn) -> WorkloadAsked:
    name = resource_id(base.target.id, "workload", base.workload.name)
    record = await turn.services.ledger.get(WorkloadRecord, name)
    return WorkloadAsked(
        words=words, base=base.workload, target=base.target, language=language,
        current=record.workload if record is not None else None, said=said_in(Wanted.model_validate({"words": words})),
        person=turn.caller.actor.human,
    )  # fmt: skip


def _told(found: Drafted, reason: str, language: str) -> Drafted:
    return replace(found, why=say(language, "by_template", why=why_fallback(language, reason)))
