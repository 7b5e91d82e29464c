"""Right-sizing beside other answers: one sentence where they are about one workload."""

from opstwin.control.sizing_words import sizing_text
from opstwin.domain.resource import Desired
from opstwin.tools.registry import Caller
from opstwin.tools.remembering import predictor_of, tenant_of
from opstwin.tools.services import Services


async def with_sizing(
    services: Services, caller: Caller, summary: str, about: tuple[str | None, str | None], language: str = "en"
) -> str:
    """The summary, and what the workload should request by its own use, or that this cannot be told.

    `about` is the subject and its target. As it was for what is no deployed workload, or no resource of one, or was
    deployed by another organisation than the caller's.
    """
    subject, target = about
    if subject is None or services.memory is None:
        return summary
    name = await _workload_of(services, subject)
    predictor, tenant = predictor_of(services), tenant_of(services, caller)
    newest = await predictor.newest(name, target, tenant)
    if newest is None or not newest.replicas:
        return summary
    advice = await predictor.advice(name, newest.target_cluster, tenant)
    return f"{summary}\n{sizing_text(name, advice, language)}"


async def _workload_of(services: Services, subject: str) -> str:
    wanted = await services.ledger.get(Desired, subject) if subject.count("/") >= 2 else None
    return wanted.workload or subject if wanted is not None else subject
