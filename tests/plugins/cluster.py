"""A real Kubernetes for tests: one that is named, one that runs, or one that is started for the session.

`OPSTWIN_TEST_KUBECONFIG` names a kubeconfig with all rights on a cluster that tests may use. Without it, the scripts in
`tests/e2e/kube` start Kubernetes 1.20.2 (etcd 3.4) on this machine. Whoever ends last stops what the tests started;
a cluster from `make kube-up` stays up.
"""

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

SCRIPTS = Path(__file__).parents[1] / "e2e" / "kube"
NAMED = "OPSTWIN_TEST_KUBECONFIG"
BUILD_AND_START_S = 900
TEST_S = 120
_PLACE = Path(tempfile.gettempdir()) / f"opstwin-test-kube-{os.getuid()}"
_IN_USE = pytest.StashKey[TextIO]()


@pytest.fixture(scope="session")
def kubeconfig(pytestconfig: pytest.Config) -> Path:
    """A kubeconfig with all rights on a cluster that answers. The tests fail when there is none."""
    named = os.environ.get(NAMED, "")
    return Path(_answering(named)) if named else _started(pytestconfig)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the first test on a cluster wait for it: only what tests do themselves is limited in time."""
    for item in items:
        if "kubeconfig" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(TEST_S, func_only=True))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say that this process no longer uses the cluster; the last one stops it when a test process started it."""
    shared = config.stash.get(_IN_USE, None)
    if shared is not None:
        shared.close()
    if not hasattr(config, "workerinput") and _path("by-tests").exists():
        with _one_at_a_time(), _path("users").open("w") as users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            _path("by-tests").unlink(missing_ok=True)
            subprocess.run([SCRIPTS / "down.sh"], check=False, capture_output=True, timeout=120)


def _started(config: pytest.Config) -> Path:
    with _one_at_a_time():
        users = config.stash[_IN_USE] = _path("users").open("w")
        fcntl.flock(users, fcntl.LOCK_SH)
        before = subprocess.run([SCRIPTS / "running.sh"], check=False, capture_output=True)
        if before.returncode != 0:
            _path("by-tests").touch()
        made = subprocess.run(
            [SCRIPTS / "up.sh"], check=False, capture_output=True, text=True, timeout=BUILD_AND_START_S,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    if made.returncode != 0:
        pytest.fail(f"No cluster could be started: {made.stderr.strip()[-2000:]}", pytrace=False)
    return Path(_answering(made.stdout.strip().splitlines()[-1]))


def _answering(path: str) -> str:
    seen = subprocess.run(
        ["kubectl", "--kubeconfig", path, "--request-timeout=10s", "get", "--raw=/readyz"], check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    if seen.returncode != 0:
        pytest.fail(f"The cluster of {path} does not answer: {seen.stderr.strip()[-500:]}", pytrace=False)
    return path


def _path(rest: str) -> Path:
    return _PLACE.with_name(f"{_PLACE.name}.{rest}")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Test processes beside us use the same ports, so one starts or stops the cluster and the others wait."""
    with _path("lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
