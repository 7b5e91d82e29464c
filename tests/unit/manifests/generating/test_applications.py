"""A dozen realistic applications: their exact manifests, valid for old and new clusters, quickly made."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from kubernetes_validate import validate

from opstwin.manifests.generating.generator import Request, generated
from opstwin.manifests.served import served_by
from opstwin.manifests.yaml_text import read_documents, text_of
from tests.unit.manifests.generating.applications import APPLICATIONS, PASSWORD
from tests.unit.manifests.generating.golden import GOLDEN, golden_text

EACH = pytest.mark.parametrize("request_of", APPLICATIONS.values(), ids=APPLICATIONS.keys())
RELEASES = ((1, 25), (1, 37))


@EACH
def test_an_application_gives_exactly_the_manifests_that_are_kept(request_of: Callable[[], Request]) -> None:
    text = golden_text(generated(request_of()))
    assert text == (GOLDEN / f"{request_of.__name__}.yaml").read_text()


def test_no_expected_text_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(APPLICATIONS)


@pytest.mark.req("S5.43")
@EACH
@pytest.mark.parametrize("release", RELEASES, ids=["1.25", "1.37"])
def test_every_manifest_is_valid_for_the_release_that_it_was_made_for(
    request_of: Callable[[], Request], release: tuple[int, int]
) -> None:
    request = request_of()
    plain = replace(request, served=served_by(release), options=replace(request.options, with_secret=False))
    for manifest in generated(plain).manifests:
        validate(manifest.document, f"{release[0]}.{release[1]}", strict=True)


@EACH
@pytest.mark.parametrize("language", ["", "en", "ko"])
def test_the_text_reads_back_as_the_same_manifests(request_of: Callable[[], Request], language: str) -> None:
    manifests = generated(request_of()).manifests
    assert [item.value for item in read_documents(text_of(manifests, language=language))] == [
        item.document for item in manifests
    ]


@EACH
def test_the_same_request_gives_the_same_bytes(request_of: Callable[[], Request]) -> None:
    first, second = generated(request_of()), generated(request_of())
    assert first == second
    assert golden_text(first).encode() == golden_text(second).encode()


@pytest.mark.req("S5.45")
@EACH
def test_no_password_is_anywhere_in_what_comes_out(request_of: Callable[[], Request]) -> None:
    assert PASSWORD not in repr(generated(request_of()))


@pytest.mark.req("S5.47")
@EACH
def test_there_is_a_reasoning_in_both_languages(request_of: Callable[[], Request]) -> None:
    result = generated(request_of())
    assert len(result.reasoning.splitlines()) > 2
    assert len(result.reasoning_ko.splitlines()) > 2
    assert all("가" <= max(item.why_ko) <= "힣" for manifest in result.manifests for item in manifest.decisions)


def test_generating_and_writing_an_application_takes_a_small_part_of_150_ms() -> None:
    request = APPLICATIONS["compose_shop"]()
    generated(request)
    spent_s = []
    for _ in range(5):
        start_s = time.process_time()
        text_of(generated(request).manifests, language="en")
        spent_s.append(time.process_time() - start_s)
    assert min(spent_s) < 0.03
