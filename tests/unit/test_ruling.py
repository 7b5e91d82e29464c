"""The operator's rules for manifests: which file, and what is said of one that is broken."""

from dataclasses import replace
from pathlib import Path

import pytest

from opstwin.cli.exits import Exit
from opstwin.cli.main import run
from opstwin.control.vetting import Vetting, stricter
from opstwin.errors import InvalidInput
from opstwin.manifests.checks.policy import Policy, Standard
from opstwin.settings import Settings
from opstwin.wiring.ruling import rules_of
from tests.surroundings import bare_environment
from tests.unit.agent.drafting.briefs import API
from tests.unit.agent.drafting.test_confidence import PAST

RULES = "rules:\n  - name: none\n    match: {kinds: [Deployment]}\n    expression: object.spec.replicas == 0\n"
BROKEN = "rules:\n  - name: bad\n    expression: object.spec.(\n"


def named(path: Path, content: str) -> Settings:
    path.write_text(content)
    return Settings(data_dir=path.parent, manifest_policy=path)


def test_without_a_file_there_are_no_rules(tmp_path: Path) -> None:
    assert rules_of(Settings(data_dir=tmp_path)) is None


def test_the_rules_of_the_file_are_read(tmp_path: Path) -> None:
    found = rules_of(named(tmp_path / "rules.yaml", RULES))
    assert found is not None
    assert [item.rule.id for item in found.rules] == ["policy/none"]


@pytest.mark.parametrize("content", [BROKEN, "nothing: true\n", "", "x" * (1 << 21)])
def test_a_broken_file_is_named(tmp_path: Path, content: str) -> None:
    with pytest.raises(InvalidInput, match=r"rules\.yaml") as error:
        rules_of(named(tmp_path / "rules.yaml", content))
    assert (error.value.field, bool(error.value.next_step)) == ("manifest_policy", True)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="gone"):
        rules_of(Settings(data_dir=tmp_path, manifest_policy=tmp_path / "gone.yaml"))


def test_the_check_of_the_settings_says_what_is_wrong_with_the_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.yaml").write_text(BROKEN)
    monkeypatch.setenv("OPSTWIN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("OPSTWIN_MANIFEST_POLICY", str(tmp_path / "rules.yaml"))
    assert run(["up", "--check-config"]) == Exit.ERROR
    assert "rules.yaml: rules[0].expression" in capsys.readouterr().err


def test_an_example_that_breaks_the_rules_is_not_shown(tmp_path: Path) -> None:
    rules = rules_of(named(tmp_path / "rules.yaml", RULES))
    assert rules is not None
    past = replace(PAST, workload=API)
    assert Vetting().breach(past, None) == ""
    assert Vetting(policy=stricter(rules)).breach(past, None).startswith("policy/none")


@pytest.mark.parametrize(
    ("asked", "kept"),
    [(Standard.PRIVILEGED, Standard.BASELINE), (Standard.BASELINE, Standard.BASELINE),
     (Standard.RESTRICTED, Standard.RESTRICTED)],
)  # fmt: skip
def test_examples_keep_baseline_security_whatever_the_rules_say(asked: Standard, kept: Standard) -> None:
    assert stricter(Policy(enforced=asked)).enforced is kept


def test_processes_of_tests_get_no_keys_of_language_models() -> None:
    given = {"PATH": "/bin", "OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": "e"}
    assert bare_environment(given | {"OPSTWIN_PORT": "1"}) == {"PATH": "/bin"}
