"""Plugins are found by entry point; a bad one is refused by name and takes nothing down."""

import ast
import inspect
import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from opstwin.catalog import hub_and_spoke, loading
from opstwin.catalog.component import About, Component
from opstwin.catalog.loading import GROUP, checked, entry_of, load
from opstwin.errors import InvalidInput, NotFound
from tests.unit.catalog.plugin_source import PLUGIN

METHODS = ("requires", "existence", "desired", "upgrade", "health")


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=GROUP)


def without(method: str) -> object:
    """A controller without one of its methods."""
    kept = {key: value for key, value in vars(hub_and_spoke.Controller).items() if key not in (method, "__dict__")}
    return type("Broken", (), kept)()


def test_the_worked_example_is_found_by_its_entry_point() -> None:
    entry = load().need("hub-and-spoke")
    assert [part.about.kind for part in entry.parts] == ["controller", "router"], "what is required comes first"
    assert entry.source.startswith("opstwin ")


@pytest.mark.req("S1.26")
@pytest.mark.parametrize("method", METHODS)
def test_plugin_missing_method_rejected_at_load(method: str) -> None:
    with pytest.raises(InvalidInput, match=rf"lacks the method {method}\(\)") as caught:
        checked(without(method), "broken")
    assert caught.value.details == {"field": method, "component": "broken", "method": method}


def test_the_loader_checks_every_method_of_the_port() -> None:
    tree = ast.parse(inspect.getsource(Component))
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert names == {"about", *METHODS}
    assert set(loading._METHODS) == set(METHODS)


@pytest.mark.req("S1.26")
def test_a_method_with_other_parameters_is_rejected_at_load() -> None:
    class Deaf(hub_and_spoke.Controller):
        def upgrade(self) -> tuple[str, ...]:  # type: ignore[override]
            return ()

    with pytest.raises(InvalidInput, match="upgrade"):
        checked(Deaf(), "deaf")


@pytest.mark.req("S1.26")
def test_a_method_that_waits_is_rejected_because_components_are_pure() -> None:
    class Waiting(hub_and_spoke.Controller):
        async def health(self, settings: object, observed: object) -> object:  # type: ignore[override]
            return None

    with pytest.raises(InvalidInput, match="health"):
        checked(Waiting(), "waiting")


@pytest.mark.slow
@pytest.mark.req("S1.26")
def test_the_type_checker_finds_a_missing_method_before_run_time(tmp_path: Path) -> None:
    whole = (PLUGIN / "opstwin_plugin_demo" / "page.py").read_text()
    typed = whole.replace("COMPONENT = Page()", "COMPONENT: Component = Page()").replace(
        "import About,", "import About, Component,"
    )
    (tmp_path / "whole.py").write_text(typed)
    plugin = tmp_path / "plugin.py"
    plugin.write_text(typed.replace("def upgrade(", "def upgraded("))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", "whole.py", "plugin.py"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert '"Page" is missing following "Component" protocol member' in done.stdout
    assert "upgrade" in done.stdout
    assert "whole.py" not in done.stdout


BAD = {
    "cannot-import": "opstwin_no_such_plugin:COMPONENT",
    "no-attribute": "opstwin.catalog.hub_and_spoke:NOTHING",
    "not-a-component": "json:loads",
    "a-class": "opstwin.catalog.hub_and_spoke:Controller",
    "Bad Name": "opstwin.catalog.hub_and_spoke:COMPONENT",
    "exits": "bad_plugin_exits:COMPONENT",
    "raises": "bad_plugin_raises:COMPONENT",
    "treacherous": "bad_plugin_treacherous:COMPONENT",
}


@pytest.fixture
def bad_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    (tmp_path / "bad_plugin_exits.py").write_text("import sys\nsys.exit(3)\n")
    (tmp_path / "bad_plugin_raises.py").write_text("raise RuntimeError('no luck')\n")
    (tmp_path / "bad_plugin_treacherous.py").write_text(
        "from opstwin.catalog.hub_and_spoke import Controller\n"
        "class Treacherous(Controller):\n"
        "    def requires(self):\n"
        "        raise KeyboardInterrupt\n"
        "COMPONENT = Treacherous()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return [point(name, value) for name, value in BAD.items()]


@pytest.mark.req("S1.26")
def test_a_bad_plugin_never_takes_the_others_down(bad_plugins: list[EntryPoint]) -> None:
    good = point("good", "opstwin.catalog.hub_and_spoke:COMPONENT")
    catalog = load([*bad_plugins[:4], good, *bad_plugins[4:]])
    assert list(catalog.entries) == ["good"]
    assert {item.use for item in catalog.refused} == set(BAD)
    for item in catalog.refused:
        assert item.error.code == "invalid_input"
        assert item.error.next_step


def test_asking_for_a_refused_plugin_says_why(bad_plugins: list[EntryPoint]) -> None:
    with pytest.raises(NotFound, match="no luck"):
        load(bad_plugins).need("raises")


def test_asking_for_what_nobody_gives_names_what_there_is() -> None:
    with pytest.raises(NotFound) as caught:
        load().need("hub-and-spok")
    assert caught.value.details["choices"] == ["hub-and-spoke"]


def test_a_plugin_cannot_take_the_name_of_a_component_that_is_there() -> None:
    value = "opstwin.catalog.hub_and_spoke:COMPONENT"
    catalog = load([point("one", value), point("two", value)])
    assert list(catalog.entries) == ["one"]
    assert "there already" in catalog.refused[0].error.message


def test_components_that_require_each_other_are_refused_by_name() -> None:
    def part(name: str, need: str) -> object:
        about = About(name=name, kind=name, version="1")
        return type("Part", (hub_and_spoke.Controller,), {"about": about, "requires": lambda self: (need,)})()

    with pytest.raises(InvalidInput, match=r"a → b → a|b → a → b"):
        entry_of("circle", (part("a", "b"), part("b", "a")))
    with pytest.raises(InvalidInput, match="requires c"):
        entry_of("open", (part("a", "c"),))


@pytest.mark.slow
@pytest.mark.req("S1.34")
def test_a_plugin_that_is_installed_is_there_without_a_change_to_the_core(tmp_path: Path) -> None:
    ask = (
        "import json; from opstwin.catalog.loading import load; c = load()\n"
        "print(json.dumps([sorted(c.entries), [part.about.name for part in c.parts()]]))"
    )

    def listed(environment: dict[str, str]) -> list[list[str]]:
        done = subprocess.run(
            [sys.executable, "-c", ask], capture_output=True, text=True, check=True, env={**os.environ, **environment}
        )
        return list(json.loads(done.stdout))

    target = tmp_path / "site"
    source = tmp_path / "source"
    source.mkdir()
    for file in PLUGIN.rglob("*"):
        if file.is_file() and file.suffix in (".py", ".toml", ".md"):
            (source / file.relative_to(PLUGIN)).parent.mkdir(parents=True, exist_ok=True)
            (source / file.relative_to(PLUGIN)).write_bytes(file.read_bytes())
    pip = [
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        str(target),
        str(source),
    ]
    subprocess.run([sys.executable, "-m", "pip", *pip], check=True, capture_output=True, text=True)
    assert listed({}) == [["hub-and-spoke"], ["hub-and-spoke-controller", "hub-and-spoke-router"]]
    names = listed({"PYTHONPATH": str(target)})
    assert names[0] == ["demo", "hub-and-spoke"]
    assert "demo-page" in names[1]
