"""What a deployment is given without a model: the limits that the records of the same image say it needs."""

from collections.abc import Sequence
from dataclasses import replace

from opstwin.agent.deploying import Base
from opstwin.agent.drafting.briefs import Drafted, Source
from opstwin.agent.drafting.service import Drafting
from opstwin.agent.drafting.wording import cited_text
from opstwin.agent.turn import Turn
from opstwin.agent.wording import say
from opstwin.control.similar import lesson, sought_of
from opstwin.domain.example import Example
from opstwin.domain.workload import Resources
from opstwin.manifests.generating.info import info_of_workload
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.generating.resources import related, sizes_of


async def learned(base: Base, found: Drafted, words: str, language: str, turn: Turn) -> Drafted:
    """A template's draft with the memory limit, and the CPU limit, that the records of the same image say it needs.

    What was said stays. Examples that ship with the product are no records, and size nothing.
    """
    memory, said = turn.services.memory, base.workload.resources
    if found.source is not Source.TEMPLATE or memory is None or found.workload.resources != said:
        return found
    info = info_of_workload(base.workload)
    drafts = turn.services.drafts
    most = drafts.most if isinstance(drafts, Drafting) else 0
    similar = await memory.similar(
        sought_of(info, base.target.id), words=words, tenant=memory.tenant_of(turn.caller.actor.human), k=most
    )
    records = {item.id: item for item in similar if not item.curated}
    past = tuple(lesson(item, service=item.service, image=item.image) for item in records.values())
    options = GenerateOptions(profile=None, history=past)
    used = [records[item.id] for item in related(info, options)]
    limits = _limits(said, sizes_of(info, options, None).memory_limit, used)
    if limits == said:
        return found
    return replace(
        found, workload=replace(found.workload, resources=limits), examples=tuple(item.id for item in used),
        reasoning=f"{say(language, 'from_records')}\n{cited_text(used, language)}",
    )  # fmt: skip


def _limits(said: Resources, memory: float | None, used: Sequence[Example]) -> Resources:
    held = (item.cpu_limit for item in used if item.success and item.cpu_limit)
    return Resources(
        cpu_millicores=said.cpu_millicores or next(held, None),
        memory_bytes=said.memory_bytes or (round(memory) if memory else None),
    )
