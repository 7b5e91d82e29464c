"""Other MCP servers beside ours in one run: start to `tools/list`, size of the definitions, size of one list.

python -m benchmarks.mcp_peers --install     brings them, in these versions, into the folder `.peers`
python -m benchmarks.mcp_peers               measures them

What is not installed or does not start is named with its reason. Peers are started without `npx`, which would add its
own time, in an empty home folder, and get nothing of this process's environment but the PATH. The Kubernetes ones list
pods only if BENCH_KUBECONFIG names a file; otherwise they get a configuration whose cluster does not answer.
"""

import json
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.mcp_calls import furnished
from benchmarks.mcp_spawn import shim
from benchmarks.measuring import figure
from benchmarks.peer_packages import FOLDER, LISTED, PEERS, Peer, command, install, missing
from benchmarks.processes import started
from benchmarks.stdio_server import NoAnswerError, StdioServer, opened, seconds_to_tools

OURS = "opstwin mcp"
CHARACTERS_A_TOKEN = 4
NO_CLUSTER = """apiVersion: v1
kind: Config
clusters: [{name: none, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: none, user: {}}]
contexts: [{name: none, context: {cluster: none, user: none}}]
current-context: none
"""


def tokens(value: Any) -> int:
    """The measure of tests/interaction/test_mcp_offers.py: compact JSON, or text as it is, 4 characters a token."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return round(len(text) / CHARACTERS_A_TOKEN)


def answer_size(result: dict[str, Any]) -> dict[str, Any]:
    """Tokens of one answer: its text, and its structured content where it has any."""
    text = "".join(part.get("text", "") for part in result["content"])
    if result.get("isError"):
        return {"not_measured": text[:200]}
    structured = result.get("structuredContent")
    return {"text_tokens": tokens(text)} | ({} if structured is None else {"structured_tokens": tokens(structured)})


def _listed(server: StdioServer, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return answer_size(server.ask("tools/call", {"name": name, "arguments": arguments}))
    except NoAnswerError as error:
        return {"not_measured": str(error)}


@dataclass(frozen=True)
class Contender:
    """Something to start and ask."""

    command: list[str]
    environment: dict[str, str]
    listing: tuple[str, dict[str, Any]] | None
    lists: str

    def sizes(self) -> dict[str, Any]:
        """Tools, their tokens, and those of the list. Raises NoAnswerError."""
        with opened(self.command, self.environment) as server:
            tools = server.tools()
            found: dict[str, Any] = {"tools": len(tools), "definition_tokens": tokens(tools)}
            if self.listing is not None:
                found["list"] = {"of": self.lists, **_listed(server, *self.listing)}
            elif self.lists:
                found["list"] = {"of": self.lists, "not_measured": "no cluster was named (BENCH_KUBECONFIG)"}
        return found

    def seconds(self) -> float:
        """One start. Raises NoAnswerError."""
        return seconds_to_tools(self.command, self.environment)


def contender(peer: Peer, home: Path, folder: Path) -> Contender:
    """An installed peer, in a home of its own; without a cluster it is not asked for pods."""
    cluster = os.environ.get("BENCH_KUBECONFIG", "")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": cluster or str(home / "kubeconfig")}
    listing = None if peer.needs_cluster and not cluster else peer.listing
    if listing is not None:
        named = {key: str(folder) if value == FOLDER else value for key, value in listing[1].items()}
        listing = (listing[0], named)
    return Contender(command(peer, folder), environment, listing, peer.lists)


def all_figures(runs: int = 15) -> dict[str, Any]:
    """Ours with a running hub and each peer that starts, one after the other in turn; medians in milliseconds."""
    with tempfile.TemporaryDirectory() as place:
        home, folder, data = (Path(place) / name for name in ("home", "files", "data"))
        home.mkdir()
        folder.mkdir()
        for number in range(LISTED):
            (folder / f"file-{number}.txt").touch()
        (home / "kubeconfig").write_text(NO_CLUSTER, encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("OPSTWIN_")}
        environment |= {"OPSTWIN_DATA_DIR": str(data), "OPSTWIN_DETECT_DOCKER": "false", "OPSTWIN_LOG_LEVEL": "ERROR"}
        environment["OPSTWIN_POLICY"] = "solo"  # One operator: a plan of this many containers is high risk.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        _, process = started(data, environment)
        try:
            furnished(json.loads((data / "hub.json").read_text()), data, LISTED)
            ours = Contender(shim(), environment, ("twin_query", {}), f"{LISTED} containers")
            there = {f"{peer.package} {peer.version}": peer for peer in PEERS}
            why = {name: missing(peer) for name, peer in there.items()}
            able = {name: contender(peer, home, folder) for name, peer in there.items() if not why[name]}
            return {"mcp_peers": _compared({OURS: ours, **able}, runs) | _absent(why)}
        finally:
            process.terminate()
            process.wait(20)


def _absent(why: dict[str, str]) -> dict[str, Any]:
    for name, reason in why.items():
        if reason:
            print(f"not measured: {name} {reason}", file=sys.stderr)
    return {name: {"not_measured": reason} for name, reason in why.items() if reason}


def _compared(contenders: dict[str, Contender], runs: int) -> dict[str, Any]:
    """Who fails once is out, with the reason; ours may not fail."""
    sizes: dict[str, Any] = {}
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    fallen: dict[str, str] = {}
    for turn in range(runs + 1):
        for name, each in contenders.items():
            if name in fallen:
                continue
            try:
                if turn == 0:
                    sizes[name] = each.sizes()
                else:
                    taken[name].append(each.seconds())
            except NoAnswerError as error:
                if name == OURS:
                    raise
                fallen[name] = f"does not start here: {error}"
    base = statistics.median(taken[OURS])
    whole = {name: taken[name] for name in contenders if name not in fallen}
    return _absent(fallen) | {
        name: figure(values, times_ours=round(statistics.median(values) / base, 2), **sizes[name])
        for name, values in whole.items()
    }


if __name__ == "__main__":
    if "--install" in sys.argv[1:]:
        install()
    else:
        print(json.dumps(all_figures(), indent=2))
