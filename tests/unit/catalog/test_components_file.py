"""The components file is read strictly; what is wrong is named."""

import pytest

from opstwin.catalog.endpoint import endpoint_of
from opstwin.catalog.loading import load
from opstwin.catalog.request import wishes
from opstwin.domain.values import Json
from opstwin.errors import InvalidInput, NotFound

CATALOG = load()
NETWORK: dict[str, Json] = {"use": "hub-and-spoke", "endpoint": "http://127.0.0.1:18080", "version": "1", "routers": 2}


def test_an_entry_is_read_with_all_its_keys() -> None:
    (wish,) = wishes({"components": {"network": {**NETWORK, "target": "lab", "image": "b:1", "id": "n1"}}}, CATALOG)
    assert (wish.target, wish.settings.name, wish.settings.id, wish.settings.version) == ("lab", "network", "n1", "1")
    assert wish.settings.values == {"routers": 2, "image": "b:1"}
    assert wish.entry.use == "hub-and-spoke"


def test_the_endpoint_of_the_command_line_wins() -> None:
    (wish,) = wishes({"components": {"network": NETWORK}}, CATALOG, "10.0.0.5:9")
    assert wish.settings.endpoint == endpoint_of("http://10.0.0.5:9")


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "components"),
        ({"components": {}}, "components"),
        ({"components": []}, "components"),
        ({"components": {"network": NETWORK}, "servces": {}}, "servces"),
        ({"components": {"network": None}}, "components.network"),
        ({"components": {"network": {}}}, "components.network.use"),
        ({"components": {"network": {**NETWORK, "routrs": 3}}}, "components.network.routrs"),
        ({"components": {"network": {**NETWORK, "version": 1}}}, "components.network.version"),
        ({"components": {"network": {**NETWORK, "endpoint": "ftp://x"}}}, "components.network.endpoint"),
        ({"components": {"../x": NETWORK}}, "components"),
        ({"components": {"a--b": NETWORK}}, "components"),
        ({"components": {"--x": NETWORK}}, "components"),
        ({"components": {"x\n": NETWORK}}, "components"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(document: dict[str, Json], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        wishes(document, CATALOG)
    assert caught.value.field == field
    assert caught.value.next_step


def test_an_unknown_component_is_not_found_with_the_choices() -> None:
    with pytest.raises(NotFound) as caught:
        wishes({"components": {"network": {"use": "ziti"}}}, CATALOG)
    assert caught.value.details == {"field": "components.network.use", "choices": ["hub-and-spoke"]}


@pytest.mark.req("S1.6")
@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://10.0.0.5:8080", "http://10.0.0.5:8080"),
        ("https://Example.com/api/", "https://example.com/api"),
        ("http://10.0.0.5:80", "http://10.0.0.5"),
        ("10.0.0.5", "http://10.0.0.5"),
        ("10.0.0.5:8080", "http://10.0.0.5:8080"),
        ("::1", "http://[::1]"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("controller.lan:8080", "http://controller.lan:8080"),
        ("localhost:1", "http://localhost:1"),
    ],
)
def test_an_endpoint_may_be_a_url_or_an_ip(text: str, url: str) -> None:
    assert endpoint_of(text).url == url
    assert endpoint_of(url) == endpoint_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "http://", "http:///x", "ftp://a", "file:///etc/passwd", "//a", "a b", "http://a b", "http://a:0",
        "http://a:65536", "http://a:x", "a:", "http://user@a", "http://u:p@a", "http://a?x=1", "http://a#f",
        "http://a/../b", "http://a/%2e%2e/b", "http://a\\b", "http://a\nb", "http://a\x00", "http://127.1",
        "http://0x7f.0.0.1", "http://2130706433", "http://0177.0.0.1", "http://1.2.3.4.5", "http://-a", "--x",
        "http://a..b", "http://ä.example", "http://[::1", "http://[fe80::1%25eth0]", "http://a/$(id)", "http://a;id",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        endpoint_of(text)
    assert caught.value.field == "endpoint"


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(InvalidInput) as caught:
        endpoint_of("http://admin:hunter2@10.0.0.5")
    assert "hunter2" not in str(caught.value)
