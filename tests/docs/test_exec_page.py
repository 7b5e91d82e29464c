"""docs/exec.md: its numbers, folders, examples and promises are those of the code."""

import re
from pathlib import Path

import pytest

from opstwin.cli.exits import Exit
from opstwin.control.commanding import AT_ONCE
from opstwin.domain.command import OUTPUT_BYTES, TIMEOUT_S
from opstwin.domain.read_only import why_not_read_only
from opstwin.settings import Settings
from opstwin.targets.host.limits import MIB, Limits
from opstwin.targets.host.sandbox import OLDEST, OUTSIDE_ID, Sandbox
from opstwin.targets.kept_output import FLOOD_BYTES
from tests.docs.pages import page

PAGE = page("docs/exec.md")
TEXT = " ".join(PAGE.text.split())


def test_its_limits_are_the_real_ones() -> None:
    limits = Limits()
    for words in (
        f"{TIMEOUT_S:g} s, or `--timeout` up to the setting `exec_timeout_s` ({Settings().exec_timeout_s:g} s)",
        f"{OUTPUT_BYTES // 1024} KiB of each stream are kept; after {FLOOD_BYTES // MIB} MiB it is killed",
        f"{limits.memory_bytes // MIB} MiB for all its processes, {limits.address_bytes // MIB // 1024} GiB of address",
        f"{limits.scratch_bytes // MIB} MiB in `/tmp`", f"| {limits.processes} |", f"{AT_ONCE} commands on one target",
        f"user id {OUTSIDE_ID}", f"bubblewrap) {OLDEST[0]}.{OLDEST[1]} or newer",
        f"and {Exit.WAITING.value} when it waits",
    ):  # fmt: skip
        assert words in TEXT, words


@pytest.mark.parametrize("line", re.findall(r"^opstwin exec (?!--plan).*? -- (.+)$", PAGE.text, re.MULTILINE))
def test_its_examples_run_at_once(line: str) -> None:
    assert why_not_read_only(line.split()) == ""


def test_what_it_calls_not_on_the_list_is_not() -> None:
    for words in (
        "cat x",
        "env",
        "ps e",
        "sh",
        "find",
        "xargs",
        "redis-cli -h x ping",
        "kubectl --server=x",
        "/opt/ps",
    ):
        assert why_not_read_only(words.split()) != ""


def test_the_folders_that_it_calls_hidden_are_hidden() -> None:
    hidden = re.findall(r"`(/[a-z/]+)`", PAGE.text.partition("- Unix sockets")[2].partition("- root")[0])
    words = Sandbox().words()
    assert len(hidden) >= 8
    there = [path for path in hidden if Path(path).resolve() == Path(path) and Path(path).is_dir()]
    assert {"/root", "/home", "/run"} <= set(there)
    assert [path for path in there if path not in words] == []
