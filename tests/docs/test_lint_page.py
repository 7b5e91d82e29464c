"""docs/lint.md: its rules, limits and example are those of the code."""

import pytest

from opstwin.manifests.checks import expressions, findings, linting
from opstwin.manifests.checks.policy import policy_from
from opstwin.manifests.checks.rules import RULES
from opstwin.manifests.checks.schemas import release_of
from opstwin.manifests.yaml_text import LIMITS
from tests.docs.pages import page

PAGE = page("docs/lint.md")
TEXT = " ".join(PAGE.text.split())


def test_it_lists_every_rule_with_its_level_and_words() -> None:
    lines = [line.strip("| ").split(" | ", 2) for line in PAGE.text.splitlines() if line.startswith("| `")]
    listed = {id.strip("`"): (level, words) for id, level, words in lines}
    assert listed == {rule.id: (rule.level.value, rule.message) for rule in RULES.values()}


@pytest.mark.parametrize(
    "words",
    [
        f"at most {expressions.LONGEST} characters and {expressions.MOST_STEPS} steps",
        f"{linting.MOST_BYTES >> 20} MiB of text at once, {LIMITS.size_bytes >> 20} MiB and a million values",
        f"{LIMITS.depth} levels",
        f"The first {findings.MOST} findings",
        f"Releases {release_of('1.0')} to {release_of(None)} are known",
    ],
)
def test_its_limits_are_the_real_ones(words: str) -> None:
    assert words in TEXT


def test_its_policy_is_one() -> None:
    [text] = PAGE.blocks("yaml")
    policy = policy_from(text)
    assert [own.rule.id for own in policy.rules] == ["policy/own-registry"]
