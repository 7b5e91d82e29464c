"""Compose files: the common subset of the Compose specification as Workloads; anything else is a clear error.

Where Opstwin differs from Docker Compose, on purpose: names join with a dash (`shop-data`, because underscores are in
no DNS name), an unset `${VAR}` without a default is an error, and nothing is read from the environment. The text of
files that `env_file` names comes along in `x-env-files`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from opstwin.domain.names import checked_name
from opstwin.domain.ordering import in_order
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput
from opstwin.intent import compose_advice as advice
from opstwin.intent.compose_env_files import TEXTS, texts_of
from opstwin.intent.compose_service import Surroundings, read_service
from opstwin.intent.compose_unsupported import refuse_together
from opstwin.intent.compose_variables import Interpolation
from opstwin.intent.spots import Spot
from opstwin.manifests.nodes import MapNode, Node, fault
from opstwin.manifests.yaml_loading import load_documents

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


def read_compose(text: str, *, project: str = "", variables: Mapping[str, str] = _NONE) -> tuple[Workload, ...]:
    """The services of a Compose file as Workloads, in the order of the file.

    `project` names what is not named in the file (the default network is `<project>-default`); when empty, the file's
    own `name:` is used. `variables` fills `${NAME}`; there are no others. Raises `InvalidInput` with path and line.
    """
    documents = load_documents(text)
    if len(documents) != 1:
        raise InvalidInput("A Compose file is one YAML document.", next_step="Write services: in one document.")
    return compose_of(documents[0], project=project, variables=variables)


def compose_of(
    document: Node, *, project: str, variables: Mapping[str, str], for_cluster: bool = False
) -> tuple[Workload, ...]:
    """`read_compose` for a document that is loaded already.

    With `for_cluster` all replicas of a service may stand behind one port, and what only pods have may be said.
    """
    if not isinstance(document, MapNode):
        raise fault("A Compose file is a mapping.", place=document.place, next_step="Begin with services:.")
    files = texts_of(document)
    refuse_together(Spot(document, (), document.place), for_cluster=for_cluster)
    node = Interpolation(variables).applied(_without_files(document))
    top = Spot(node, (), node.place).only(advice.TOP_KEYS, advice.TOP)
    services = top["services"].entries() if "services" in top else {}
    if not services:
        raise fault("The Compose file has no services.", place=node.place, next_step="Add services: with one service.")
    prefix = _project(project, top.get("name"))
    around = Surroundings(
        networks={"default": f"{prefix}-default", **_named(top.get("networks"), prefix, "bridge", advice.NETWORK)},
        volumes=_named(top.get("volumes"), prefix, "local", advice.VOLUME),
        variables=variables,
        services=tuple(services),
        project=prefix,
        env_files=files,
        for_cluster=for_cluster,
    )
    workloads = tuple(read_service(spot, around) for spot in services.values())
    top["services"].checked(lambda: in_order({item.name: item.needs for item in workloads}))
    return workloads


def _without_files(document: MapNode) -> MapNode:
    """The document without the files that came with it: no variable is filled in there."""
    items = {key: item for key, item in document.items.items() if key != TEXTS}
    return MapNode(items, document.keys, document.place, document.size, document.height)


def _project(project: str, name: Spot | None) -> str:
    if project or name is None:
        if not project:
            raise InvalidInput(
                "The Compose project has no name.",
                field="name",
                next_step="Add name: to the file, such as name: shop, or give the name as project.",
            )
        return checked_name(project, "project")
    return name.checked(lambda: checked_name(name.text(), "name"))


def _named(spot: Spot | None, prefix: str, driver: str, hints: Mapping[str, str]) -> dict[str, str]:
    """The real names of the networks or volumes that the file declares, by key."""
    found: dict[str, str] = {}
    for key, item in (spot.entries() if spot is not None else {}).items():
        members = item.only(("name", "driver", "external"), hints)
        if "external" in members and members["external"].raw() != "false":
            raise members["external"].fault("is not supported", hints["external"])
        if "driver" in members:
            members["driver"].one_of((driver,), f"Use {driver}, or leave it out.")
        found[key] = _real_name(item, members.get("name"), prefix)
    return found


def _real_name(spot: Spot, name: Spot | None, prefix: str) -> str:
    wanted = f"{prefix}-{spot.path[-1]}" if name is None else name.text()
    return (name or spot).checked(lambda: checked_name(wanted, "name"))
