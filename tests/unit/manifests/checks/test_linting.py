"""Texts as people and tools write them: several documents, rendered charts, lists, and what cannot be read."""

from pathlib import Path

import pytest

from opstwin.errors import InvalidInput, LimitExceeded
from opstwin.manifests.checks import linting
from opstwin.manifests.checks.findings import Finding, Level
from opstwin.manifests.checks.linting import LintOptions, LintReport, Named, lint
from opstwin.manifests.yaml_text import read_documents
from tests.unit.manifests.checks.goods import TEXT

GENERATED = sorted((Path(__file__).parents[1] / "generating/golden").glob("*.yaml"))
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"


def linted(*texts: str, **options: object) -> LintReport:
    named = [Named(name=f"{number}.yaml", text=text) for number, text in enumerate(texts)]
    return lint(named, LintOptions(**options))  # type: ignore[arg-type]


def places(report: LintReport) -> list[tuple[str, int, int]]:
    return [(item.rule, item.line, item.column) for item in report.report.findings]


def test_a_good_text_passes() -> None:
    report = linted(TEXT)
    assert (report.passed, report.exit_code, report.report.manifests) == (True, 0, 10)
    assert report.report.findings == ()


def test_a_finding_says_the_line_and_column_of_its_field() -> None:
    report = linted(TEXT.replace("periodSeconds: 5", "periodSecond: 5"))
    [finding] = report.report.findings
    line = TEXT.split("\n").index("            periodSeconds: 5")
    assert (finding.source, finding.line, finding.column) == ("0.yaml", line + 1, 13)


def test_lines_are_those_of_the_whole_text_also_in_later_documents_and_references() -> None:
    text = TEXT.replace("{name: http, port: 80, targetPort: http}", "{name: http, port: 80, targetPort: nope}")
    [finding] = linted(text).report.findings
    assert finding.rule == "refs/service-port"
    assert "targetPort: nope" in text.split("\n")[finding.line - 1]


def test_several_texts_are_one_set() -> None:
    documents = TEXT.split("\n---\n")
    assert linted(*documents).report.findings == ()


def test_the_same_manifest_in_two_texts_is_found_with_both_places() -> None:
    report = linted(CONFIG % "a", CONFIG % "a")
    [finding] = report.report.findings
    assert (finding.rule, finding.source) == ("names/twice", "1.yaml")
    assert "0.yaml line 3" in finding.message


def test_rendered_charts_and_overlays_are_read() -> None:
    text = (
        "---\n# Source: web/templates/empty.yaml\n---\n# Source: web/templates/a.yaml\n" + CONFIG % "a"
        + "---\n\n---\nnull\n---   # a comment\napiVersion: v1\nkind: List\nitems:\n"
        + "- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n"
        + "- {apiVersion: v1, kind: ServiceAccount, metadata: {name: B_}}\n...\n"
    )  # fmt: skip
    report = linted(text)
    assert report.report.manifests == 3
    assert [item.rule for item in report.report.findings] == ["names/name"]


def test_a_list_of_one_kind_is_read_as_its_items() -> None:
    text = (
        "apiVersion: v1\nkind: ConfigMapList\nmetadata: {}\nitems:\n- metadata: {name: a}\n  data: {x: '1'}\n"
        "- metadata: {name: b}\n  dta: {}\n"
    )  # fmt: skip
    report = linted(text)
    assert report.report.manifests == 2
    assert places(report) == [("schema/unknown-field", 8, 3)]
    assert report.report.findings[0].subject == "ConfigMap b"


def test_json_is_read_as_it_is_yaml() -> None:
    text = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "dta": {}}'
    assert places(linted(text)) == [("schema/unknown-field", 1, text.index('"dta"') + 1)]


def test_dashes_inside_a_block_do_not_end_a_document() -> None:
    text = CONFIG % "a" + "data:\n  certificate: |\n    ---\n    --- BEGIN\n"
    assert linted(text).report.findings == ()


def test_windows_line_ends_and_a_byte_order_mark_are_read() -> None:
    assert linted("\ufeff" + TEXT.replace("\n", "\r\n")).report.findings == ()


def test_a_duplicate_key_is_found_where_it_is_the_second_time() -> None:
    report = linted("---\n" + CONFIG % "a" + "---\n" + CONFIG % "b" + "data: {x: '1', x: '2'}\n")
    assert places(report) == [("text/duplicate-key", 9, 16)]
    assert "line 9" in report.report.findings[0].message
    assert report.report.manifests == 1


