"""What docs/architecture.md promises about the source, checked on the source.

Every rule is tried twice: on a piece of text that breaks it (so that it is known to bite) and on the package.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from opstwin import errors
from tests import architecture_rules as rules
from tests.architecture_rules import Module, Rule, modules

ROOT = Path(__file__).parents[1]
PACKAGE = modules(ROOT, "opstwin")
EVERYTHING = [*PACKAGE, *modules(ROOT, "tests"), *modules(ROOT, "benchmarks")]
MAX_OUTERMOST = 5

# rule -> texts that break it, as (path, text)
BROKEN: dict[Rule, list[tuple[str, str]]] = {
    rules.too_long: [("opstwin/a.py", "x = 1\n" * 501)],
    rules.init_holds_code: [
        ("opstwin/a/__init__.py", '"""Doc."""\nfrom opstwin.a.b import c\n'),
        ("opstwin/a/__init__.py", ""),
    ],
    rules.vague_name: [
        ("opstwin/utils.py", ""),
        ("opstwin/control/plan_helpers.py", ""),
        ("opstwin/manager/a.py", ""),
    ],
    rules.writer_elsewhere: [
        ("opstwin/control/planning.py", "from opstwin.targets.ports import Writer\n"),
        ("opstwin/control/planning.py", "from opstwin.targets.ports import Writer as W\n"),
        ("opstwin/tools/a.py", "import opstwin.targets.ports as p\ndef f(w: p.Writer): ...\n"),
        ("opstwin/server/a.py", "def f(w: 'Writer'): ...\n"),
        ("opstwin/server/a.py", "from opstwin.targets.docker.writing import DockerWriter\n"),
    ],
    rules.shell_or_eval: [
        ("opstwin/a.py", "import subprocess\nsubprocess.run('ls', shell=True)\n"),
        ("opstwin/a.py", "run('ls', shell=flag)\n"),
        ("opstwin/a.py", "import os\nos.system('ls')\n"),
        ("opstwin/a.py", "eval('1')\n"),
        ("opstwin/a.py", "exec('1')\n"),
    ],
    rules.shell_imported: [("opstwin/a.py", "from os import system\n")],
    rules.blanket_except: [
        ("opstwin/a.py", "try:\n    f()\nexcept Exception:\n    pass\n"),
        ("opstwin/a.py", "try:\n    f()\nexcept (ValueError, BaseException) as e:\n    raise KeyError from e\n"),
        ("opstwin/a.py", "try:\n    f()\nexcept:\n    pass\n"),
    ],
    rules.port_too_wide: [
        ("opstwin/a.py", "class P(Protocol):\n" + "".join(f"    async def m{n}(self): ...\n" for n in range(7))),
        ("opstwin/a.py", "class P(Protocol[T]):\n" + "".join(f"    def m{n}(self): ...\n" for n in range(7))),
    ],
    rules.prints: [("opstwin/a.py", "def f():\n    print('x')\n"), ("opstwin/cli/a.py", "print('x')\n")],
    rules.impure_domain: [
        ("opstwin/domain/a.py", "datetime.now(UTC)\n"),
        ("opstwin/domain/a.py", "uuid.uuid4()\n"),
        ("opstwin/domain/a.py", "open('x')\n"),
    ],
    rules.eager_hub: [
        ("opstwin/cli/a.py", "from opstwin.server.app import create\n"),
        ("opstwin/cli/a.py", "from opstwin import wiring\n"),
        ("opstwin/cli/a.py", "if x:\n    import opstwin.wiring\n"),
    ],
}
# rule -> texts that look alike and are allowed
ALLOWED: dict[Rule, list[tuple[str, str]]] = {
    rules.writer_elsewhere: [
        ("opstwin/control/applying.py", "from opstwin.targets.ports import Writer\n"),
        ("opstwin/wiring.py", "from opstwin.targets.ports import Writer\n"),
        ("opstwin/wiring/hub.py", "from opstwin.targets.ports import Writer\n"),
        ("opstwin/targets/sim/a.py", "class SimWriter(Writer): ...\n"),
        ("opstwin/server/a.py", "import csv\ncsv.writer(f)\n"),
    ],
    rules.shell_or_eval: [("opstwin/a.py", "await writer.exec(step)\nrun(['ls'], shell=False)\n")],
    rules.blanket_except: [("opstwin/a.py", "try:\n    f()\nexcept BaseException:\n    undo()\n    raise\n")],
    rules.prints: [("opstwin/cli/output.py", "print('x')\n")],
    rules.impure_domain: [("opstwin/clock.py", "datetime.now(UTC)\n")],
    rules.eager_hub: [("opstwin/cli/a.py", "def up():\n    from opstwin.server.app import create\n")],
}


def findings(rule: Rule, over: list[Module]) -> list[str]:
    return [line for module in over for line in rule(module)]


def pairs(table: dict[Rule, list[tuple[str, str]]]) -> list[object]:
    return [
        pytest.param(rule, Module(*case), id=f"{rule.__name__}-{n}")
        for rule, cases in table.items()
        for n, case in enumerate(cases)
    ]


@pytest.mark.parametrize(("rule", "module"), pairs(BROKEN))
def test_each_rule_finds_what_breaks_it(rule: Rule, module: Module) -> None:
    assert findings(rule, [module])


@pytest.mark.parametrize(("rule", "module"), pairs(ALLOWED))
def test_each_rule_lets_pass_what_is_allowed(rule: Rule, module: Module) -> None:
    assert not findings(rule, [module])


@pytest.mark.parametrize(
    "rule", [rule for rule in BROKEN if rule is not rules.blanket_except], ids=lambda r: r.__name__
)
def test_the_source_keeps_the_rule(rule: Rule) -> None:
    over = EVERYTHING if rule in {rules.too_long, rules.vague_name} else PACKAGE
    found = findings(rule, over)
    assert not found, "\n" + "\n".join(found)


def test_there_is_a_package_to_look_at() -> None:
    assert len(PACKAGE) > 10


def test_only_the_outermost_loops_catch_everything() -> None:
    outermost = outermost_modules()
    assert 0 < len(outermost) <= MAX_OUTERMOST, "the list of outermost loops in pyproject.toml is to stay short"
    inner = [module for module in PACKAGE if module.path not in outermost]
    found = findings(rules.blanket_except, inner)
    assert not found, "\n" + "\n".join(found)


def outermost_modules() -> set[str]:
    """The modules that pyproject.toml lets catch everything."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    ignores: dict[str, list[str]] = config["tool"]["ruff"]["lint"]["per-file-ignores"]
    return {path for path, codes in ignores.items() if "BLE001" in codes}


