"""`opstwin lint`: files, folders, patterns and stdin in; words, JSON, YAML and SARIF out; no hub."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from opstwin.cli.exits import Exit
from opstwin.cli.main import run
from tests.unit.manifests.checks.goods import TEXT

BAD = TEXT.replace("replicas: 3", "replicas: 1000000000")
RISKY = TEXT.replace("web:1.4.2", "web:latest")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with good manifests in one of its folders. No hub is named anywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPSTWIN_OUTPUT", raising=False)
    (tmp_path / "k8s/base").mkdir(parents=True)
    (tmp_path / "k8s/base/all.yaml").write_text(TEXT)
    (tmp_path / "k8s/notes.txt").write_text("a: [")
    return tmp_path


def data(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_good_manifests_pass_and_the_summary_says_what_was_checked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lint", "k8s/base/all.yaml"]) == Exit.OK
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "10 manifests checked for Kubernetes 1.37: 0 errors, 0 warnings, 0 notes." in shown.err


def test_an_error_is_told_with_file_line_rule_and_what_to_do_and_fails(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.yaml").write_text(BAD)
    assert run(["lint", "bad.yaml"]) == Exit.ERROR
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("bad.yaml:9:3: error values/replicas: spec.replicas: 1000000000 copies")
    assert lines[1] == "    Ask for 0 to 150,000 pods."


@pytest.mark.parametrize("word", ["k8s", "k8s/**/*.yaml", "k8s/base/*"])
def test_folders_and_patterns_are_searched_for_manifests(
    word: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lint", word, "-o", "json"]) == Exit.OK
    assert data(capsys)["manifests"] == 10


def test_absolute_patterns_work_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", f"{folder}/*/*/*.yaml", "-o", "json"]) == Exit.OK
    assert data(capsys)["manifests"] == 10


def test_a_file_that_is_named_twice_is_read_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "k8s", "k8s/base/all.yaml", "-o", "json"]) == Exit.OK
    assert data(capsys)["manifests"] == 10


def test_stdin_is_read(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))
    assert run(["lint", "-", "-o", "json"]) == Exit.ERROR
    [finding] = data(capsys)["findings"]
    assert (finding["file"], finding["rule"]) == ("stdin", "values/replicas")


def test_warnings_pass_unless_strict(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "risky.yaml").write_text(RISKY)
    assert run(["lint", "risky.yaml"]) == Exit.OK
    assert run(["lint", "risky.yaml", "--strict"]) == Exit.ERROR
    assert run(["lint", "risky.yaml", "--strict", "--ignore", "values/floating-image"]) == Exit.OK


def test_json_holds_every_finding_with_its_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.yaml").write_text(BAD)
    run(["lint", "bad.yaml", "-o", "json"])
    answer = data(capsys)
    assert answer["passed"] is False
    assert answer["counts"] == {"error": 1, "warning": 0, "info": 0}
    [finding] = answer["findings"]
    assert finding["path"] == "spec.replicas"
    assert (finding["line"], finding["column"], finding["subject"]) == (9, 3, "Deployment shop/web")
    assert finding["message_ko"]


def test_yaml_is_written_when_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["lint", "k8s", "-o", "yaml"])
    assert "passed: true" in capsys.readouterr().out


def test_sarif_is_written_for_code_scanning(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.yaml").write_text(BAD)
    assert run(["lint", "bad.yaml", "--sarif"]) == Exit.ERROR
    answer = data(capsys)
    [result] = answer["runs"][0]["results"]
    assert answer["version"] == "2.1.0"
    assert (result["ruleId"], result["level"]) == ("values/replicas", "error")
    place = result["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "bad.yaml"}, "region": {"startLine": 9, "startColumn": 3}}


def test_notes_can_be_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "note.yaml").write_text(TEXT.replace("drop: [ALL]", "drop: [NET_RAW]"))
    run(["lint", "note.yaml"])
    assert "info security/drop-all" in capsys.readouterr().out
    run(["lint", "note.yaml", "--quiet"])
    assert capsys.readouterr().out == ""


def test_findings_are_told_in_korean(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.yaml").write_text(BAD)
    run(["lint", "bad.yaml", "--korean"])
    assert "한 클러스터에서 실행할 수 없습니다" in capsys.readouterr().out


def test_the_version_of_the_cluster_decides(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "k8s", "-k", "1.20"]) == Exit.ERROR
    assert "autoscaling/v2beta2" in capsys.readouterr().out


def test_a_policy_file_and_a_pod_security_standard_are_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "policy.yaml").write_text("rules: [{name: few, match: {kinds: [Deployment]}, "
                                        "expression: object.spec.replicas < 3, message: At most two.}]")  # fmt: skip
    assert run(["lint", "k8s", "--policy", "policy.yaml"]) == Exit.ERROR
    assert "error policy/few: At most two." in capsys.readouterr().out
    (folder / "note.yaml").write_text(TEXT.replace("drop: [ALL]", "drop: [NET_RAW]"))
    assert run(["lint", "note.yaml"]) == Exit.OK
    assert run(["lint", "note.yaml", "--pod-security", "restricted"]) == Exit.ERROR


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["nope.yaml"], "not_found", "nope.yaml"),
        (["nothing/*.yaml"], "not_found", "nothing"),
        (["a\x00b"], "not_found", "There is no manifest"),
        (["k8s", "-k", "latest"], "invalid_input", "version"),
        (["k8s", "--ignore", "nope"], "invalid_input", "nope"),
        (["k8s", "--pod-security", "high"], "invalid_input", "standard"),
        (["k8s", "--policy", "nope.yaml"], "not_found", "nope.yaml"),
        (["k8s", "--policy", "k8s/notes.txt"], "invalid_input", "YAML"),
    ],
)
def test_what_cannot_be_done_is_an_error_with_a_next_step(
    words: list[str], code: str, says: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lint", *words, "-o", "json"]) == Exit.ERROR
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["code"] == code
    assert says in error["message"]
    assert error["next_step"]


def test_bytes_that_are_no_text_are_a_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "odd.yaml").write_bytes(b"\xff\xfe\x00a: [\x80")
    assert run(["lint", "odd.yaml"]) == Exit.ERROR
    assert "text/unreadable" in capsys.readouterr().out


def test_text_of_a_manifest_cannot_drive_the_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "odd.yaml").write_text(TEXT.replace("replicas: 3", '"\\e[31mreplicas\\e[0m": 3'))
    run(["lint", "odd.yaml"])
    assert "\x1b" not in capsys.readouterr().out


def test_the_checks_are_imported_only_when_they_run() -> None:
    code = (
        "import sys, opstwin.cli.main; print([m for m in sys.modules if m.startswith(('opstwin.manifests', 'celpy'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_a_policy_the_library_for_expressions_is_not_imported(folder: Path) -> None:
    code = "import sys; from opstwin.cli.main import run; run(['lint', 'k8s']); print('celpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
