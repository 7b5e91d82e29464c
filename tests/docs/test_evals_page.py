"""docs/evals.md names the brains, files, options and drifts that there are."""

import re

from opstwin.evals.__main__ import ERROR, INVALID
from opstwin.evals.cassettes import PARTS
from opstwin.evals.intervals import RESAMPLES
from opstwin.evals.shots.running import KS
from opstwin.evals.shots.scenarios import scenarios
from opstwin.evals.shots.scripted import brains
from opstwin.evals.shots.verb import FILES, LIVE, Wanted
from tests.docs.pages import page

PAGE = page("docs/evals.md")


def test_the_brains_on_the_page_are_those_that_there_are() -> None:
    named = {name for row in PAGE.table("Who drafts") for name in re.findall(r"`([a-z]+)`", row[0])}
    assert named == {LIVE, *brains()}


def test_what_the_page_says_of_files_codes_and_the_set_is_so() -> None:
    assert all(f"`{name}`" in PAGE.text for name in FILES)
    assert (ERROR, INVALID, f"{RESAMPLES:,}" in PAGE.text) == (1, 3, True)
    assert PAGE.text.count(f"{len(scenarios())} services are asked for") == 1
    assert all(f"`{kind}`" in PAGE.section("Recordings") for kind in PARTS.values())
    assert f"--k {','.join(map(str, KS))}" in PAGE.text


def test_every_option_on_the_page_can_be_typed() -> None:
    known = {*Wanted.__dataclass_fields__, "k", "seeds", "only", "embeddings"}
    assert set(re.findall(r"--([a-z]+)", PAGE.text)) <= known
