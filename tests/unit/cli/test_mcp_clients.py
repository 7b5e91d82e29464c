"""Installing into a client: the right file, the diff first, a backup, and never without a yes."""

import base64
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from opstwin.cli.mcp_clients import CLIENTS, ClientName, links
from opstwin.cli.mcp_options import TOOLSETS, Options, options_of
from opstwin.tools.registry import Toolset

ENTRY = {"command": "/a b/opstwin", "args": ["mcp"], "env": {"OPSTWIN_DATA_DIR": "/데이터&x=1"}}
FILES = {
    "claude-desktop": ".config/Claude/claude_desktop_config.json", "claude-code": ".claude.json",
    "cursor": ".cursor/mcp.json", "vscode": ".config/Code/User/mcp.json",
}  # fmt: skip


def run(home: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """`opstwin mcp …` of a user with this home; nobody is at the terminal."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OPSTWIN_", "XDG_", "CLAUDE_"))}
    return subprocess.run(
        [sys.executable, "-m", "opstwin.cli", "mcp", *words], env=kept | {"HOME": str(home), "NO_COLOR": "1"} | more,
        cwd=home, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("client", list(FILES))
def test_a_client_is_told_shown_the_change_and_untold(tmp_path: Path, client: str) -> None:
    member = CLIENTS[ClientName(client)].member
    file = tmp_path / FILES[client]
    done = run(tmp_path, "install", client, "--yes")
    assert done.returncode == 0, done.stderr
    assert str(file) in done.stdout
    assert '+    "opstwin": {' in done.stdout
    entry = json.loads(file.read_text())[member]["opstwin"]
    assert Path(entry["command"]).is_absolute()
    assert entry["args"][-1] == "mcp"
    assert entry.get("type") == ("stdio" if client in ("claude-code", "vscode") else None)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    again = run(tmp_path, "install", client, "--yes")
    assert (again.returncode, again.stdout, file.read_bytes()) == (0, "", before)
    assert "needs no change" in again.stderr
    gone = run(tmp_path, "uninstall", client, "--yes")
    assert gone.returncode == 0, gone.stderr
    assert json.loads(file.read_text()) == {member: {}}


def test_nothing_is_written_without_a_yes(tmp_path: Path) -> None:
    refused = run(tmp_path, "install", "cursor")
    assert refused.returncode == 5
    assert '+    "opstwin": {' in refused.stdout
    assert "--yes" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_is_kept_beside_it_with_its_rights_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "claude.json"
    real.parent.mkdir()
    before = '\ufeff{"userID": "u", "mcpServers": {"b": {"command": "x"}}}'
    real.write_text(before, encoding="utf-8")
    real.chmod(0o640)
    (tmp_path / ".claude.json").symlink_to(real)
    for number in (1, 2):
        done = run(tmp_path, "install", "claude-code", "--yes", "--name", f"twin{number}", "--toolset", "core")
        assert done.returncode == 0, done.stderr
    assert (tmp_path / ".claude.json").is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    found = json.loads(real.read_text(encoding="utf-8-sig"))
    assert list(found["mcpServers"]) == ["b", "twin1", "twin2"]
    assert found["mcpServers"]["twin1"]["args"][-3:] == ["mcp", "--toolset", "core"]
    assert real.read_text(encoding="utf-8").startswith("\ufeff")
    backups = sorted(real.parent.glob("*.bak"))
    assert len(backups) == 2
    assert before in [item.read_text(encoding="utf-8") for item in backups]
    assert {stat.S_IMODE(item.stat().st_mode) for item in backups} == {0o640}


def test_a_file_with_comments_is_left_alone_and_the_block_is_printed(tmp_path: Path) -> None:
    file = tmp_path / FILES["vscode"]
    file.parent.mkdir(parents=True)
    file.write_text('{\n  // mine\n  "servers": {}\n}\n')
    done = run(tmp_path, "install", "vscode", "--yes")
    assert done.returncode == 1
    assert json.loads(done.stdout)["servers"]["opstwin"]["type"] == "stdio"
    assert str(file) in done.stderr
    assert "comments" in done.stderr
    assert file.read_text() == '{\n  // mine\n  "servers": {}\n}\n'
    assert list(file.parent.iterdir()) == [file]


def test_a_projects_own_file_can_be_named(tmp_path: Path) -> None:
    assert run(tmp_path, "install", "claude-code", "--yes", "--file", ".mcp.json").returncode == 0
    assert "opstwin" in json.loads((tmp_path / ".mcp.json").read_text())["mcpServers"]


@pytest.mark.parametrize("client", list(FILES))
def test_the_block_can_be_printed_with_places_that_hold_from_anywhere(tmp_path: Path, client: str) -> None:
    done = run(tmp_path, "install", client, "--print", OPSTWIN_DATA_DIR="data", OPSTWIN_TOKEN="opt_canary",
               OPSTWIN_URL="http://hub:8484")  # fmt: skip
    [entry] = next(iter(json.loads(done.stdout).values())).values()
    assert entry["env"] == {"OPSTWIN_URL": "http://hub:8484", "OPSTWIN_DATA_DIR": str(tmp_path / "data")}
    assert "canary" not in done.stdout + done.stderr
    assert str(tmp_path / FILES[client]) in done.stderr
    assert ("mcp/install?" in done.stderr) == (client in ("cursor", "vscode"))
    assert not (tmp_path / FILES[client]).exists()


def test_a_link_for_cursor_holds_the_entry() -> None:
    [link] = links(ClientName.CURSOR, "my twin", ENTRY)
    parts = urlsplit(link)
    assert (parts.scheme, parts.netloc, parts.path) == ("cursor", "anysphere.cursor-deeplink", "/mcp/install")
    query = parse_qs(parts.query, strict_parsing=True)
    assert query["name"] == ["my twin"]
    assert json.loads(base64.b64decode(query["config"][0])) == ENTRY


def test_links_for_vs_code_hold_the_entry() -> None:
    direct, through = links(ClientName.VSCODE, "my twin", ENTRY)
    start, _, query = direct.partition("?")
    assert start == "vscode:mcp/install"
    assert json.loads(unquote(query)) == {"name": "my twin"} | ENTRY
    found = parse_qs(urlsplit(through).query, strict_parsing=True)
    assert through.startswith("https://insiders.vscode.dev/redirect/mcp/install?")
    assert (found["name"], json.loads(found["config"][0])) == (["my twin"], ENTRY)


@pytest.mark.parametrize(
    ("words", "path"),
    [("", "/mcp"), ("--read-only", "/mcp/readonly"), ("--toolset metrics", "/mcp/x/metrics"),
     ("--toolset=admin --no-start --url http://h --token=t", "/mcp/x/admin")],
)  # fmt: skip
def test_options_that_are_served_at_once(words: str, path: str) -> None:
    options = options_of(words.split())
    assert options is not None
    assert options.path == path


@pytest.mark.parametrize(
    "words",
    ["tools", "--help", "--toolset", "--toolset hosts,core", "--toolset ../x", "--read-only --toolset core", "x"],
)
def test_everything_else_is_for_the_command_line_to_answer(words: str) -> None:
    assert options_of(words.split()) is None


def test_the_sets_of_tools_are_those_of_the_registry() -> None:
    assert set(TOOLSETS) == set(Toolset)
    assert Options().sound


@pytest.mark.parametrize("words", [["--toolset", "nothing"], ["--read-only", "--toolset", "core"]])
def test_a_choice_that_there_is_not_is_refused_with_the_choices(tmp_path: Path, words: list[str]) -> None:
    done = run(tmp_path, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert ", ".join(TOOLSETS) in done.stderr
