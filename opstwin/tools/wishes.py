"""What may be asked of generated manifests beside what shall run."""

from typing import Annotated, Literal

from pydantic import Field

from opstwin.domain.workload import Autoscale
from opstwin.manifests.generating.options import GenerateOptions, Route, RunAs
from opstwin.tools.registry import Ask


class Wishes(Ask):
    """How it shall run on Kubernetes; what is not said is decided by what is known.

    `kubernetes` is a version such as `1.29`, for manifests without a target. `profile` is what is requested where
    nothing is known. `autoscale` is `2-5`, or `5` for the most. `host` makes an Ingress, `schedule` (cron) a CronJob.
    """

    namespace: Annotated[str | None, Field(max_length=63, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")] = None
    kubernetes: Annotated[str | None, Field(max_length=16, pattern=r"^v?1\.[0-9]{1,3}(\.[0-9]{1,3})?$")] = None
    profile: Literal["S", "M", "L"] | None = None
    autoscale: Annotated[
        str | None, Field(max_length=9, pattern=r"^[1-9][0-9]{0,3}(-[1-9][0-9]{0,3})?$", examples=["2-5"])
    ] = None
    network_policy: bool = False
    host: Annotated[str | None, Field(max_length=253, pattern=r"^[a-z0-9*][a-z0-9.-]*$")] = None
    run_as: RunAs | None = None
    schedule: Annotated[str | None, Field(max_length=100, pattern=r"^[\x20-\x7e]+$")] = None


def options_of(wishes: Wishes, *, with_secret: bool) -> GenerateOptions:
    """The wishes as the generator takes them. Raises `InvalidInput` naming the field for what cannot be."""
    return GenerateOptions(
        run_as=wishes.run_as or RunAs.AUTO,
        schedule=wishes.schedule,
        profile=wishes.profile or "S",
        autoscale=_autoscale(wishes.autoscale),
        route=Route(host=wishes.host) if wishes.host else None,
        network_policy=wishes.network_policy,
        with_secret=with_secret,
    )


def _autoscale(said: str | None) -> Autoscale | None:
    if said is None:
        return None
    least, _, most = said.rpartition("-")
    return Autoscale(minimum=int(least) if least else None, maximum=int(most))
