"""docs/architecture.md: its layers, parts, ports and errors are those of the code."""

import re
import tomllib

from opstwin import errors
from tests.docs.pages import ROOT, page

PAGE = page("docs/architecture.md")
LAYERS, ERRORS = PAGE.blocks("")


def layers_of_the_page() -> list[set[str]]:
    """The names at the beginning of each line: single words with two or more spaces behind them."""
    return [set(re.match(r"(?:[a-z]+\s{2,})+", line)[0].split()) for line in LAYERS.splitlines()]  # type: ignore[index]


def test_the_layers_are_those_that_the_import_contract_holds() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = config["tool"]["importlinter"]["contracts"]
    held = next(item["layers"] for item in contracts if item["id"] == "layers")
    assert layers_of_the_page() == [set(re.findall(r"[a-z]+", layer)) for layer in held]


def test_parts_that_are_not_there_yet_are_named_and_no_others() -> None:
    parts = set().union(*layers_of_the_page())
    there = {
        item.stem for item in (ROOT / "opstwin").iterdir() if item.suffix == ".py" or (item / "__init__.py").exists()
    }
    missing = re.search(r"Not in this version yet: (.*?);", PAGE.text, re.DOTALL)
    assert missing
    named = {name.rstrip("/") for name in re.findall(r"`([a-z/]+)`", missing[1])}
    assert named - {"web", "deploy"} == parts - there
    assert not [name for name in ("web", "deploy") if (ROOT / name).exists() and name in named]


def test_every_error_class_stands_in_the_tree() -> None:
    named = set(re.findall(r"[A-Z][A-Za-z]+", ERRORS)) - {"LLM"}
    exist = {
        name for name, item in vars(errors).items() if isinstance(item, type) and issubclass(item, errors.OpstwinError)
    }
    assert exist <= named
    assert not [name for name in named - exist if name.endswith(("Error", "Input", "Plan"))]


def test_every_port_that_is_named_is_a_protocol() -> None:
    told = re.search(r"Ports, where something else could stand: (.*?)\. Why", PAGE.text, re.DOTALL)
    assert told
    source = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "opstwin").rglob("*.py"))
    missing = [name for name in re.findall(r"`([A-Za-z]+)`", told[1]) if f"class {name}(Protocol):" not in source]
    assert not missing


def test_every_module_that_is_named_exists() -> None:
    named = re.findall(r"`((?:control|targets|twin|tools|server|cli)/[a-z_/]+\.py)`", PAGE.text)
    assert named
    assert not [name for name in named if not (ROOT / "opstwin" / name).is_file()]
