"""docs/workloads.md: its examples are read, its keys are the real ones, its sentences mean what it says."""

import pytest

from opstwin.domain.ask import Action
from opstwin.domain.risk import gains_host_access
from opstwin.domain.workload import MAX_REPLICAS
from opstwin.errors import InvalidInput, Unclear
from opstwin.intent.document import Workloads, read_document
from opstwin.intent.words import read_request
from opstwin.intent.workload_forms import HealthForm, MountForm, PortForm, WorkloadForm
from opstwin.manifests.nodes import plain
from opstwin.manifests.yaml_loading import MAX_BYTES, load_documents
from tests.docs.pages import page

PAGE = page("docs/workloads.md")
FILES = PAGE.blocks("yaml")
READ = [row[1].strip("`") for heading in ("English", "Korean") for row in PAGE.table(heading)]
NOT_READ = [row[0].strip("`") for row in PAGE.table("Not read, on purpose")]


@pytest.mark.parametrize("text", FILES, ids=["workload", "compose"])
def test_the_files_on_the_page_are_read(text: str) -> None:
    found = read_document(text, project="shop")
    assert isinstance(found, Workloads)
    assert len(found.items) == 2


def test_the_workload_file_shows_every_key_that_is_not_a_matter_of_course() -> None:
    first = plain(load_documents(FILES[0])[0])
    assert isinstance(first, dict)
    assert set(WorkloadForm.model_fields) - first.keys() == {"kind", "running"}


def test_the_table_lists_the_keys_of_a_workload_in_their_order() -> None:
    rows = PAGE.table("The Workload file")
    assert [row[0].strip("`") for row in rows] == list(WorkloadForm.model_fields)
    needed = [row[0].strip("`") for row in rows if row[1] == "**needed**"]
    assert needed == [name for name, field in WorkloadForm.model_fields.items() if field.is_required()]


def test_the_long_forms_are_all_named() -> None:
    told = PAGE.section("The Workload file")
    for form in (PortForm, MountForm, HealthForm):
        missing = [name for name in form.model_fields if f"`{name}`" not in told]
        assert not missing, f"{form.__name__}: {missing}"


def test_the_limits_on_the_page_are_the_real_ones() -> None:
    told = PAGE.section("The Workload file")
    assert f"1 to {MAX_REPLICAS}" in told
    assert f"at most {MAX_BYTES // 2**20} MiB" in told
    assert gains_host_access(None, {"mounts": [{"host_path": "/srv"}]})


@pytest.mark.parametrize("amount", ["512m", "1g"])
def test_amounts_that_the_page_calls_ambiguous_are_refused(amount: str) -> None:
    with pytest.raises(InvalidInput, match="memory"):
        read_document(f"{{name: web, image: nginx:1.27, resources: {{memory: {amount}}}}}")


@pytest.mark.parametrize("sentence", READ)
def test_a_sentence_on_the_page_is_read(sentence: str) -> None:
    assert read_request(sentence).name in sentence


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_action_has_an_example_in_both_languages(language: str) -> None:
    asked = [ask for ask in map(read_request, READ) if ask.language == language]
    assert {ask.action for ask in asked} == set(Action)
    assert any(ask.target == "prod" for ask in asked)
    assert any(ask.with_volumes for ask in asked)


@pytest.mark.parametrize("sentence", NOT_READ)
def test_a_sentence_that_the_page_calls_unreadable_is_refused_with_an_example(sentence: str) -> None:
    with pytest.raises(Unclear) as refused:
        read_request(sentence)
    assert read_request(str(refused.value.details["example"])).name
