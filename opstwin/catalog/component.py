"""The port of a component: what it needs, how its presence is seen, what it should look like. Pure, no effects.

Every method is a function of its arguments: a component never connects to anything, so it is tested without
infrastructure. What it declares is carried out by plans, approvals and the applier like everything else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from opstwin.catalog.endpoint import Endpoint
from opstwin.domain.names import checked_text
from opstwin.domain.resource import Health, Observed
from opstwin.domain.values import Json
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a component is. `kind` is its part in a whole (controller, router, …), `version` the newest it knows.

    `settings` are the keys that it understands in a components file, beside those that every entry has.
    """

    name: str
    kind: str
    version: str
    summary: str = ""
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One entry of a components file, as the components of that entry see it.

    `name` is the entry's key, `id` what the real thing calls itself, `version` the version to have (never empty when
    `desired` is asked), `values` the entry's other keys.
    """

    name: str
    id: str
    endpoint: Endpoint | None = None
    version: str = ""
    values: Mapping[str, Json] = field(default_factory=dict)

    def workload(self, kind: str) -> str:
        """The name of the workload of one part: `network-router`."""
        return f"{self.name}-{kind}"

    def need_endpoint(self) -> Endpoint:
        """The endpoint; raises `InvalidInput` when the entry has none."""
        if self.endpoint is None:
            raise InvalidInput(
                f"{self.name} needs an endpoint.",
                field=f"components.{self.name}.endpoint",
                next_step="Say where it answers, or shall answer, such as endpoint: http://127.0.0.1:18080.",
            )
        return self.endpoint

    def text(self, key: str, default: str) -> str:
        """A value that must be text; raises `InvalidInput` naming it."""
        value = self.values.get(key, default)
        if not isinstance(value, str) or not value:
            raise self._wrong(key, "text")
        return checked_text(value, f"components.{self.name}.{key}", 512)

    def number(self, key: str, default: int, *, at_least: int, at_most: int) -> int:
        """A value that must be a whole number within bounds; raises `InvalidInput` naming it."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not at_least <= value <= at_most:
            raise self._wrong(key, f"a number from {at_least} to {at_most}")
        return value

    def _wrong(self, key: str, wanted: str) -> InvalidInput:
        return InvalidInput(
            f"{key} must be {wanted}.", field=f"components.{self.name}.{key}", next_step="Correct it in the file."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is known when the desired workloads are asked for.

    `owned` says that the part with the endpoint is, or with this plan becomes, a workload of ours on the same target;
    otherwise it runs elsewhere and is reached by its endpoint.
    """

    owned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What must answer at the endpoint; a thing of another kind or id is never built upon."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """How presence is seen.

    With `url`, something that answers there with a JSON object of the expected `kind` and `id` is present, and is from
    then on never changed except by an upgrade that was asked for. Without, the twin's `workload` decides alone.
    """

    workload: str
    url: str = ""
    identity: Identity | None = None
    timeout_s: float = 5.0


class Component(Protocol):
    """An entry of the catalog. Loaded by entry point; one that lacks a method is refused when it is loaded."""

    @property
    def about(self) -> About:
        """What it is."""
        ...

    def requires(self) -> tuple[str, ...]:
        """Names of the components of the same entry that must be there, and healthy, before this one."""
        ...

    def existence(self, settings: Settings) -> Probe:
        """How to see whether it is there already."""
        ...

    def desired(self, settings: Settings, context: Context) -> tuple[Workload, ...]:
        """What should run. Each workload's name is the entry's name, or begins with it and a dash."""
        ...

    def upgrade(self, from_version: str, to_version: str) -> tuple[str, ...]:
        """The versions to go through, the last being `to_version`; empty when there is nothing to do.

        Raises `InvalidInput` where no way leads, such as back.
        """
        ...

    def health(self, settings: Settings, observed: Sequence[Observed]) -> Health:
        """How it does, judged from the observed containers of its workloads."""
        ...


def overall(observed: Sequence[Observed], expected: int) -> Health:
    """The health of `expected` replicas together: the worst of them, and unhealthy when some are missing."""
    present = [item for item in observed if item.presence.value == "present"]
    if any(item.presence.value == "unknown" for item in observed):
        return Health.UNKNOWN
    if len(present) < expected:
        return Health.UNHEALTHY
    for worst in (Health.UNKNOWN, Health.UNHEALTHY, Health.STOPPED, Health.STARTING):
        if any(item.health is worst for item in present):
            return worst
    return Health.HEALTHY
