"""A Docker Engine of a test's own, to be stopped and killed at will."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException

START_S = 60.0


class SecondEngine:
    """A dockerd with folders and a socket of its own, and no network."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if program is None:
            pytest.fail("There is no dockerd: apt-get install docker.io", pytrace=False)
        self._folder = folder
        self.address = f"unix://{folder / 'docker.sock'}"
        as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        self._words = [
            *as_root, program, "--host", self.address, "--data-root", str(folder / "data"),
            "--exec-root", str(folder / "exec"), "--pidfile", str(folder / "docker.pid"),
            "--bridge", "none", "--iptables=false", "--ip-forward=false", "--storage-driver", "vfs",
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._words, stdout=log, stderr=log)
        end = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                pytest.fail((self._folder / "log").read_text(errors="replace")[-3000:], pytrace=False)
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        """To the daemon itself, and to no other."""
        pid = int((self._folder / "docker.pid").read_text())
        subprocess.run(
            [*self._words[: self._words.index("--host") - 1], "kill", f"-{number.value}", str(pid)], check=True
        )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self.signal(number)
        self._process.wait(START_S)
        if number is signal.SIGKILL:
            (self._folder / "docker.pid").unlink(missing_ok=True)

    def _answers(self) -> bool:
        if not (self._folder / "docker.sock").exists():
            return False
        client = docker.DockerClient(base_url=self.address, version="1.41", timeout=5)
        try:
            return bool(client.ping())
        except (DockerException, OSError):
            return False
        finally:
            client.close()