def test_layers_and_import_contracts_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"


def error_classes() -> set[type[errors.OpstwinError]]:
    """The whole tree, root included."""
    found: set[type[errors.OpstwinError]] = set()
    queue = [errors.OpstwinError]
    while queue:
        found.add(queue[-1])
        queue.extend(queue.pop().__subclasses__())
    return {cls for cls in found if cls.__module__ == errors.__name__}


def test_every_error_is_mapped_to_a_status() -> None:
    from opstwin.server.problems import STATUS

    names = {cls.__name__ for cls in error_classes() - STATUS.keys()}
    assert not names, f"no HTTP status in opstwin/server/problems.py STATUS for: {sorted(names)}"
    odd = {cls.__name__: status for cls, status in STATUS.items() if not 400 <= status <= 599}
    assert not odd, f"not an error status: {odd}"


def test_every_error_has_its_own_code() -> None:
    codes = [cls.__dict__.get("code") for cls in error_classes()]
    inherited = [cls.__name__ for cls in error_classes() if "code" not in cls.__dict__]
    assert not inherited, f"no code of their own: {sorted(inherited)}"
    assert len(codes) == len(set(codes)), f"two errors share a code: {sorted(map(str, codes))}"


def test_errors_live_in_one_tree() -> None:
    names = {cls.__name__ for cls in error_classes()}
    broken = Module("opstwin/twin/a.py", "class Lost(errors.StoreError): ...\n")
    assert list(rules.stray_error(broken, names))
    found = [line for module in PACKAGE for line in rules.stray_error(module, names)]
    assert not found, "\n" + "\n".join(found)


def test_the_command_line_starts_without_the_hubs_libraries() -> None:
    heavy = ["alembic", "docker", "fastapi", "sqlalchemy", "sqlmodel", "uvicorn"]
    program = (
        f"import json, sys, opstwin.cli.main\nprint(json.dumps([name for name in {heavy!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [], "opstwin --help would load these: import them where they are used"
