"""Names, images and schedules as the API server reads them."""

import pytest

from opstwin.manifests.checks import grammar


@pytest.mark.parametrize(
    "schedule",
    ["* * * * *", "*/5 0-6 1,15 jan-MAR mon-fri", "0 0 31 12 6", "? ? ? ? ?", "@daily", "@every 1h30m", "5/10 * * * *"],
)
def test_a_schedule_is_read(schedule: str) -> None:
    assert grammar.schedule(schedule) == ""


@pytest.mark.parametrize(
    "schedule",
    [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7", "*/0 * * * *",
        "5-1 * * * *", "0-60 * * * *", "a * * * *", "* * * foo *", "@never", "@every x", "TZ=UTC * * * * *",
        "-1 * * * *",
        "1,,2 * * * *", "٣ * * * *",
    ],
)  # fmt: skip
def test_a_schedule_that_never_comes_is_refused(schedule: str) -> None:
    assert grammar.schedule(schedule)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("nginx", ("nginx", "", "")),
        ("nginx:1.27", ("nginx", "1.27", "")),
        ("localhost:5000/a/b_c:v1", ("localhost:5000/a/b_c", "v1", "")),
        (f"a.io/b@sha256:{'0' * 64}", ("a.io/b", "", f"sha256:{'0' * 64}")),
        (f"a.io/b:1@sha256:{'0' * 64}", ("a.io/b", "1", f"sha256:{'0' * 64}")),
    ],
)
def test_an_image_has_a_name_a_tag_and_a_digest(text: str, parts: tuple[str, str, str]) -> None:
    assert grammar.image_of(text) == parts


@pytest.mark.parametrize(
    "text", ["", "Web", "a b", "a:", "a@sha256:12", "a//b", ":1", "a:1:2:3", "-a", "a" * 2_000, "$IMAGE"]
)
def test_what_is_no_image_is_none(text: str) -> None:
    assert grammar.image_of(text) is None


@pytest.mark.parametrize(
    ("name", "fits"),
    [("web-1", True), ("1web", True), ("a.b", False), ("Web", False), ("a" * 64, False), ("-a", False)],
)
def test_a_label_is_a_dns_label(name: str, fits: bool) -> None:
    assert (grammar.label_name(name) == "") is fits


def test_a_service_begins_with_a_letter() -> None:
    assert grammar.label_1035("1web")
    assert not grammar.label_1035("web1")


@pytest.mark.parametrize(("name", "fits"), [("a.b-c", True), ("a..b", False), ("a" * 254, False), (".a", False)])
def test_a_subdomain_is_labels_and_dots(name: str, fits: bool) -> None:
    assert (grammar.subdomain(name) == "") is fits


@pytest.mark.parametrize(
    ("key", "fits"),
    [("app", True), ("a.b/App_1", True), ("/a", False), ("a/", False), ("A b", False), ("a/b/c", False)],
)
def test_a_label_key_is_a_name_with_a_prefix(key: str, fits: bool) -> None:
    assert (grammar.qualified(key) == "") is fits


@pytest.mark.parametrize(
    ("name", "fits"), [("http", True), ("h2-c", True), ("80", False), ("a--b", False), ("a" * 16, False)]
)
def test_a_port_name_is_a_service_name(name: str, fits: bool) -> None:
    assert (grammar.port_name(name) == "") is fits
