"""Dependency order, with cycles refused by name."""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from opstwin.errors import InvalidInput


def in_order(needs: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The keys so that each comes after everything it needs; ties are broken by name, so one input has one order.

    A need that is no key itself counts as already there. A cycle raises `InvalidInput` naming its members in turn.
    """
    known = {key: {need for need in wanted if need in needs} for key, wanted in needs.items()}
    sorter = TopologicalSorter(known)
    try:
        sorter.prepare()
    except CycleError as error:
        names = list(reversed(error.args[1]))
        raise InvalidInput(
            f"These need each other in a circle: {' → '.join(names)}.",
            field="needs",
            next_step="Remove one of the needs.",
            details={"cycle": names},
        ) from error
    ordered: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        ordered += ready
        sorter.done(*ready)
    return tuple(ordered)
