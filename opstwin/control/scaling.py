"""Scaling by use, as it was asked for on a workload that is there. Pure."""

from collections.abc import Iterator

from opstwin.control.wording import worded
from opstwin.domain.ask import Action, Ask, Scaling
from opstwin.domain.workload import Workload


def with_scaling(current: Workload, ask: Ask) -> dict[str, object]:
    """The fields that change; once scaling is stopped, there are never fewer replicas than there were at least.

    Raises `InvalidInput` for bounds that do not go with those that are there.
    """
    if ask.action is Action.AUTOSCALE:
        return {"autoscale": (ask.scaling or Scaling()).over(current.autoscale)}
    if ask.action is not Action.STOP_AUTOSCALE or current.autoscale is None:
        return {}
    return {"autoscale": None, "replicas": max(current.replicas, current.autoscale.minimum or 1)}


def scaling_notes(current: Workload, ask: Ask) -> Iterator[str]:
    """What to know when the number of replicas of a workload that scales by its use is asked for."""
    if current.autoscale is None:
        return
    if ask.action is Action.STOP_AUTOSCALE:
        replicas = with_scaling(current, ask)["replicas"]
        yield worded("fixed_number", ask.language, name=current.name, replicas=replicas)
    if ask.action is Action.SCALE:
        yield worded("scales_itself", ask.language, name=current.name)
