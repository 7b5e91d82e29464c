"""A Docker Engine that answers, and a tiny image that needs no registry."""

import fcntl
import gc
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException, ImageNotFound

IMAGE = "opstwin-test/busybox"
TAG = "1"
LABEL = "opstwin-test.content"


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[docker.DockerClient]:
    """A client of the engine at DOCKER_HOST or at the default socket."""
    client = connect()
    if isinstance(client, str):
        pytest.fail(f"No Docker Engine answers ({client}): apt-get install docker.io && dockerd", pytrace=False)
    yield client
    client.close()


def connect() -> docker.DockerClient | str:
    """A client, or why there is none."""
    with warnings.catch_warnings():
        # The SDK forgets to close the socket of a refused connection.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            client = docker.from_env(timeout=60)
            client.ping()
            return client
        except DockerException as error:
            said = str(error)
        gc.collect()
    return said


@pytest.fixture(scope="session")
def docker_image(docker_engine: docker.DockerClient) -> str:
    """Name of an image with a static busybox and its applets (sh, sleep, httpd, wget ...) in /bin."""
    content = layer(static_busybox())
    with one_at_a_time():
        ensure_image(docker_engine, content)
    return f"{IMAGE}:{TAG}"


def static_busybox() -> Path:
    found = shutil.which("busybox")
    if found and is_static(found):
        return Path(found)
    pytest.fail("No statically linked busybox was found: apt-get install busybox-static", pytrace=False)


def is_static(program: str) -> bool:
    seen = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    return "not a dynamic" in seen.stderr or "statically" in seen.stdout


def layer(busybox: Path) -> bytes:
    """The image's only layer; the same bytes for the same busybox."""
    names = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("bin", "tmp"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        program = tarfile.TarInfo("bin/busybox")
        program.size, program.mode = busybox.stat().st_size, 0o755
        tar.addfile(program, io.BytesIO(busybox.read_bytes()))
        for name in names:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            if name != "busybox":
                tar.addfile(link)
    return out.getvalue()


def ensure_image(client: docker.DockerClient, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    try:
        if client.images.get(f"{IMAGE}:{TAG}").labels.get(LABEL) == digest:
            return
    except ImageNotFound:
        pass
    changes = [f"LABEL {LABEL}={digest}", "ENV PATH=/bin", 'CMD ["/bin/sleep", "3600"]']
    client.api.import_image_from_data(content, repository=IMAGE, tag=TAG, changes=changes)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Test processes beside us must not move the tag while it is being looked at."""
    with (Path(tempfile.gettempdir()) / f"opstwin-test-image-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
