"""docs/generating.md: its example is what comes out, its tables are the real ones."""

from opstwin.intent.document import Workloads, read_document
from opstwin.manifests.generating import resources, security
from opstwin.manifests.generating.amounts import cpu_text, memory_text
from opstwin.manifests.generating.generator import Request, generated
from opstwin.manifests.generating.images import IMAGES
from opstwin.manifests.generating.info import info_of_workload
from opstwin.manifests.generating.options import PROFILES
from opstwin.manifests.generating.results import Level
from opstwin.manifests.yaml_text import LIMITS, text_of
from tests.docs.pages import page

PAGE = page("docs/generating.md")
WORKLOAD, CONTAINER = PAGE.blocks("yaml")


def test_the_example_is_what_comes_out() -> None:
    found = read_document(WORKLOAD, project="shop")
    assert isinstance(found, Workloads)
    result = generated(Request(containers=tuple(info_of_workload(item) for item in found.items)))
    assert CONTAINER in text_of(result.manifests, language="en")


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
    assert f"{resources.OVER_P95} times the request and {resources.OVER_PEAK} times the highest reading" in told
    assert f"or to {resources.AFTER_OOM} times the one that failed" in told
    assert all(f"`{name}`" in told for name in security.ROOT_NEEDS)


def test_the_table_of_images_is_complete() -> None:
    listed = {name: row[0] for row in PAGE.table("Known images") for name in row[1].replace("`", "").split()}
    assert listed == {name: known.component for name, known in IMAGES.items()}


def test_the_limits_of_reading_are_the_real_ones() -> None:
    told = " ".join(PAGE.section("Reading and writing YAML").split())
    assert f"At most {LIMITS.size_bytes >> 20} MiB, a million values" in told
    assert f"{LIMITS.depth} levels" in told
    assert LIMITS.values == 1_000_000
