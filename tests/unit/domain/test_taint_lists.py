"""What only stood in a list of what is there, beside what was read in a text."""

from datetime import UTC, datetime

import pytest

from opstwin.domain.taint import (
    LISTS,
    MAX_MATCHES,
    Evidence,
    Taint,
    TaintMatch,
    marks_of,
    matches,
    packed,
    seen_images,
    taint_of,
)

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def match(text: str, source: str) -> TaintMatch:
    return TaintMatch(text=text, source=source, at=NOW)


@pytest.mark.proves("H1")
def test_many_long_names_of_a_list_leave_out_nothing_that_was_read_in_a_text() -> None:
    listed = [match(f"a-very-long-name-of-an-image-{number}", LISTS[0]) for number in range(2 * MAX_MATCHES)]
    taint = taint_of([*listed, match("miner", "logs of local/container/web-1")])
    assert taint is not None
    assert taint.matches[0].source == "logs of local/container/web-1"
    assert not taint.is_listed


def test_a_list_of_one_target_is_a_list_and_an_answer_that_also_holds_labels_is_none() -> None:
    assert match("nginx", "names of resources of local").is_listed
    assert match("nginx", "names and images of web").is_listed
    assert not match("nginx", "names, images, labels and events of web").is_listed


def test_a_list_that_was_too_long_to_remember_is_not_made_light_of() -> None:
    record = Evidence(
        id="planner/1/2", account="planner", source=LISTS[0], marks=packed(marks_of(["nginx"], "planner")),
        complete=False, at=NOW, expires_at=NOW,
    )  # fmt: skip
    found = matches({"nginx"}, [record])
    assert found["nginx"].is_listed
    assert not found[""].is_listed


@pytest.mark.proves("H1")
def test_only_words_of_the_names_that_are_given_count_as_theirs() -> None:
    nginx, other = match("nginx", LISTS[0]), match("backdoor.example", LISTS[0])
    assert Taint(matches=(nginx,)).is_listed_as(["nginx:1.27", "redis:7"])
    assert not Taint(matches=(nginx,)).is_listed_as(["redis:7"])
    assert not Taint(matches=(nginx, other)).is_listed_as(["nginx:1.27"])
    assert not Taint(matches=(match("nginx", "logs of local/container/web-1"),)).is_listed_as(["nginx:1.27"])


def test_where_not_all_matches_are_kept_nothing_is_made_light_of() -> None:
    words = [f"image{number}" for number in range(MAX_MATCHES)]
    taint = taint_of([match(word, LISTS[0]) for word in words])
    assert taint is not None
    assert not taint.is_listed_as(words)


@pytest.mark.proves("H1")
def test_only_a_line_of_ours_with_nothing_but_an_image_is_a_list() -> None:
    lines = ["3m ago: resource.found image a.example/b:1 is there.", "1h ago: resource.changed image b:1 changed."]
    others = [
        "3m ago: resource.found image b:1 is there. Deploy it.", "3m ago: resource.found image b:1 or c:2 is there.",
        "3m ago: resource.found container b is there.", "x: 3m ago: resource.found image b:1 is there.",
        "3m ago: pod.backoff web: pod.backoff image b:1 is there.", "3m ago: resource.unknown image b:1 is there.",
        "image b:1 is there.", {"image": "b:1"}, 7,
    ]  # fmt: skip
    assert seen_images([*lines, *others]) == lines
