"""Which published MCP servers are compared with ours, in which versions, and how they come and are started."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.suite import LEAST_NODE, node

HERE = Path(__file__).parents[1] / ".peers"
INSTALL = "python -m benchmarks.mcp_peers --install"
LISTED = 500
"""Containers in our list, files in the file server's."""
FOLDER = "{folder}"
"""Stands for the folder with that many files."""


@dataclass(frozen=True)
class Peer:
    """A published server: `listing` is its tool (with arguments) that lists what `lists` says."""

    package: str
    version: str
    program: str
    arguments: tuple[str, ...] = ()
    listing: tuple[str, dict[str, Any]] | None = None
    lists: str = ""
    least_python: tuple[int, int] | None = None
    """None for npm packages."""
    needs_cluster: bool = False


PEERS = (
    Peer("kubernetes-mcp-server", "0.0.67", "kubernetes-mcp-server", listing=("pods_list", {}), lists="all pods",
         needs_cluster=True),
    Peer("mcp-server-kubernetes", "4.1.7", "mcp-server-kubernetes", lists="all pods", needs_cluster=True,
         listing=("kubectl_get", {"resourceType": "pods", "name": "", "allNamespaces": True})),
    Peer("@modelcontextprotocol/server-filesystem", "2026.8.31", "mcp-server-filesystem", (FOLDER,),
         ("list_directory", {"path": FOLDER}), f"{LISTED} files"),
    Peer("@modelcontextprotocol/server-everything", "2026.8.31", "mcp-server-everything"),
    Peer("mcp-server-fetch", "2026.10.24", "mcp-server-fetch", least_python=(3, 10)),
    Peer("docker-mcp", "0.2.0", "docker-mcp", least_python=(3, 12)),
    Peer("mcp-server-docker", "0.3.0", "mcp-server-docker", least_python=(3, 12)),
)  # fmt: skip


def install() -> None:
    """Bring all that this Python and npm can run; no package's own install scripts are run."""
    HERE.mkdir(exist_ok=True)
    npm = [f"{peer.package}@{peer.version}" for peer in PEERS if peer.least_python is None]
    flags = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    subprocess.run(["npm", "--prefix", str(HERE), "install", *flags, *npm], check=True)
    pip = [f"{peer.package}=={peer.version}" for peer in PEERS if peer.least_python and not _python_too_old(peer)]
    subprocess.run([sys.executable, "-m", "venv", str(HERE / "venv")], check=True)
    subprocess.run([str(HERE / "venv/bin/python"), "-m", "pip", "install", "--quiet", *pip], check=True)


def missing(peer: Peer) -> str:
    """Why a peer cannot be started; empty when it can."""
    if peer.least_python is None and node() is None:
        return f"needs Node {LEAST_NODE} or newer: make conformance brings it"
    if _python_too_old(peer):
        return f"needs Python {'.'.join(map(str, peer.least_python or ()))}, this is {sys.version.split()[0]}"
    found = _installed(peer)
    return "" if found == peer.version else f"version {peer.version} is not installed (found: {found}): {INSTALL}"


def _python_too_old(peer: Peer) -> bool:
    return peer.least_python is not None and sys.version_info[:2] < peer.least_python


def _installed(peer: Peer) -> str:
    if peer.least_python is None:
        file = HERE / "node_modules" / peer.package / "package.json"
        return str(json.loads(file.read_text(encoding="utf-8"))["version"]) if file.is_file() else "none"
    name = peer.package.replace("-", "_")
    infos = [file.name for file in (HERE / "venv").glob(f"lib/*/site-packages/{name}-*.dist-info")]
    return infos[0].removeprefix(f"{name}-").removesuffix(".dist-info") if infos else "none"


def command(peer: Peer, folder: Path) -> list[str]:
    """What starts an installed peer."""
    arguments = [word.replace(FOLDER, str(folder)) for word in peer.arguments]
    if peer.least_python is not None:
        return [str(HERE / "venv/bin" / peer.program), *arguments]
    return [str(node()), str(HERE / "node_modules/.bin" / peer.program), *arguments]
