"""The disk of the twin full, failing or read-only under a running hub: no mutation starts, reads go on, it recovers."""

import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from opstwin.clock import SystemClock
from opstwin.targets.sim.driver import opened_world
from opstwin.targets.sim.world import World
from tests.reliability.accounting import check_finished
from tests.reliability.hubs import API, Answer, Hub, in_the_middle, running, unready, until, waits
from tests.storage.conftest import AS_ROOT, PATH, Mounting
from tests.storage.test_disk_faults import break_file_system

pytestmark = pytest.mark.slow

READS = ("/plans", "/resources", "/executions", "/targets", "/audit", "/events", "/drift")


@contextmanager
def hub_on(disk: Path, folder: Path, **settings: str) -> Iterator[Hub]:
    """A hub whose data, and whose log, are on `disk`; the world is elsewhere."""
    for name in ("data", "hub.log"):
        (folder / name).symlink_to(disk / name)
    (disk / "data").mkdir(mode=0o700)
    with running(folder, policy="solo", **settings) as hub:
        yield hub


def small_write(hub: Hub) -> Answer:
    """The smallest thing that a caller can make the hub write."""
    return hub.post("/plans", {"words": "?"}, Idempotency_Key=uuid.uuid4().hex)


def fill(disk: Path, hub: Hub) -> Path:
    """Fill a disk until the hub can write nothing at all any more; returns what has to be removed again."""
    ballast = disk / "ballast"
    # The hub writes at the same time and may take the last of it.
    with suppress(OSError):
        ballast.write_bytes(b"x" * shutil.disk_usage(disk).free)
    until(lambda: small_write(hub).status == 503)
    return ballast


@dataclass(frozen=True)
class Ground:
    """What there is when the disk fails: an execution in its middle, and on another target two plans on their way."""

    hub: Hub
    pending: dict[str, Any]
    approved: dict[str, Any]
    execution: str

    @classmethod
    def of(cls, hub: Hub) -> "Ground":
        """Lay the ground on a hub."""
        opened_world(hub.folder / "other.json", clock=SystemClock(), seed=1)
        hub.add(f"sim://{hub.folder / 'other.json'}", target="other")
        plans = [hub.planned(f"deploy redis:7 as {name}", "other") for name in ("cache", "store")]
        assert hub.decide(plans[1]).status == 200
        return cls(hub, plans[0], plans[1], in_the_middle(hub))

    @property
    def other(self) -> World:
        """The world of the other target."""
        return World(self.hub.folder / "other.json", seed=1)

    def mutations(self) -> list[Answer]:
        """Everything on the way to an effect."""
        hub = self.hub
        return [
            hub.post("/plans", {"words": "deploy redis:7 as cache"}),
            hub.decide(self.pending),
            hub.apply(self.approved),
            hub.apply(self.approved, Idempotency_Key="k"),
            hub.post("/targets/other:mode", {"mode": "propose"}),
        ]

    def check_stands_still(self, *causes: str) -> None:
        """No mutation starts, what ran stopped before its next effect, reads go on, and the hub says so."""
        hub = self.hub
        for answer in self.mutations():
            assert (answer.status, answer.body["code"]) == (503, "store_unavailable"), answer
            assert answer.cause in causes, answer
            assert answer.body["next_step"]
        assert "store" in until(lambda: unready(hub)).body["down"]
        effects = hub.effect_keys()
        assert hub.ask("GET", "/health").status == 200
        for path in READS:
            assert hub.ask("GET", API + path).status == 200
        states = [hub.get(f"/plans/{plan['id']}")["state"] for plan in (self.pending, self.approved)]
        assert states == ["pending", "approved"]
        assert hub.execution(self.execution)["state"] == "applying"
        assert (hub.effect_keys(), self.other.effects) == (effects, ())

    def check_recovered(self) -> None:
        """It is ready again; what was in its middle ends, and what waited goes through; all of it once."""
        hub = self.hub
        until(lambda: hub.ready().status == 200)
        assert hub.decide(self.pending).status == 200
        started = hub.apply(self.approved, Idempotency_Key="k")
        assert started.status == 202
        assert hub.ended(started.body["id"])["state"] == "succeeded"
        assert [effect.key for effect in self.other.effects] == [f"{started.body['id']}.0"]
        check_finished(hub, self.execution)
        assert hub.post("/audit:verify").status == 200


@pytest.mark.proves("D2", "K3")
def test_a_full_disk_lets_no_mutation_start_or_go_on_until_there_is_room_again(
    mounted: Mounting, tmp_path: Path
) -> None:
    disk = mounted("-t", "tmpfs", "-o", "size=8m", "tmpfs")
    with hub_on(disk, tmp_path) as hub:
        ground = Ground.of(hub)
        ballast = fill(disk, hub)
        ground.check_stands_still("disk_full")
        ballast.unlink()
        ground.check_recovered()


@contextmanager
def failing(hub: Hub, calls: str, error: str) -> Iterator[None]:
    """While this lasts, these calls of the hub process fail with an error of the disk."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.fail("strace was not found: apt-get install strace", pytrace=False)
    words = [
        *AS_ROOT, strace, "-f", "-qq", "-p", str(hub.pid), "-o", "/dev/null", "-e", f"trace={calls}",
        "-e", f"inject={calls}:error={error}",
    ]  # fmt: skip
    tracer = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: tracer.poll() is None and is_traced(hub.pid))
        yield
    finally:
        subprocess.run([*AS_ROOT, "kill", "-INT", str(tracer.pid)], check=False)
        tracer.wait(20)


def is_traced(pid: int) -> bool:
    """Whether each thread of a process has a tracer."""
    seen = [(task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return all("TracerPid:\t0" not in text for text in seen)


@pytest.mark.proves("D1", "K3")
def test_a_disk_that_cannot_sync_lets_no_mutation_start_or_go_on_until_it_can_again(tmp_path: Path) -> None:
    with running(tmp_path, policy="solo") as hub:
        ground = Ground.of(hub)
        with failing(hub, "fsync,fdatasync", "EIO"):
            until(lambda: waits(hub, ground.execution))
            ground.check_stands_still("io_error")
        ground.check_recovered()


@pytest.mark.proves("D4", "K3")
def test_a_disk_that_turns_read_only_lets_no_mutation_start_or_go_on_and_after_its_repair_nothing_is_lost(
    mounted: Mounting, ext4_image: Path, tmp_path: Path
) -> None:
    disk = mounted("-o", "loop,errors=remount-ro", ext4_image)
    with hub_on(disk, tmp_path) as hub:
        ground = Ground.of(hub)
        break_file_system(disk)
        ground.check_stands_still("read_only", "io_error")
        hub.down(signal.SIGKILL)
        as_root("umount", disk)
        as_root("mount", "-o", "loop", repaired(ext4_image), disk)
        hub.up()
        ground.check_recovered()


def repaired(image: Path) -> Path:
    """A copy of a broken file system, repaired.

    A copy, since another mount namespace made meanwhile (a container's, a sandbox's) may still hold the broken one, and
    the kernel then gives that same read-only file system to whoever mounts the image again.
    """
    as_root("sync")
    copy = image.with_suffix(".repaired")
    shutil.copyfile(image, copy)
    as_root("e2fsck", "-p", "-f", copy, good=(0, 1))
    return copy


def as_root(*words: str | Path, good: tuple[int, ...] = (0,)) -> None:
    """Run a program as root; `good` are the exit codes that mean success."""
    environment = {**os.environ, "PATH": PATH}
    done = subprocess.run([*AS_ROOT, *words], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode in good, f"{words}: {done.stdout}{done.stderr}"
