"""The disk of the twin full, failing or read-only under a running hub: no mutation starts, reads go on, it recovers."""

import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.accounting import account_for_hub, check_finished
from tests.reliability.hubs import API, Answer, Hub, in_the_middle, running, unready, until, waits
from tests.storage.conftest import AS_ROOT, PATH, Mounting
from tests.storage.test_disk_faults import break_file_system

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
    free = shutil.disk_usage(disk).free
    ballast.write_bytes(b"x" * free)
    until(lambda: small_write(hub).status == 503)
    return ballast


def mutations(hub: Hub, pending: dict[str, Any], approved: dict[str, Any]) -> list[Answer]:
    """Everything on the way to an effect."""
    return [
        hub.post("/plans", {"words": "deploy redis:7 as cache"}),
        hub.decide(pending),
        hub.apply(approved),
        hub.apply(approved, Idempotency_Key="k"),
        hub.post("/targets/local:mode", {"mode": "propose"}),
    ]


def check_refused(hub: Hub, pending: dict[str, Any], approved: dict[str, Any], *causes: str) -> None:
    """No mutation starts, nothing was done, reads go on, and it says so."""
    effects = hub.world.effects
    for answer in mutations(hub, pending, approved):
        assert (answer.status, answer.body["code"]) == (503, "store_unavailable"), answer
        assert answer.cause in causes, answer
        assert answer.body["next_step"]
    assert hub.world.effects == effects
    check_reads(hub)
    assert hub.get(f"/plans/{pending['id']}")["state"] == "pending"
    assert hub.get(f"/plans/{approved['id']}")["state"] == "approved"
    ready = until(lambda: unready(hub))
    assert "store" in ready.body["down"], ready


def check_reads(hub: Hub) -> None:
    """Everything can still be looked at."""
    assert hub.ask("GET", "/health").status == 200
    for path in READS:
        assert hub.ask("GET", API + path).status == 200


def check_recovered(hub: Hub, pending: dict[str, Any], approved: dict[str, Any]) -> None:
    """Without a restart: it is ready, and what waited goes through, once."""
    until(lambda: hub.ready().status == 200)
    assert hub.decide(pending).status == 200
    started = hub.apply(approved, Idempotency_Key="k")
    assert started.status == 202
    assert hub.ended(started.body["id"])["state"] == "succeeded"
    assert hub.post("/audit:verify").status == 200
    account_for_hub(hub)


@pytest.mark.proves("D2", "K3")
def test_a_full_disk_lets_no_mutation_start_and_the_hub_goes_on_alone_when_there_is_room(
    mounted: Mounting, tmp_path: Path
) -> None:
    disk = mounted("-t", "tmpfs", "-o", "size=3m", "tmpfs")
    with hub_on(disk, tmp_path) as hub:
        hub.change("deploy nginx:1.27 as web with 2 replicas")
        pending, approved = hub.planned("scale web to 3"), hub.approved("deploy redis:7 as store")
        ballast = fill(disk, hub)
        check_refused(hub, pending, approved, "disk_full")
        ballast.unlink()
        check_recovered(hub, pending, approved)


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
def test_a_disk_that_cannot_sync_lets_no_mutation_start_and_the_hub_goes_on_alone_when_it_can(tmp_path: Path) -> None:
    with running(tmp_path, policy="solo") as hub:
        hub.change("deploy nginx:1.27 as web with 2 replicas")
        pending, approved = hub.planned("scale web to 3"), hub.approved("deploy redis:7 as store")
        with failing(hub, "fsync,fdatasync", "EIO"):
            check_refused(hub, pending, approved, "io_error")
        check_recovered(hub, pending, approved)


@pytest.mark.proves("D4", "K3")
def test_a_disk_that_turns_read_only_lets_no_mutation_start_and_after_its_repair_nothing_is_lost(
    mounted: Mounting, ext4_image: Path, tmp_path: Path
) -> None:
    disk = mounted("-o", "loop,errors=remount-ro", ext4_image)
    with hub_on(disk, tmp_path) as hub:
        hub.change("deploy nginx:1.27 as web with 2 replicas")
        pending, approved = hub.planned("scale web to 3"), hub.approved("deploy redis:7 as store")
        break_file_system(disk)
        check_refused(hub, pending, approved, "read_only", "io_error")
        hub.down(signal.SIGKILL)
        as_root("umount", disk)
        as_root("e2fsck", "-p", "-f", ext4_image, good=(0, 1))
        as_root("mount", "-o", "loop", ext4_image, disk)
        hub.up()
        check_recovered(hub, pending, approved)


def as_root(*words: str | Path, good: tuple[int, ...] = (0,)) -> None:
    """Run a program as root; `good` are the exit codes that mean success."""
    environment = {**os.environ, "PATH": PATH}
    done = subprocess.run([*AS_ROOT, *words], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode in good, f"{words}: {done.stdout}{done.stderr}"


@pytest.mark.proves("D2", "K3")
def test_an_execution_whose_disk_fills_up_stops_before_its_next_effect_and_goes_on_alone(
    mounted: Mounting, tmp_path: Path
) -> None:
    disk = mounted("-t", "tmpfs", "-o", "size=3m", "tmpfs")
    with hub_on(disk, tmp_path) as hub:
        id = in_the_middle(hub)
        ballast = fill(disk, hub)
        until(lambda: unready(hub))
        effects = hub.effect_keys()
        check_reads(hub)
        assert hub.effect_keys() == effects
        assert hub.execution(id)["state"] == "applying"
        ballast.unlink()
        check_finished(hub, id)


@pytest.mark.proves("D1", "K3")
def test_an_execution_whose_disk_cannot_sync_stops_before_its_next_effect_and_goes_on_alone(tmp_path: Path) -> None:
    with running(tmp_path, policy="solo") as hub:
        id = in_the_middle(hub)
        with failing(hub, "fsync,fdatasync", "EIO"):
            until(lambda: waits(hub, id))
            effects = hub.effect_keys()
            until(lambda: unready(hub))
            assert hub.effect_keys() == effects
        check_finished(hub, id)
