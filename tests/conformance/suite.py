"""The protocol's official suite: where it is, what a run of it found, and the hub's profile that it runs against."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PINNED: dict[str, str] = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
PACKAGE = "@modelcontextprotocol/conformance"
HOME = HERE / "node_modules" / PACKAGE
LEAST_NODE = 22
REQUIRED = "OPSTWIN_CONFORMANCE"
"""Set to `required`, a missing Node or suite is a failure instead of a skipped test."""

RUN_WITHIN_S = 300.0
START_WITHIN_S = 30.0


def node() -> str | None:
    """A Node that the suite runs on: the one beside it, else the one on the PATH; None without any."""
    for candidate in (str(HERE / "node_modules" / ".bin" / "node"), "node"):
        try:
            said = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False).stdout
        except OSError:
            continue
        found = re.match(r"v(\d+)\.", said)
        if found and int(found[1]) >= LEAST_NODE:
            return candidate
    return None


def missing(home: Path = HOME) -> str:
    """Why the suite cannot run from `home`; empty when it can."""
    try:
        installed = json.loads((home / "package.json").read_text(encoding="utf-8"))["version"]
    except OSError:
        installed = "none"
    if installed == PINNED[PACKAGE] and node() is not None:
        return ""
    return (
        f"The protocol's official suite did not run: it needs Node {LEAST_NODE} or newer and {PACKAGE} "
        f"{PINNED[PACKAGE]} (found: {installed}). Install both and run it with: make conformance"
    )


def is_required() -> bool:
    """Whether its absence is a failure."""
    return os.environ.get(REQUIRED) == "required"


@contextmanager
def profile() -> Iterator[str]:
    """The address of a profile that runs in a process of its own."""
    command = [sys.executable, "-m", "opstwin.server.mcp.conformance", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(START_WITHIN_S)


@dataclass(frozen=True)
class Found:
    """What one run found: by scenario, how many checks ended how."""

    code: int
    output: str
    checks: dict[str, Counter[str]]

    @property
    def total(self) -> Counter[str]:
        return sum(self.checks.values(), Counter())


def run(url: str, revision: str, folder: Path) -> Found:
    """Run everything that a revision requires, and what it reports beside that."""
    command = [
        str(node()), str(HOME / "dist" / "index.js"), "server", "--url", url, "--requirements", revision, "-o", folder,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RUN_WITHIN_S)
    checks: dict[str, Counter[str]] = {}
    for file in folder.glob("server-*/checks.json"):
        name = re.sub(r"^server-(.*)-\d{4}-\d\d-\d\dT[\d-]+Z$", r"\1", file.parent.name)
        checks[name] = Counter(item["status"] for item in json.loads(file.read_text(encoding="utf-8")))
    return Found(done.returncode, done.stdout + done.stderr, checks)


def required(revision: str) -> list[str]:
    """The scenarios that a revision requires of a server, from the suite's own list."""
    text = (HOME / "requirements" / f"{revision}.yaml").read_text(encoding="utf-8")
    section = re.search(r"^server:\n((?:  - .*\n)+)", text, re.MULTILINE)
    assert section is not None
    return re.findall(r"^  - (\S+)$", section[1], re.MULTILINE)
