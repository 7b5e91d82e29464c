"""docs/generating.md: its example is what comes out, its tables are the real ones."""

from datetime import timedelta
from typing import Any

from opstwin.control.generating import USAGE_DAYS
from opstwin.domain import right_sizing, similarity
from opstwin.domain.run import LONGEST_DRAFT, StageName, StageState
from opstwin.intent.document import Workloads, read_document
from opstwin.manifests.generating import resources, security
from opstwin.manifests.generating.amounts import cpu_text, memory_text
from opstwin.manifests.generating.generator import Request, generated
from opstwin.manifests.generating.images import IMAGES
from opstwin.manifests.generating.info import info_of_workload
from opstwin.manifests.generating.options import PROFILES
from opstwin.manifests.generating.results import Level
from opstwin.manifests.yaml_text import LIMITS, text_of
from tests.docs.commands import root
from tests.docs.made_verbs import SHARED
from tests.docs.pages import page

PAGE = page("docs/generating.md")
WORKLOAD, CONTAINER = PAGE.blocks("yaml")


def test_the_example_is_what_comes_out() -> None:
    found = read_document(WORKLOAD, project="shop")
    assert isinstance(found, Workloads)
    result = generated(Request(containers=tuple(info_of_workload(item) for item in found.items)))
    assert CONTAINER in text_of(result.manifests, language="en")


def test_what_counts_for_a_past_deployment_and_how_long_use_is_looked_at_are_the_real_figures() -> None:
    told = " ".join(PAGE.section("Ask for it").split())
    assert (similarity.IMAGE, similarity.TARGET, similarity.PURPOSE, similarity.LANGUAGE) == (0.5, 0.2, 0.2, 0.1)
    assert f"counts {similarity.STARVED} of that, one that failed {similarity.FAILED}" in told
    assert f"below {similarity.LEAST} it is left out" in told
    assert USAGE_DAYS == 7


def test_the_options_of_the_command_are_the_real_ones() -> None:
    params: dict[str, Any] = {item.name: item for item in root().commands["generate"].params}
    said_elsewhere = {*SHARED, "source", "out", "plan", "korean"}
    real = {params[name].opts[0] for name in params.keys() - said_elsewhere}
    assert {row[0].strip("`") for row in PAGE.table("Ask for it")} == real


def test_the_stages_of_a_run_are_the_real_ones() -> None:
    heading = "Runs: from a request to a record"
    assert [row[0].strip("`") for row in PAGE.table(heading)] == [item.value for item in StageName]
    assert all(f"`{state.value}`" in PAGE.section(heading) for state in StageState)
    assert timedelta(minutes=10) == LONGEST_DRAFT


def test_the_levels_and_profiles_are_the_real_ones() -> None:
    assert [row[0].strip("`") for row in PAGE.table("What it tells beside the manifests")] == [
        item.value for item in Level
    ]
    profiles = {row[0]: row[1:] for row in PAGE.table("The rules")}
    assert tuple(profiles) == PROFILES
    for name, (cpu, memory, limit) in resources.PROFILE_SIZES.items():
        assert list(profiles[name]) == [cpu_text(cpu), memory_text(memory), memory_text(limit)]


def test_the_figures_of_the_rules_are_the_real_ones() -> None:
    told = " ".join(PAGE.section("The rules").split())
    assert f"from {resources.ENOUGH_SAMPLES} measurements on" in told
    assert f"{resources.OVER_P95} times the request and {right_sizing.HEADROOM} times the peak" in told
    assert f"or to {right_sizing.AFTER_OOM} times the one that failed" in told
    assert all(f"`{name}`" in told for name in security.ROOT_NEEDS)


def test_the_table_of_images_is_complete() -> None:
    listed = {name: row[0] for row in PAGE.table("Known images") for name in row[1].replace("`", "").split()}
    assert listed == {name: known.component for name, known in IMAGES.items()}


def test_the_limits_of_reading_are_the_real_ones() -> None:
    told = " ".join(PAGE.section("Reading and writing YAML").split())
    assert f"At most {LIMITS.size_bytes >> 20} MiB, a million values" in told
    assert f"{LIMITS.depth} levels" in told
    assert LIMITS.values == 1_000_000
