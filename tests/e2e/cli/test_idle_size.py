"""What a hub that nobody asks anything holds in its memory: modules are most of it, and their names do not vary."""

import json
import subprocess
import sys

import pytest

from tests.surroundings import bare_environment

UNUSED = {
    # Used once, by verbs other than this one, or by requests that most hubs never see.
    "alembic", "typer", "opstwin.cli.main", "opstwin.control.signing", "re2", "sqlalchemy.dialects.postgresql",
    # Loaded by libraries that find them, for what the hub has no use for.
    "rich", "pygments", "greenlet",
    # The planner, its models and its memory; clusters; checks of policies.
    "langgraph", "langchain_core", "openai", "anthropic", "chromadb", "numpy", "kubernetes", "celpy", "jsonschema",
}  # fmt: skip

MOST_MODULES = 1840
"""An idle hub with a Docker Engine had 1,855 when the option parser and rich were among them, at 80 KB each."""

PROGRAM = """
import json, os, signal, sys, threading, time
from pathlib import Path

def told():
    hub, until = Path(os.environ["OPSTWIN_DATA_DIR"], "hub.json"), time.monotonic() + 100
    while not (hub.exists() and "opstwin.server.mcp.offers" in sys.modules) and time.monotonic() < until:
        time.sleep(0.05)
    import opstwin.targets.docker.driver
    print(json.dumps(sorted(sys.modules)), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=told, daemon=True).start()
sys.argv = ["opstwin", "up", "--port", "0"]
from opstwin.cli.entry import main
main()
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules of a hub on its first start, with the driver of the Docker Engine and its MCP server ready."""
    folder = tmp_path_factory.mktemp("idle")
    (folder / "config.toml").touch()
    own = {"OPSTWIN_DATA_DIR": str(folder / "data"), "OPSTWIN_CONFIG": str(folder / "config.toml")}
    given = bare_environment() | own | {"OPSTWIN_DETECT_DOCKER": "false", "OPSTWIN_LOG_FORMAT": "json"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_an_idle_hub_has_not_loaded_what_it_does_not_use(loaded: set[str]) -> None:
    assert loaded & UNUSED == set()


def test_an_idle_hub_stays_within_its_number_of_modules(loaded: set[str]) -> None:
    assert {"opstwin.server.mcp.face", "opstwin.targets.docker.engine", "opstwin.twin.sql"} <= loaded
    assert len(loaded) <= MOST_MODULES
