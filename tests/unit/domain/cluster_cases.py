"""Cases of a cluster as the twin knows it, made of facts as the driver gives them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from opstwin.domain.cluster_case import ClusterCase
from opstwin.domain.diagnosis import Clue, Verdict
from opstwin.domain.event import Event
from opstwin.domain.resource import Health, Observed, Presence
from opstwin.domain.values import Json, ResourceId, TargetId

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PROD = TargetId("prod")


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def seen(
    kind: str, name: str, health: Health = Health.NONE, *, presence: Presence = Presence.PRESENT,
    spec: dict[str, Json] | None = None, labels: dict[str, Json] | None = None, **facts: Json,
) -> Observed:  # fmt: skip
    """What was seen of one resource of namespace `shop` (nodes and namespaces stand in none)."""
    full = name if kind in ("node", "namespace") else f"shop/{name}"
    manifest: dict[str, Json] = {"metadata": {"name": name, "labels": labels or {}}, "spec": spec or {}}
    return Observed(
        id=ResourceId(f"prod/{kind}/{full}"), target=PROD, kind=kind, name=full, presence=presence, health=health,
        spec=manifest, facts=facts, observed_at=ago(seconds=5),
    )  # fmt: skip


def pod(name: str = "web-abc-1", health: Health = Health.UNHEALTHY, **facts: Any) -> Observed:
    """A pod whose container `app` asks for and may use some memory; two minutes old."""
    resources: Json = {"limits": {"memory": "32Mi"}, "requests": {"cpu": "4"}}
    spec: dict[str, Json] = {"containers": [{"name": "app", "image": "shop/app:2", "resources": resources}]}
    given = {"container": "app", "created_at": ago(minutes=2).isoformat(), "state": "pending", **facts}
    return seen("pod", name, health, spec=spec, labels={"app": "web"}, **given)


def case(kind: str = "deployment", observed: Observed | None = None, **fields: Any) -> ClusterCase:
    """The case of `web` (its Deployment where nothing else is said), of which none is ready."""
    whole = observed or seen(kind, "web", Health.UNHEALTHY, ready="0/1", state="rolling out")
    return ClusterCase(
        id=whole.id, target=PROD, kind=whole.kind, name=whole.name.rpartition("/")[2], now=NOW, observed=whole, **fields
    )


def warning(about: Observed, reason: str, message: str, seq: int = 7, **span: float) -> Event:
    """What the cluster warned of, a minute ago where nothing else is said."""
    return Event(
        seq=seq, at=ago(**(span or {"minutes": 1})), type=f"{about.kind}.warning", target=PROD, resource=about.id,
        details={"reason": reason, "message": message, "count": 3},
    )  # fmt: skip


def clue(verdict: Verdict) -> Clue:
    assert isinstance(verdict, Clue)
    return verdict


def facts(verdict: Verdict) -> dict[str, Json]:
    return {item.fact: item.value for item in clue(verdict).evidence}
