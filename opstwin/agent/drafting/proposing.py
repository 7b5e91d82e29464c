"""From a model's answer to a Workload: only what is open is filled in, and what the person said stays as it was."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from opstwin.agent.drafting.answers import Answer, Probe
from opstwin.agent.drafting.briefs import DraftBrief
from opstwin.domain.workload import Autoscale, HealthCheck, Resources, RestartPolicy, Workload
from opstwin.errors import InvalidInput
from opstwin.manifests.generating.amounts import cpu_of, memory_of
from opstwin.manifests.generating.images import known_image
from opstwin.manifests.generating.options import RunAs

FIELDS: Final = ("memory", "cpu", "replicas", "probe", "autoscale")
"""What can be open at all."""


def open_fields(brief: DraftBrief) -> tuple[str, ...]:
    """What a model may fill in: what nobody said and nothing that runs has, in the order of `FIELDS`.

    Probes and autoscaling are for clusters alone: an engine would run a probe inside the container, where its program
    may not be. The number of replicas is open only where more of them take nothing from anybody.
    """
    base, open_ = brief.base, set[str]()
    if base.resources.memory_bytes is None:
        open_.add("memory")
    if base.resources.cpu_millicores is None:
        open_.add("cpu")
    if _may_have_more(brief):
        open_.add("replicas")
    if brief.served is not None and base.health is None and _inner_ports(base) and not _is_probed(base.image):
        open_.add("probe")
    if brief.served is not None and "replicas" in open_:
        open_.add("autoscale")
    return tuple(name for name in FIELDS if name in open_ - brief.said - _ending(brief))


def proposed(brief: DraftBrief, answer: Answer) -> Workload:
    """The base with what the answer fills in.

    Raises `InvalidInput` naming the field for an answer about another workload, for a field that is not open, for an
    example that was not shown and for values that cannot be.
    """
    for fault in _faults(brief, answer):
        raise fault
    base = brief.base
    cpu = base.resources.cpu_millicores if answer.cpu is None else round(cpu_of(answer.cpu, "cpu"))
    memory = base.resources.memory_bytes if answer.memory is None else round(memory_of(answer.memory, "memory"))
    scale = answer.autoscale
    return replace(
        base,
        resources=Resources(cpu_millicores=cpu, memory_bytes=memory),
        replicas=answer.replicas or base.replicas,
        health=base.health if answer.probe is None else _check(answer.probe),
        autoscale=base.autoscale
        if scale is None
        else Autoscale(minimum=scale.minimum, maximum=scale.maximum, cpu_percent=scale.cpu_percent),
    )


def _faults(brief: DraftBrief, answer: Answer) -> Iterator[InvalidInput]:
    if answer.workload != brief.base.name:
        yield _fault("workload", f"workload must be {brief.base.name}.")
    open_ = open_fields(brief)
    for name in FIELDS:
        if name not in open_ and getattr(answer, name) is not None:
            yield _fault(name, f"{name} is not open: it must be null.")
    known = {item.id for item in brief.examples}
    if not known.issuperset(answer.examples):
        yield _fault("examples", f"examples may only hold ids that were shown: {', '.join(sorted(known)) or 'none'}.")
    ports = _inner_ports(brief.base)
    if answer.probe is not None and answer.probe.port not in ports:
        yield _fault("probe.port", f"probe.port must be one of {', '.join(map(str, ports))}.")


def _ending(brief: DraftBrief) -> set[str]:
    """What means nothing for a task that ends by itself."""
    options = brief.options
    ends = brief.base.restart is RestartPolicy.NEVER or options.run_as is RunAs.JOB or options.schedule is not None
    return {"replicas", "probe", "autoscale"} if ends else set()


def _may_have_more(brief: DraftBrief) -> bool:
    """Whether replicas can be added: not to what runs already, keeps data, or holds ports of a machine."""
    base = brief.base
    alone = base.replicas == 1 and base.autoscale is None and brief.options.autoscale is None and not base.volumes
    taken = brief.served is None and any(port.host is not None for port in base.ports)
    return alone and brief.current is None and not taken


def _inner_ports(workload: Workload) -> tuple[int, ...]:
    return tuple(dict.fromkeys(port.container or port.host or 0 for port in workload.ports if port.protocol == "tcp"))


def _is_probed(image: str) -> bool:
    """Whether the generator knows a better check of this image than a request for a page."""
    known = known_image(image)
    return known is not None and bool(known.probe)


def _check(probe: Probe) -> HealthCheck:
    """In the form that the generator turns into a request of the kubelet; nothing of it is a program's argument."""
    return HealthCheck(command=("wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{probe.port}{probe.path}"))


def _fault(field: str, message: str) -> InvalidInput:
    return InvalidInput(message, field=field, next_step="Answer once more.")
