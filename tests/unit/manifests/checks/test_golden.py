"""Each rule finds what breaks it, at its place, and lets pass what comes close."""

from pathlib import Path

import pytest

from opstwin.manifests.checks.findings import Level
from opstwin.manifests.checks.rules import RULES
from tests.unit.manifests.checks.golden import ELSEWHERE, PAIRS, Change
from tests.unit.manifests.checks.goods import report, rules_in

PARAMS = [pytest.param(rule, *pair, id=rule) for rule, pair in PAIRS.items()]


def test_nothing_is_found_in_the_good_set() -> None:
    assert report().findings == ()


@pytest.mark.parametrize(("rule", "bad", "good"), PARAMS)
def test_a_rule_finds_what_breaks_it_and_lets_pass_what_does_not(
    rule: str, bad: list[Change], good: list[Change]
) -> None:
    found = report(*bad)
    assert rule in rules_in(found), found.findings
    assert rule not in rules_in(report(*good))


@pytest.mark.parametrize(("rule", "bad", "good"), PARAMS)
def test_what_comes_close_to_an_error_is_none(rule: str, bad: list[Change], good: list[Change]) -> None:
    assert report(*good).blocking == ()


@pytest.mark.parametrize(("rule", "bad", "good"), PARAMS)
def test_a_finding_says_where_it_is_what_it_is_and_what_to_do(rule: str, bad: list[Change], good: list[Change]) -> None:
    [first, *_] = [item for item in report(*bad).findings if item.rule == rule]
    assert first.level is RULES[rule].level
    assert first.subject.split(" ")[1].endswith(("web", "tidy", "Web_1", "?"))
    for text in (first.message, first.fix, first.message_ko, first.fix_ko):
        assert text
        assert "{" not in text


def test_every_rule_has_a_failing_and_a_passing_manifest() -> None:
    assert PAIRS.keys() | ELSEWHERE == RULES.keys()
    texts = "".join(
        file.read_text() for file in Path(__file__).parent.glob("test_*.py") if file.name != "test_golden.py"
    )
    assert not [rule for rule in ELSEWHERE if rule not in texts]


def test_every_rule_speaks_korean() -> None:
    assert not [rule.id for rule in RULES.values() if not any("가" <= char <= "힣" for char in rule.message_ko)]


def test_findings_are_counted_by_level() -> None:
    found = report(("Deployment.spec.replicas", 10**9))
    assert found.count(Level.ERROR) == len(found.blocking) == 1
