"""What is right about manifests, slot by slot, measured against what a service truly needs. Pure.

| slot | right when |
| --- | --- |
| memory | the limit is from the peak up to twice the peak |
| cpu | no limit, or one that the 95th percentile fits under |
| port | the container listens on it, and a Service leads there |
| probe | readiness asks what the service answers: its port, or a page that it has |

A probe for a page that nobody has keeps a healthy service from ever being ready, and a limit below the peak kills it:
then a draft does not *hold*, and with too much memory it holds and is not right. `page` says more and decides nothing:
whether readiness asks for the service's own page.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opstwin.evals.shots.scenarios import Truth
from opstwin.knowledge.cases import MI
from opstwin.manifests.forms import Manifest
from opstwin.manifests.quantities import amount_of

MOST_MEMORY: Final = 2.0
"""Times the peak beyond which memory is wasted (the bound of the scenarios about running out of memory)."""

_RUNNERS: Final = ("Deployment", "StatefulSet", "Job")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """The slots that a service has, and whether each is right; `holds` when it would run and go on running."""

    right: Mapping[str, bool]
    holds: bool
    page: bool | None

    @property
    def all_right(self) -> bool:
        """Whether every slot is."""
        return all(self.right.values())


def slots_of(manifests: Sequence[Manifest], truth: Truth) -> Slots:
    """What manifests are worth for a service that needs `truth`. Without a container in them nothing is right."""
    container = next(_containers(manifests), None) or {}
    limits = container.get("resources", {}).get("limits", {})
    memory = _amount(limits.get("memory"))
    cpu = _amount(limits.get("cpu"))
    peak = truth.memory_mib * MI
    right = {
        "memory": memory is not None and peak <= memory <= MOST_MEMORY * peak,
        "cpu": bool(container) and (cpu is None or cpu * 1000 >= truth.cpu_millicores),
    }
    if truth.port:
        right["port"] = truth.port in _listens(container).values() and truth.port in set(_served(manifests, container))
    probe = container.get("readinessProbe", {})
    if probe:
        right["probe"] = _answers(probe, container, truth)
    enough = bool(container) and (memory is None or memory >= peak)
    rest = all(value for name, value in right.items() if name != "memory")
    asked = probe.get("httpGet", {}).get("path")
    return Slots(right=right, holds=enough and rest, page=asked == truth.page if truth.page else None)


def _containers(manifests: Sequence[Manifest]) -> Iterator[dict[str, Any]]:
    for item in manifests:
        if item.kind in _RUNNERS:
            document: dict[str, Any] = dict(item.document)
            yield from document["spec"]["template"]["spec"]["containers"]


def _amount(text: object) -> float | None:
    found = None if text is None else amount_of(str(text))
    return None if found is None else float(found)


def _listens(container: Mapping[str, Any]) -> dict[str, int]:
    return {str(port.get("name", "")): int(port["containerPort"]) for port in container.get("ports", ())}


def _served(manifests: Sequence[Manifest], container: Mapping[str, Any]) -> Iterator[int]:
    """The ports of the container that Services lead to."""
    for item in manifests:
        document: dict[str, Any] = dict(item.document)
        for port in document["spec"].get("ports", ()) if item.kind == "Service" else ():
            yield _number(port.get("targetPort", port["port"]), container)


def _number(port: object, container: Mapping[str, Any]) -> int:
    return port if isinstance(port, int) else _listens(container).get(str(port), 0)


def _answers(probe: Mapping[str, Any], container: Mapping[str, Any], truth: Truth) -> bool:
    """Whether a healthy service passes; a command inside the container is the image's own and does."""
    if "exec" in probe:
        return True
    request = probe.get("httpGet") or probe.get("tcpSocket") or {}
    return _number(request.get("port"), container) == truth.port and request.get("path", truth.page) == truth.page
