"""All keys of a Compose file that are not supported, told at once: nobody should have to try again for each."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from opstwin.errors import InvalidInput
from opstwin.intent import compose_advice as advice
from opstwin.intent.spots import Spot

MOST_TOLD: Final = 30
"""Keys that a message names; all of them stand in the details."""

_PLACE_KEYS: Final = ("name", "driver", "external")
_LIMIT_KEYS: Final = ("cpus", "memory")


def refuse_together(top: Spot, *, for_cluster: bool = False) -> None:
    """Raise `InvalidInput` for two or more such keys; `unsupported` of its details has each with line and next step.

    One alone, and keys inside of lists, are refused where they are read.
    """
    found = [*_of_file(top, for_cluster=for_cluster)]
    if len(found) < 2:
        return
    told = [
        {"field": error.field, "line": error.details.get("line"), "next_step": error.next_step} for error in found
    ]  # fmt: skip
    shown = told[:MOST_TOLD]
    names = ", ".join(f"{item['field']} (line {item['line']})" for item in shown)
    more = f" and {len(told) - len(shown)} more" if len(told) > len(shown) else ""
    raise InvalidInput(
        f"{len(told)} keys of the Compose file are not supported: {names}{more}.", field=str(told[0]["field"]),
        next_step=" · ".join(f"{item['field']}: {item['next_step']}" for item in shown),
        details={"unsupported": told, "line": told[0]["line"]},
    )  # fmt: skip


def _of_file(top: Spot, *, for_cluster: bool) -> Iterator[InvalidInput]:
    yield from _of(top, advice.TOP_KEYS, advice.TOP)
    for service in _members(_below(top, "services")):
        yield from _of(service, advice.keys_for(for_cluster=for_cluster), advice.SERVICE)
        deploy = _below(service, "deploy")
        yield from _of(deploy, advice.DEPLOY_KEYS, advice.DEPLOY)
        resources = _below(deploy, "resources")
        yield from _of(resources, advice.resource_keys_for(for_cluster=for_cluster), advice.RESOURCES)
        yield from _of(_below(resources, "limits"), _LIMIT_KEYS, advice.LIMITS)
    for name, hints in (("networks", advice.NETWORK), ("volumes", advice.VOLUME)):
        for place in _members(_below(top, name)):
            yield from _of(place, _PLACE_KEYS, hints)


def _of(spot: Spot | None, known: Sequence[str], hints: Mapping[str, str]) -> Iterator[InvalidInput]:
    if spot is not None and not spot.is_single and not spot.is_list:
        yield from spot.beyond(known, hints)


def _members(spot: Spot | None) -> list[Spot]:
    """Those of a mapping; what is none is refused where it is read."""
    return [] if spot is None or spot.is_single or spot.is_list else [*spot.entries().values()]


def _below(spot: Spot | None, key: str) -> Spot | None:
    return next((member for member in _members(spot) if member.path[-1] == key), None)
