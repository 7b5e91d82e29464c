"""Real file systems to break: a small one in memory, and one on a loop device."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def as_root(*words: str | Path) -> None:
    """Run a program as root, or fail saying what is needed."""
    done = subprocess.run(
        [*AS_ROOT, *words], capture_output=True, text=True, check=False, env={**os.environ, "PATH": PATH}
    )
    if done.returncode:
        pytest.fail(f"{' '.join(map(str, words))} failed (root is needed, or sudo -n): {done.stderr}", pytrace=False)


Mounting = Callable[..., Path]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounting]:
    """Mounts something on a new folder that belongs to us: `mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs")`."""
    with ExitStack() as undo:

        def mount(*words: str | Path) -> Path:
            folder = tmp_path / f"mounted-{uuid.uuid4().hex[:8]}"
            folder.mkdir()
            as_root("mount", *words, folder)
            undo.callback(as_root, "umount", "--lazy", folder)
            as_root("chown", str(os.getuid()), folder)
            return folder

        yield mount


@pytest.fixture
def ext4_image(tmp_path: Path) -> Path:
    """A file that holds an empty ext4 file system of 16 MiB."""
    program = shutil.which("mkfs.ext4", path=PATH)
    if program is None:
        pytest.fail("mkfs.ext4 was not found: apt-get install e2fsprogs", pytrace=False)
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(16 * 1024 * 1024)
    subprocess.run([program, "-q", image], check=True)
    return image
