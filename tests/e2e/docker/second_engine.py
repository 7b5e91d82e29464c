"""A Docker Engine of a test's own, to be stopped and killed at will."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

START_S = 60.0


class SecondEngine:
    """A dockerd with folders and a socket of its own, and no network."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if program is None:
            pytest.fail("There is no dockerd: apt-get install docker.io", pytrace=False)
        self._folder = folder
        self.address = f"unix://{folder / 'docker.sock'}"
        self._as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        own = folder / "etc"
        own.mkdir()
        self._words = [
            # A network namespace of its own: an engine without a bridge removes docker0, which is the first engine's.
            # A mount namespace of its own: an engine's identity lies in /etc/docker, and two machines have two.
            *self._as_root, "unshare", "--net", "--mount", "--", "sh", "-c",
            'mkdir -p /etc/docker && mount --bind "$0" /etc/docker && exec "$@"', str(own), program, "--host",
            self.address, "--data-root", str(folder / "data"),
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

    def send(self, number: signal.Signals) -> None:
        """To the daemon itself, and to no other."""
        pid = int((self._folder / "docker.pid").read_text())
        subprocess.run([*self._as_root, "kill", f"-{number.value}", str(pid)], check=True)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self.send(number)
        self._process.wait(START_S)
        # A daemon that was killed leaves notes of processes that are gone, and its data folder mounted on itself.
        for note in (self._folder / "docker.pid", self._folder / "exec" / "containerd" / "containerd.pid"):
            note.unlink(missing_ok=True)
        subprocess.run([*self._as_root, "umount", "-l", self._folder / "data"], stderr=subprocess.DEVNULL, check=False)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(5)
            try:
                peer.connect(str(self._folder / "docker.sock"))
                peer.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                return b" 200 " in peer.recv(64)
            except OSError:
                return False
