"""The logic is in typed code: there are next to no shell scripts, and the package starts none."""

import ast
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.docs.pages import ROOT

MOST = 5
CLUSTER = "tests/e2e/kube/"
"""Building Kubernetes from Debian's sources and starting its six programs is a matter of commands."""

SHELLS = frozenset({b"sh", b"bash", b"env bash", b"env sh"})
STARTERS = re.compile(
    r"(subprocess\.(Popen|run|call|check_call|check_output)|asyncio\.create_subprocess_(exec|shell)"
    r"|os\.(system|popen|exec[lv]p?e?|posix_spawnp?|spawn[lv]p?e?))"
)


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def is_shell_script(name: str) -> bool:
    with (ROOT / name).open("rb") as file:
        first = file.readline(80)
    return name.endswith(".sh") or (first.startswith(b"#!") and first.split(b"/")[-1].strip() in SHELLS)


@pytest.mark.req("S1.25")
def test_there_are_next_to_no_shell_scripts_and_none_in_the_package() -> None:
    scripts = [name for name in tracked() if is_shell_script(name)]
    assert len([name for name in scripts if not name.startswith(CLUSTER)]) <= MOST, scripts
    assert not [name for name in scripts if name.startswith("opstwin/")]


def started(source: str) -> Iterator[str]:
    """The programs that a module starts, as it writes them: the first word of each call."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and STARTERS.fullmatch(ast.unparse(node.func)) and node.args:
            first = node.args[0]
            yield ast.unparse(first.elts[0] if isinstance(first, ast.List) and first.elts else first)


@pytest.mark.parametrize(
    "source",
    [
        "subprocess.run(['./do.sh'])",
        "os.execv('/bin/sh', [])",
        "asyncio.create_subprocess_exec('bash', '-c', 'x')",
    ],
)
def test_a_module_that_starts_a_script_is_found(source: str) -> None:
    assert [word for word in started(source) if word != "sys.executable"]


@pytest.mark.req("S1.25")
def test_the_package_starts_nothing_but_itself_and_the_program_that_shuts_commands_in() -> None:
    found = {
        str(file.relative_to(ROOT)): words
        for file in (ROOT / "opstwin").rglob("*.py")
        if (words := [word for word in started(file.read_text(encoding="utf-8")) if word != "sys.executable"])
    }
    assert found == {"opstwin/targets/host/commands.py": ["bwrap", "call.tools.bwrap"]}
