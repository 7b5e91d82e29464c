"""The simulator as a driver, and the world a new user meets."""

from pathlib import Path

from opstwin.clock import Clock
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId
from opstwin.targets.ports import Driver
from opstwin.targets.rendering import ContainerRenderer
from opstwin.targets.sim.reading import SimReader
from opstwin.targets.sim.world import Snapshot, World
from opstwin.targets.sim.writing import SimWriter


def sim_driver(target: Target | TargetId, world: World, *, clock: Clock) -> Driver:
    """A driver for one world, which from now on lives by `clock`."""
    world.live_by(clock)
    id = target if isinstance(target, str) else target.id
    return Driver(reader=SimReader(id, world), renderer=ContainerRenderer(id), writer=SimWriter(id, world))


def opened_world(path: Path | None = None, *, clock: Clock | None = None, seed: int = 0) -> World:
    """The world kept at `path`, or a fresh one with a few images and one container that Opstwin did not make.

    The image `nginx:bad` is there to see an upgrade fail: its health check never passes.
    """
    world = World(path, clock=clock, seed=seed)
    if world.is_fresh:
        world.begin_as(_first_world(world))
    return world


def _first_world(for_world: World) -> Snapshot:
    world = for_world.branch()
    for name in ("nginx:1.27", "nginx:1.28"):
        world.image(name, exposed=(80,), start_s=0.5)
    world.image("nginx:bad", exposed=(80,), healthy=False, start_s=0.5)
    world.image("redis:7", exposed=(6379,), start_s=0.5)
    world.image("postgres:16", exposed=(5432,), start_s=1.0)
    world.image("busybox:1")
    world.run(
        "legacy-db",
        "postgres:16",
        env={"POSTGRES_DB": "shop"},
        ports=[{"container": 5432, "host": 5432}],
        mounts=[{"path": "/var/lib/postgresql/data", "volume": "legacy-data"}],
        restart="unless-stopped",
    )
    world.say("legacy-db", "database system is ready to accept connections")
    return world.snapshot()
