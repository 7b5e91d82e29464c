"""What a person means when they ask for something like a name: what is known of it, and its words."""

from opstwin.control.ledger import Ledger
from opstwin.control.subjects import resources_of
from opstwin.domain.deployment import Deployment, image_parts, purpose_of
from opstwin.domain.resource import Observed
from opstwin.domain.similarity import Sought
from opstwin.twin.store import Query


async def meant_by(ledger: Ledger, name: str, target: str | None = None) -> tuple[Sought, str]:
    """What is looked for, and the words for it: by the newest deployment of that name, else by what runs under it.

    Raises `NotFound` when there is neither.
    """
    where: dict[str, str | bool | None] = {"service_name": name, **({"target_cluster": target} if target else {})}
    page = await ledger.store.find(Query(Deployment, where, limit=1, newest_first=True))
    if page.items:
        past = page.items[0]
        sought = Sought(
            image=past.image_name, target=past.target_cluster, purpose=past.service_type, language=past.language
        )
        return sought, past.service_name
    found = [await ledger.get(Observed, item) for item in await resources_of(ledger, name, target)]
    return next((_of(item) for item in found if item is not None and item.spec), (Sought(image=""), name))


def _of(seen: Observed) -> tuple[Sought, str]:
    spec = seen.spec or {}
    image, labels = str(spec.get("image") or ""), spec.get("labels")
    said = labels if isinstance(labels, dict) else {}
    sought = Sought(
        image=image_parts(image)[0], target=seen.target, language=str(said.get("language", "")),
        purpose=str(said.get("service-type", "")) or purpose_of(image),
    )  # fmt: skip
    return sought, seen.name
