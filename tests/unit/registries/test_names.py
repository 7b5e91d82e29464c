"""Names of images, taken apart."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opstwin.domain.names import checked_image
from opstwin.errors import InvalidInput
from opstwin.registries.names import ImageName, api_host, highest_first, image_name, is_digest, is_tag
from opstwin.targets.specs import full_image_name

DIGEST = f"sha256:{'0a' * 32}"
SAMPLES = {
    "nginx": ImageName("docker.io", "library/nginx"),
    "nginx:1.27": ImageName("docker.io", "library/nginx", "1.27"),
    "docker.io/library/nginx:1.27": ImageName("docker.io", "library/nginx", "1.27"),
    "index.docker.io/shop/api": ImageName("docker.io", "shop/api"),
    "shop/api:2": ImageName("docker.io", "shop/api", "2"),
    "localhost/shop:2": ImageName("localhost", "shop", "2"),
    "localhost:5000/shop": ImageName("localhost:5000", "shop"),
    "Registry.Example.com/a/b/c:v1": ImageName("registry.example.com", "a/b/c", "v1"),
    f"ghcr.io/a/b:v1@{DIGEST}": ImageName("ghcr.io", "a/b", "v1", DIGEST),
    f"a@{DIGEST}": ImageName("docker.io", "library/a", "", DIGEST),
}


@pytest.mark.req("S5.7")
@pytest.mark.parametrize("text", SAMPLES)
def test_a_name_is_taken_apart_as_container_engines_do(text: str) -> None:
    assert image_name(text) == SAMPLES[text]


@pytest.mark.parametrize(
    "text",
    [
        "", "a:", ":a", "A", "a/B", "a_b.c/d", "a@sha256:12",
        f"a@sha512:{'0' * 128}", "a//b", "../a", "a b", "http://a/b", "a:b:c",
        "h.example:99999/a", "h.example:0/a", "a" * 1025, "a\n", "a?x=1", "a%2f..", "user@host.example/a", "a/../b",
        f"a@sha256:{'0A' * 32}",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused_with_the_field(text: str) -> None:
    with pytest.raises(InvalidInput) as told:
        image_name(text)
    assert told.value.field == "image"
    assert told.value.next_step


@given(st.text(max_size=80) | st.text("abAZ019._-:/@%?#[] \\\n", max_size=60))
@example("a.b/")
def test_any_text_is_either_taken_apart_or_refused(text: str) -> None:
    try:
        name = image_name(text)
    except InvalidInput:
        return
    path = f"{name.host}/{name.repository}/{name.tag}"
    assert re.fullmatch(r"[A-Za-z0-9._:/-]+", path), "nothing in it can lead to another path or host"
    assert ".." not in name.repository.split("/")
    assert image_name(str(name)) == name
    assert api_host(name.host)


_PART = st.from_regex(r"[a-z0-9]{1,8}([._-][a-z0-9]{1,8}){0,2}", fullmatch=True)
_HOST = st.sampled_from(["", "docker.io/", "localhost:5000/", "registry.example.com/", "10.0.0.1:80/"])
_TAG = st.just("") | st.from_regex(r":[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(_HOST, st.lists(_PART, min_size=1, max_size=4), _TAG, st.sampled_from(["", f"@{DIGEST}"]))
def test_every_image_of_a_workload_is_taken_apart_without_loss(
    host: str, parts: list[str], tag: str, digest: str
) -> None:
    first = parts[0] if host else parts[0].replace(".", "-").replace("_", "-")
    text = f"{host}{'/'.join([first, *parts[1:]])}{tag}{digest}"
    name = image_name(checked_image(text))
    assert (name.tag, name.digest) == (tag[1:], digest[1:])
    assert image_name(str(name)) == name
    if not digest:
        assert full_image_name(str(name)) == full_image_name(text), "the same image as the drivers understand"


def test_tags_and_digests_are_known_by_their_form() -> None:
    assert (is_digest(DIGEST), is_digest(DIGEST + "0"), is_digest("sha256:")) == (True, False, False)
    assert (is_tag("1.2_x-y"), is_tag("-a"), is_tag("a/b"), is_tag("a" * 129)) == (True, False, False, False)


def test_tags_stand_with_the_highest_first_and_numbers_count_as_numbers() -> None:
    tags = ["1.9", "latest", "v1.2", "1.10", "2.0", "v1.10", "1.9.1", "alpine"]
    assert highest_first(tags) == ("2.0", "1.10", "1.9.1", "1.9", "v1.10", "v1.2", "latest", "alpine")


@given(st.lists(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True)))
def test_any_tags_have_an_order(tags: list[str]) -> None:
    found = highest_first(tags)
    assert sorted(found) == sorted(tags)
    assert found == highest_first(reversed(found))