@pytest.mark.parametrize(
    "text",
    [
        "a: [", "a: b: c", "\ta", "- a", "just words", "a: !!python/object x", "a: *b", "\x00", "%YAML 9.9",
        "? [a]\n: b\n", "a: &a\n  b: *a", "{a: 1", "'", "|", "a: \"\\uD800\"",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_finding_and_the_rest_is_checked(text: str) -> None:
    report = linted(text + "\n---\n" + CONFIG % "B_")
    rules = {item.rule for item in report.report.findings}
    assert "text/unreadable" in rules
    assert "names/name" in rules
    assert not report.passed


def test_little_text_cannot_become_much_data() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    [finding] = [item for item in linted("\n".join(lines)).report.findings if item.rule.startswith("text/")]
    assert finding.rule == "text/limit"


def test_deep_text_is_refused_as_too_deep() -> None:
    [finding] = linted("[" * 5_000).report.findings
    assert finding.rule == "text/limit"


def test_a_text_of_nothing_but_faults_is_not_told_apart_to_its_end() -> None:
    assert 0 < len(linted("a: [\n---\n" * 5_000).report.findings) <= 100


def test_all_texts_together_are_bounded() -> None:
    with pytest.raises(LimitExceeded):
        linted("x" * (linting.MOST_BYTES + 1))


def test_only_errors_fail_unless_warnings_shall_too() -> None:
    text = TEXT.replace("web:1.4.2", "web:latest")
    assert linted(text).passed
    strict = linted(text, strict=True)
    assert (strict.passed, strict.exit_code) == (False, 1)
    assert not linted(TEXT.replace("replicas: 3", "replicas: -3")).passed


def test_notes_never_fail() -> None:
    text = TEXT.replace("drop: [ALL]", "drop: [NET_RAW]")
    report = linted(text, strict=True)
    assert report.passed
    assert {item.level for item in report.report.findings} == {Level.INFO}


def test_many_findings_are_counted_and_the_gravest_are_kept() -> None:
    manifests = [CONFIG % f"n{number}" for number in range(30)]
    bad = "---\n".join(text + "".join(f"x{place}: 1\n" for place in range(90)) for text in manifests)
    report = linted(bad).report
    assert len(report.findings) == 2_000
    assert report.left_out == 30 * 90 - 2_000
    assert report.count(Level.ERROR) == 30 * 90


def test_an_error_behind_many_notes_is_kept() -> None:
    notes = "---\n".join((TEXT.split("\n---\n")[0] + "\n").replace("name: web\n", f"name: web-{number}\n", 1)
                        for number in range(600))  # fmt: skip
    report = linted(notes, CONFIG % "B_").report
    assert report.left_out
    assert [item.rule for item in report.blocking] == ["names/name"]


def test_a_version_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput):
        linted(TEXT, version="nope")


@pytest.mark.parametrize("file", GENERATED, ids=lambda file: file.stem)
def test_what_opstwin_generates_has_neither_errors_nor_warnings(file: Path) -> None:
    version = "1.20" if file.stem == "old_cluster" else None
    report = linted(file.read_text(), version=version)
    assert [_line(item) for item in report.report.findings if item.level is not Level.INFO] == []


def _line(finding: Finding) -> str:
    return f"{finding.line} {finding.rule} {finding.message}"


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "No", "OFF"])
def test_a_word_that_kubectl_takes_for_a_boolean_is_told_where_it_has_no_quotes(word: str) -> None:
    text = CONFIG % "a" + f"data:\n  MODE: {word}\n  QUOTED: '{word}'\n  LONGER: {word} longer\n"
    [finding] = linted(text).report.findings
    assert (finding.rule, finding.level, finding.line) == ("text/old-boolean", Level.WARNING, 5)
    assert word in finding.message


def test_a_template_that_nobody_rendered_is_told_to_be_rendered() -> None:
    text = "kind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
    [finding] = linted(text).report.findings
    assert (finding.rule, "helm template" in finding.fix) == ("text/unreadable", True)


def test_what_says_how_manifests_are_made_is_told_to_be_rendered() -> None:
    text = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata: {name: a}\n"
    [finding] = linted(text).report.findings
    assert (finding.rule, "kubectl kustomize" in finding.fix) == ("schema/unknown-kind", True)


def test_a_compose_file_is_told_what_makes_manifests_of_it() -> None:
    found = linted("services:\n  web: {image: 'nginx:1'}\n").report.findings
    assert {"opstwin generate" in item.fix for item in found if item.rule == "schema/no-kind"} == {True}


def test_the_mode_of_a_file_is_octal_as_kubectl_reads_it() -> None:
    """Read as YAML 1.2 it would be 400, and so let a group write to a Secret that its owner alone should read."""
    [document] = read_documents("mode: 0400\nother: 0o644\nplain: 400\nnine: 089\nquoted: '0400'\nnone: 0\n")
    assert document.value == {"mode": 256, "other": 420, "plain": 400, "nine": 89, "quoted": "0400", "none": 0}
