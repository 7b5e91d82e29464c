"""A hub that is started with the seed's configuration, in a process of its own."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from opstwin.cli.exits import Exit
from tests.e2e.cli.conftest import Shell
from tests.unit.test_configuration import CANARY, SEED

MORE = """
  - name: spare
    type: sim
    endpoint: sim://spare
"""


@pytest.fixture
def seed(tmp_path: Path) -> Iterator[Shell]:
    """A user whose config file is the seed's. Nothing runs yet."""
    made = Shell(tmp_path, {"OPSTWIN_CONFIG": str(tmp_path / "hub.yaml")})
    made.file("hub.yaml", SEED)
    try:
        yield made
    finally:
        made.down()


@pytest.mark.req("S5.4", "S5.75")
def test_a_missing_variable_of_the_seeds_file_is_named_before_anything_starts(seed: Shell) -> None:
    for words in (("--check-config",), ("--port", "0")):
        ended = seed.run("up", *words)
        assert (ended.returncode, ended.stdout) == (Exit.ERROR, "")
        assert "OPENAI_API_KEY" in ended.stderr
    assert not (seed.folder / "data").exists()
    assert seed.run("up", "--check-config", OPENAI_API_KEY="x").returncode == Exit.OK


@pytest.mark.req("S5.4")
def test_the_file_may_be_named_and_what_is_wrong_in_it_is_too(seed: Shell) -> None:
    seed.file("other.yaml", "clusters:\n- {name: c1, type: moon}\n")
    ended = seed.run("up", "--config", "other.yaml", "--check-config")
    assert ended.returncode == Exit.ERROR
    assert "clusters[0]" in ended.stderr
    ended = seed.run("up", "--config", "gone.yaml", "--check-config")
    assert (ended.returncode, "gone.yaml cannot be read" in ended.stderr) == (Exit.ERROR, True)


@pytest.mark.req("S5.73", "S5.75", "S5.95")
def test_the_seeds_file_makes_the_targets_and_a_cluster_that_is_added_to_it_stands_after_a_restart(seed: Shell) -> None:
    seed.more["OPENAI_API_KEY"] = CANARY
    seed.up()
    assert {item["id"] for item in seed.json("targets", "list")["items"]} == {"aws-eks-seoul", "azure-aks-korea"}
    seed.down()
    nobody = "provider: openai\n  base_url: http://127.0.0.1:1/v1"
    seed.file("hub.yaml", SEED.replace("\ndocker:", f"{MORE}\ndocker:").replace("provider: openai", nobody))
    seed.up()
    targets = {item["id"]: item for item in seed.json("targets", "list")["items"]}
    assert sorted(targets) == ["aws-eks-seoul", "azure-aks-korea", "spare"]
    down = httpx2.get(f"{seed.url}/ready", timeout=30).json()["down"]
    assert sorted(down) == ["ai", "target aws-eks-seoul", "target azure-aks-korea"]
    rows = [row for row in seed.json("audit", "list")["items"] if row["action"] == "target.import"]
    assert [row["actor"]["id"] for row in rows] == ["hub", "hub"]
    kept = b"".join(path.read_bytes() for path in (seed.folder / "data").rglob("*") if path.is_file())
    assert b"azure-aks-korea" in kept
    assert CANARY.encode() not in kept
    assert CANARY not in (seed.folder / "hub.log").read_text() + json.dumps(targets)
