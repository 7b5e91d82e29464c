"""From a workload to its manifests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from opstwin.domain.names import checked_name
from opstwin.domain.values import Json
from opstwin.domain.workload import RestartPolicy, Workload
from opstwin.errors import InvalidInput
from opstwin.manifests.forms import Manifest, ordered
from opstwin.manifests.generating.controllers import controller
from opstwin.manifests.generating.environment import environment_of
from opstwin.manifests.generating.images import Known, known_image, tag
from opstwin.manifests.generating.info import ContainerInfo, info_of_workload
from opstwin.manifests.generating.kinds import kind_of
from opstwin.manifests.generating.naming import check_name, labels_of, selector_of
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.generating.parts import Parts
from opstwin.manifests.generating.pods import ENDING
from opstwin.manifests.generating.reasoning import cited_by, reasoning_of
from opstwin.manifests.generating.resources import resources_of
from opstwin.manifests.generating.results import Generated, Level, Notes
from opstwin.manifests.generating.scaling import scales
from opstwin.manifests.generating.security import writes_of
from opstwin.manifests.generating.sharing import by_many, for_many, in_order, used_by_several
from opstwin.manifests.generating.storage import storage_of
from opstwin.manifests.generating.surroundings import after, before
from opstwin.manifests.served import NEWEST, Served, served_by

PLAIN: Final = GenerateOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What shall run where. `options_of` holds what is asked for single workloads, by name, instead of `options`."""

    containers: tuple[ContainerInfo, ...]
    namespace: str = "default"
    served: Served = field(default_factory=lambda: served_by(NEWEST))
    options: GenerateOptions = PLAIN
    options_of: Mapping[str, GenerateOptions] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked_name(self.namespace, "namespace")
        names = [info.name for info in self.containers]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InvalidInput(
                f"Two containers are called {twice}.", field="name", next_step="Give each a name of its own."
            )


def generated(request: Request) -> Generated:
    """The manifests of every container of the request, in the order in which they are applied, each explained.

    Raises `InvalidInput` naming the field for what is wrong, and for kinds that the cluster does not serve. What it can
    serve and Kubernetes cannot do stands in `findings`, and is never left out without a word.
    """
    shared = used_by_several(request.containers)
    made = [_one(info, request, shared) for info in request.containers]
    return replace(
        made[0] if len(made) == 1 else _together(made),
        manifests=tuple(in_order(manifest for part in made for manifest in part.manifests)),
    )


def manifests_of(
    workload: Workload, *, namespace: str, served: Served, options: GenerateOptions = PLAIN
) -> tuple[Manifest, ...]:
    """The manifests of one workload, in the order in which they are applied.

    Raises `InvalidInput` with the field for the first thing that the workload says and the manifests would not do.
    """
    info = info_of_workload(workload)
    result = generated(Request(containers=(info,), namespace=namespace, served=served, options=options))
    for finding in result.unsupported:
        raise InvalidInput(finding.text, field=finding.field, next_step=finding.next_step)
    return result.manifests


def _one(info: ContainerInfo, request: Request, shared: frozenset[str]) -> Generated:
    notes = Notes(info.name)
    parts = _parts(info, request, shared, notes)
    _look_at_the_rest(parts.info, request, notes)
    first = [_written(document, own) for document, own in before(parts, notes)]
    run = _written(controller(parts, notes), notes)
    last = [_written(document, own) for document, own in after(parts, notes)]
    manifests = (*first, run, *last)
    english, korean = reasoning_of(parts, manifests)
    return Generated(
        manifests=manifests, findings=tuple(notes.findings), secrets=parts.environment.needs(), reasoning=english,
        reasoning_ko=korean, cited=cited_by(parts),
    )  # fmt: skip


def _parts(info: ContainerInfo, request: Request, shared: frozenset[str], notes: Notes) -> Parts:
    known, options = known_image(info.image), request.options_of.get(info.name, request.options)
    options = replace(options, autoscale=info.autoscale or options.autoscale)
    kind = kind_of(info, options, known, notes)
    info = _listening(info, kind, options, known)
    check_name(info.name, kind, listens=kind not in ENDING and bool(info.ports or info.udp_ports))
    labels, annotations = labels_of(info, options, notes)
    storage = storage_of(info, options, known, writes_of(info, options, known), notes)
    storage = for_many(storage, kind, by_many(info, kind, options, shared), notes)
    requests = resources_of(info, options, known, Notes(info.name)).get("requests")
    wanted = scales(info, options, request.served, kind, {*requests} if isinstance(requests, dict) else set(), notes)
    return Parts(
        info=info, namespace=request.namespace, served=request.served, options=options, known=known, kind=kind,
        labels=labels, annotations=annotations, selector=selector_of(info), storage=storage, autoscale=wanted,
        environment=environment_of(info, known, notes),
    )  # fmt: skip


def _listening(info: ContainerInfo, kind: str, options: GenerateOptions, known: Known | None) -> ContainerInfo:
    """On a container engine every port of a network's members can be reached; a Service needs to know which."""
    if info.ports or info.udp_ports or kind in ENDING:
        return info
    own = (known.port,) if known is not None and known.port is not None else ()
    return replace(info, ports=options.image_ports or own)


def _look_at_the_rest(info: ContainerInfo, request: Request, notes: Notes) -> None:
    """What no part of a manifest is made from."""
    silent = not (info.ports or info.udp_ports or info.restart is RestartPolicy.NEVER)
    for needy in (item.name for item in request.containers if silent and info.name in item.needs):
        notes.find("unreachable", Level.LOST, "ports", other=needy)
    for other in info.needs:
        notes.find("needs", Level.DIFFERS, "needs", other=other)
    for old, new in sorted(info.renamed.items()):
        notes.find("renamed", Level.DIFFERS, "name", old=old[:80], new=new)
    for word in info.not_in_spec:
        notes.find("engine_setting", Level.LOST, word, word=word)
    if info.image.startswith("sha256:"):
        notes.find("image_id", Level.LOST, "image", image=f"{info.image[:19]}…")
    elif "@" not in info.image and tag(info.image) in ("", "latest"):
        notes.find("unpinned", Level.ADVICE, "image", image=info.image)


def _written(document: dict[str, Json], notes: Notes) -> Manifest:
    return Manifest(document=ordered(document), decisions=tuple(notes.decisions))


def _together(made: Sequence[Generated]) -> Generated:
    findings = tuple(dict.fromkeys(finding for part in made for finding in part.findings))
    return Generated(
        manifests=(),
        findings=findings,
        secrets=tuple(need for part in made for need in part.secrets),
        reasoning="\n".join(part.reasoning for part in made),
        reasoning_ko="\n".join(part.reasoning_ko for part in made),
        cited=tuple(dict.fromkeys(id for part in made for id in part.cited)),
    )
