"""In which order changes are made: who needs whom, one replica at a time, ports freed before they are taken. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

from opstwin.control.building import uses
from opstwin.control.cluster_order import cluster_edges
from opstwin.control.port_claims import Held, claims
from opstwin.domain.kinds import CONTAINER
from opstwin.domain.ordering import in_order
from opstwin.domain.plan import Change, Op
from opstwin.domain.values import ResourceId
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput

Edges = Mapping[ResourceId, set[ResourceId]]

_RANK: Final = {Op.CREATE: 0, Op.UPDATE: 1, Op.REPLACE: 1, Op.RESTART: 1, Op.DELETE: 2}
"""New replicas first, so that a bad one shows before a good one is touched; then those that run; then those that go."""


def sequenced(
    changes: Sequence[Change], before: Mapping[str, Workload], after: Mapping[str, Workload]
) -> tuple[Change, ...]:
    """`changes` with `needs` set. `before` and `after` are the target's Workloads, for what they need.

    Changes to running replicas of one workload form a chain; new replicas are made side by side. Raises `InvalidInput`
    when ports would have to change places.
    """
    by_workload: dict[str | None, list[Change]] = defaultdict(list)
    for change in changes:
        if change.kind == CONTAINER:
            by_workload[change.workload].append(change)
    ports = _port_edges(list(chain.from_iterable(by_workload.values())))
    edges: dict[ResourceId, set[ResourceId]] = defaultdict(set)
    for change in changes:
        edges[change.resource] |= set(change.needs) | ports[change.resource]
    for members in by_workload.values():
        _roll(members, ports, edges)
    _after_what_they_need(by_workload, before, after, edges)
    _stores_around_containers(changes, edges)
    for resource, needed in cluster_edges(changes).items():
        edges[resource] |= needed
    here = {change.resource for change in changes}
    return tuple(
        replace(change, needs=tuple(sorted((edges[change.resource] & here) - {change.resource}))) for change in changes
    )


def _roll(members: Sequence[Change], ports: Edges, edges: dict[ResourceId, set[ResourceId]]) -> None:
    if members[0].workload is None:
        return
    made: list[ResourceId] = []
    last: ResourceId | None = None
    for change in _in_turn(members, ports):
        if change.op is not Op.CREATE:
            edges[change.resource] |= {last} if last is not None else set(made)
        if change.op is Op.CREATE:
            made.append(change.resource)
        elif change.op is not Op.DELETE:
            last = change.resource


def _in_turn(members: Sequence[Change], ports: Edges) -> list[Change]:
    keys = {change.resource: f"{_RANK[change.op]}{_natural(change.name)}" for change in members}
    by_key = {keys[change.resource]: change for change in members}
    needs = {key: [keys[item] for item in ports[change.resource] if item in keys] for key, change in by_key.items()}
    try:
        return [by_key[key] for key in in_order(needs)]
    except InvalidInput as circle:
        raise InvalidInput(
            f"Replicas of {members[0].workload} would have to exchange ports.",
            field="ports",
            next_step="Move to free ports first, then to the ones you want.",
        ) from circle


def _natural(name: str) -> str:
    """`web-10` after `web-9`."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(8), name)


def _port_edges(changes: Sequence[Change]) -> dict[ResourceId, set[ResourceId]]:
    """For each change, the others that must free a port first."""
    held = Held([(change.resource, change.before) for change in changes])
    edges: dict[ResourceId, set[ResourceId]] = defaultdict(set)
    for change in changes:
        own = set(claims(change.before))
        for claim in claims(change.after):
            if claim not in own:
                edges[change.resource] |= set(held.holders(claim)) - {change.resource}
    return edges


def _after_what_they_need(
    by_workload: Mapping[str | None, Sequence[Change]],
    before: Mapping[str, Workload],
    after: Mapping[str, Workload],
    edges: dict[ResourceId, set[ResourceId]],
) -> None:
    """Workloads come up after those they need, and leave before them."""
    for name, members in by_workload.items():
        for change in members:
            if name is not None and name in after and change.op is not Op.DELETE:
                needed = chain.from_iterable(by_workload.get(need, ()) for need in after[name].needs)
                edges[change.resource] |= {item.resource for item in needed if item.op is not Op.DELETE}
            elif name not in after:
                edges[change.resource] |= {item.resource for item in _dependents(name, by_workload, before)}


def _dependents(
    name: str | None, by_workload: Mapping[str | None, Sequence[Change]], before: Mapping[str, Workload]
) -> Iterable[Change]:
    names = [other for other, workload in before.items() if name in workload.needs]
    return chain.from_iterable(by_workload.get(other, ()) for other in names)


def _stores_around_containers(changes: Sequence[Change], edges: dict[ResourceId, set[ResourceId]]) -> None:
    """Volumes and networks are there before the containers that use them, and go after those that used them."""
    stores = {(change.kind, change.name): change for change in changes if change.kind != CONTAINER}
    for change in changes:
        if change.kind != CONTAINER:
            continue
        for key in uses(change.after):
            if key in stores and stores[key].op is not Op.DELETE:
                edges[change.resource].add(stores[key].resource)
        for key in uses(change.before):
            if key in stores and stores[key].op is Op.DELETE:
                edges[stores[key].resource].add(change.resource)
