"""A place on a real engine for one test: a driver, hands beside it, and orders in few words."""

import asyncio
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import docker
from docker.errors import APIError, NotFound

from opstwin.clock import SystemClock
from opstwin.domain.plan import Change, Op
from opstwin.domain.resource import Health
from opstwin.domain.target import Target
from opstwin.domain.values import Json, ResourceId, Spec, TargetId, resource_id
from opstwin.targets.docker.driver import docker_driver
from opstwin.targets.ports import Driver, Order, Sighting
from opstwin.targets.secrets import HubSecrets, SecretSource
from opstwin.targets.specs import BARE_CONTAINER

TARGET = TargetId("here")
DEADLINE_S = 30.0


def address() -> str:
    """Where the engine of the tests is."""
    return os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


def target(endpoint: str, **settings: str) -> Target:
    return Target(
        id=TARGET, display_name="Here", backend_type="docker", agent_endpoint=endpoint,
        settings={"stop_grace_s": "0", **settings}, created_at=datetime(2026, 1, 5, tzinfo=UTC),
    )  # fmt: skip


def driver_at(
    endpoint: str,
    *,
    secrets: SecretSource | None = None,
    on_call: Callable[[str], None] = lambda call: None,
    **settings: str,
) -> Driver:
    source = secrets or HubSecrets({})
    return docker_driver(target(endpoint, **settings), secrets=source, on_call=on_call, clock=SystemClock())


def order_for(
    kind: str,
    name: str,
    op: Op,
    key: str,
    *,
    after: Spec | None = None,
    found: Spec | None = None,
    fence: int = 1,
    deadline_s: float = 60.0,
) -> Order:
    change = Change(
        resource=resource_id(TARGET, kind, name), target=TARGET, kind=kind, name=name, op=op, workload="web",
        before=found, after=after,
    )  # fmt: skip
    return Order(change=change, key=key, fence=fence, deadline_s=deadline_s, found=found)


@dataclass
class Spot:
    """Everything made here has a name that begins with `prefix`, and is removed in the end."""

    client: docker.DockerClient
    image: str
    driver: Driver
    calls: list[str]
    prefix: str = field(default_factory=lambda: f"ote-{secrets.token_hex(4)}")

    def name(self, rest: str = "web-1") -> str:
        return f"{self.prefix}-{rest}"

    def id(self, kind: str = "container", rest: str = "web-1") -> ResourceId:
        return resource_id(TARGET, kind, self.name(rest))

    def spec(self, **fields: Json) -> Spec:
        """A desired container, in the form that rendering gives."""
        return {**BARE_CONTAINER, "image": self.image, "command": ["/bin/sleep", "3600"], **fields}

    def order(self, op: Op, key: str, *, kind: str = "container", rest: str = "web-1", **more: Any) -> Order:
        return order_for(kind, self.name(rest), op, key, **more)

    async def create(self, spec: Spec | None = None, *, rest: str = "web-1", key: str = "first.0") -> Sighting:
        return await self.driver.writer.apply(self.order(Op.CREATE, key, rest=rest, after=spec or self.spec()))

    async def create_store(self, kind: str, rest: str) -> Sighting:
        bare: Spec = {"driver": "local" if kind == "volume" else "bridge", "labels": {}}
        return await self.driver.writer.apply(self.order(Op.CREATE, f"stores.{rest}", kind=kind, rest=rest, after=bare))

    async def observe(self, rest: str = "web-1", kind: str = "container") -> Sighting:
        return await self.driver.reader.observe(self.id(kind, rest))

    async def until(self, met: Callable[[Sighting], bool], rest: str = "web-1") -> Sighting:
        """The container as soon as it is as wanted."""
        async with asyncio.timeout(DEADLINE_S):
            while not met(seen := await self.observe(rest)):
                await asyncio.sleep(0.05)
        return seen

    async def until_health(self, health: Health, rest: str = "web-1") -> Sighting:
        return await self.until(lambda seen: seen.health is health, rest)

    def run(self, rest: str = "web-1", **options: Any) -> Any:
        """A container that somebody makes without Opstwin."""
        options.setdefault("command", ["/bin/sleep", "3600"])
        return self.client.containers.run(self.image, name=self.name(rest), detach=True, **options)

    def raw(self, rest: str = "web-1") -> Mapping[str, Any]:
        """The engine's own description."""
        found: Mapping[str, Any] = self.client.api.inspect_container(self.name(rest))
        return found

    def said(self, *argv: str, rest: str = "web-1") -> str:
        """What a command inside the container prints."""
        ended = self.client.containers.get(self.name(rest)).exec_run(list(argv))
        assert ended.exit_code == 0, ended.output
        return str(ended.output.decode())

    def names(self) -> list[str]:
        """All containers here, whatever their state."""
        found = self.client.api.containers(all=True, filters={"name": self.prefix})
        return sorted(str(name).removeprefix("/") for item in found for name in item["Names"])

    def clean(self) -> None:
        for item in self.client.api.containers(all=True, filters={"name": self.prefix}):
            with suppress(NotFound):
                self.client.api.remove_container(item["Id"], force=True, v=True)
        for volume in self.client.api.volumes(filters={"name": self.prefix})["Volumes"] or ():
            with suppress(APIError):
                self.client.api.remove_volume(volume["Name"])
        for network in self.client.api.networks(filters={"name": self.prefix}):
            with suppress(APIError):
                self.client.api.remove_network(network["Id"])


class Effects:
    """What really happened on the engine to the things of a spot, by the engine's own events."""

    def __init__(self, spot: Spot) -> None:
        self._spot = spot
        self._since = self._now()

    def _now(self) -> float:
        seen = datetime.fromisoformat(str(self._spot.client.api.info()["SystemTime"])[:26].rstrip("Z") + "+00:00")
        return seen.timestamp()

    def count(self, kind: str, action: str) -> int:
        """How often `action` happened to something of `kind` since this object was made."""
        heard = self._spot.client.api.events(
            since=f"{self._since:.6f}", until=f"{self._now():.6f}", decode=True,
            filters={"type": kind, "event": action},
        )  # fmt: skip
        return sum(
            self._spot.prefix in (item["Actor"]["Attributes"].get("name") or item["Actor"]["ID"]) for item in heard
        )
