"""Real Prometheus and VictoriaMetrics servers, each started once for a worker, on a free port and an empty folder."""

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

READY_S = 20.0


@dataclass(frozen=True)
class MetricServer:
    """A running server: where PromQL is asked, where remote write goes, and its folder."""

    name: str
    url: str
    write_url: str
    folder: Path
    pid: int

    @property
    def bytes(self) -> int:
        """What its files take on the disk."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def flush(self) -> None:
        """Show what was taken: VictoriaMetrics does so by itself only after some seconds."""
        if self.name == "victoria-metrics":
            with urllib.request.urlopen(f"{self.url}/internal/force_flush", timeout=10):
                pass


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def prometheus(folder: Path, *more: str) -> Iterator[MetricServer]:
    """Takes remote writes, also of samples that are out of order for a day."""
    config = folder / "prometheus.yml"
    config.write_text("storage:\n  tsdb:\n    out_of_order_time_window: 30d\n")
    port = free_port()
    arguments = [
        f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver", "--web.enable-admin-api", *more,
    ]  # fmt: skip
    with _running("prometheus", arguments, f"http://127.0.0.1:{port}/-/ready", folder) as process:
        url = f"http://127.0.0.1:{port}"
        yield MetricServer("prometheus", url, f"{url}/api/v1/write", folder / "data", process.pid)


@contextmanager
def victoria_metrics(folder: Path, *more: str) -> Iterator[MetricServer]:
    """A single-node VictoriaMetrics that shows what it was given at once."""
    port = free_port()
    arguments = [
        f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder / 'data'}", "-retentionPeriod=24",
        "-search.latencyOffset=0s", "-search.disableCache", *more,
    ]  # fmt: skip
    with _running("victoria-metrics", arguments, f"http://127.0.0.1:{port}/health", folder) as process:
        url = f"http://127.0.0.1:{port}"
        yield MetricServer("victoria-metrics", url, f"{url}/api/v1/write", folder / "data", process.pid)


SERVERS = {"prometheus": prometheus, "victoria-metrics": victoria_metrics}


@pytest.fixture(scope="session", params=SERVERS)
def metric_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MetricServer]:
    """One of the two; a test with it runs on both, and fails where one is not installed."""
    with SERVERS[request.param](tmp_path_factory.mktemp(request.param)) as server:
        yield server


@contextmanager
def _running(program: str, arguments: list[str], ready_url: str, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    found = shutil.which(program)
    assert found is not None, f"{program} is not installed: tests/with-bed installs it (Debian package {program})"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([found, *arguments], stdout=log, stderr=log)
    try:
        _until_ready(process, ready_url, folder / "log")
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline_s = time.monotonic() + READY_S
    while time.monotonic() < deadline_s and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError(f"{process.args!r} did not get ready: {log.read_text(errors='replace')[-2000:]}")
