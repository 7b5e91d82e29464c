"""Right-sizing beside other answers: one sentence where they are about one workload."""

from opstwin.control.sizing_words import sizing_text
from opstwin.domain.deployment import Deployment
from opstwin.domain.resource import Desired
from opstwin.tools.remembering import predictor_of
from opstwin.tools.services import Services
from opstwin.twin.store import Query


async def with_sizing(
    services: Services, summary: str, subject: str | None, target: str | None = None, language: str = "en"
) -> str:
    """The summary, and what the workload should request by its own use, or that this cannot be told.

    As it was for what is no deployed workload, or no resource of one.
    """
    if subject is None or services.memory is None:
        return summary
    name = await _workload_of(services, subject)
    where: dict[str, str | bool | None] = {"service_name": name, **({"target_cluster": target} if target else {})}
    past = (await services.ledger.store.find(Query(Deployment, where, limit=1, newest_first=True))).items
    if not past or not past[0].replicas:
        return summary
    advice = await predictor_of(services).advice(name, target or past[0].target_cluster)
    return f"{summary}\n{sizing_text(name, advice, language)}"


async def _workload_of(services: Services, subject: str) -> str:
    wanted = await services.ledger.get(Desired, subject) if subject.count("/") >= 2 else None
    return wanted.workload or subject if wanted is not None else subject
