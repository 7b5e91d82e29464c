"""Settings: where they come from, and what is refused."""

from pathlib import Path

import pytest

from opstwin.errors import InvalidInput
from opstwin.settings import Settings, load_settings


def written(folder: Path, text: str) -> tuple[Path, ...]:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return (path,)


def test_variables_beat_the_file_and_the_file_beats_the_defaults(tmp_path: Path) -> None:
    files = written(tmp_path, 'port = 9000\npolicy = "solo"\n')
    found = load_settings({"OPSTWIN_PORT": "9001"}, files)
    assert (found.port, found.policy, found.host) == (9001, "solo", "127.0.0.1")


@pytest.mark.req("S5.79")
@pytest.mark.parametrize("key", ["database_password", "api_key", "slack_token", "client_secret"])
def test_a_secret_in_clear_in_the_config_file_is_refused_without_being_repeated(tmp_path: Path, key: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_settings({}, written(tmp_path, f'{key} = "hunter2-canary"\n'))
    assert key in str(refused.value)
    assert "${" in refused.value.next_step
    assert "hunter2-canary" not in str(refused.value)


@pytest.mark.req("S5.79")
def test_a_secret_by_reference_comes_from_the_environment(tmp_path: Path) -> None:
    files = written(tmp_path, 'database_url = "postgresql+psycopg://hub:${DB_PASSWORD}@db/twin"\n')
    assert load_settings({"DB_PASSWORD": "pw"}, files).url == "postgresql+psycopg://hub:pw@db/twin"
    with pytest.raises(InvalidInput, match="DB_PASSWORD"):
        load_settings({}, files)


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="prot"):
        load_settings({}, written(tmp_path, "prot = 1\n"))


@pytest.mark.parametrize(
    ("name", "value"), [("OPSTWIN_PORT", "70000"), ("OPSTWIN_POLICY", "anarchy"), ("OPSTWIN_HOLD_S", "x")]
)
def test_a_bad_value_names_the_setting(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=name.removeprefix("OPSTWIN_").lower()):
        load_settings({name: value}, ())


@pytest.mark.req("S5.G1")
def test_several_replicas_on_one_sqlite_file_are_refused() -> None:
    with pytest.raises(InvalidInput, match="SQLite"):
        load_settings({"OPSTWIN_REPLICAS": "2"}, ())
    url = "postgresql+psycopg://db/twin"
    assert load_settings({"OPSTWIN_REPLICAS": "2", "OPSTWIN_DATABASE_URL": url}, ()).replicas == 2


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


OAUTH = {
    "OPSTWIN_OAUTH_ISSUER": "https://login.example.com/realms/ops",
    "OPSTWIN_OAUTH_JWKS_URL": "https://login.example.com/keys?v=1",
    "OPSTWIN_PUBLIC_URL": "https://ops.example.com/",
}


def test_an_authorization_server_needs_its_keys_and_the_hubs_own_address() -> None:
    found = load_settings(OAUTH, ())
    assert (found.base_url, found.oauth_people) == ("https://ops.example.com", "linked")
    for missing, named in (
        ("OPSTWIN_OAUTH_ISSUER", "oauth_issuer"), ("OPSTWIN_OAUTH_JWKS_URL", "oauth_jwks_url"),
        ("OPSTWIN_PUBLIC_URL", "public_url"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as refused:
            load_settings({name: value for name, value in OAUTH.items() if name != missing}, ())
        assert refused.value.field == named
        assert "OPSTWIN_" in refused.value.next_step


def test_the_keys_come_from_an_address_or_from_a_file_but_not_from_both() -> None:
    from_file = {**OAUTH, "OPSTWIN_OAUTH_JWKS_URL": "", "OPSTWIN_OAUTH_JWKS_FILE": "/etc/opstwin/jwks.json"}
    assert load_settings(from_file, ()).oauth_jwks_file == Path("/etc/opstwin/jwks.json")
    with pytest.raises(InvalidInput, match="one source"):
        load_settings({**OAUTH, "OPSTWIN_OAUTH_JWKS_FILE": "/etc/opstwin/jwks.json"}, ())


@pytest.mark.parametrize("name", ["OPSTWIN_OAUTH_ISSUER", "OPSTWIN_OAUTH_JWKS_URL", "OPSTWIN_PUBLIC_URL"])
@pytest.mark.parametrize(
    "value",
    [
        "http://login.example.com", "http://10.0.0.5/keys", "file:///etc/passwd", "ftp://login.example.com", "login",
        "https://", "https:///keys", "https://user:word@login.example.com", "https://login.example.com#x",
        "https://login.example.com:99999", "https://login.example.com\n", 'https://login.example.com"', "https://[::1",
        "http://127.0.0.1.evil.example", "http://localhost@evil.example", "https://login.example.com/a b",
    ],
)  # fmt: skip
def test_an_address_that_tokens_hang_on_is_https_or_on_this_machine(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=name.removeprefix("OPSTWIN_").lower()):
        load_settings({**OAUTH, name: value}, ())
    for good in ("https://login.example.com", "http://127.0.0.1:8080", "http://localhost", "http://[::1]:9"):
        load_settings({**OAUTH, name: good}, ())


@pytest.mark.parametrize("value", ["https://ops.example.com/hub", "https://ops.example.com/?x=1"])
def test_the_public_address_has_no_path(value: str) -> None:
    with pytest.raises(InvalidInput, match="public_url"):
        load_settings({**OAUTH, "OPSTWIN_PUBLIC_URL": value}, ())


@pytest.mark.parametrize(
    "text",
    ["localhost:80", "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1:", "::1:18080:x", "127.0.0.1/8", "10.0.0.5:x", ""],
)
def test_an_endpoint_for_agents_is_an_address_or_the_setting_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="allowed_agent_endpoints") as caught:
        load_settings(options={"allowed_agent_endpoints": (text,)}, environ={}, files=())
    assert "127.0.0.1:18080" in caught.value.message


def test_endpoints_for_agents_are_addresses_and_networks_with_or_without_a_port() -> None:
    given = {"OPSTWIN_ALLOWED_AGENT_ENDPOINTS": "127.0.0.1:18080,[::1]:18080,127.1.0.0/16,::1,fd00::/8"}
    places = [(str(place.network), place.port) for place in load_settings(given, ()).agent_places]
    assert places == [
        ("127.0.0.1/32", 18080), ("::1/128", 18080), ("127.1.0.0/16", None), ("::1/128", None), ("fd00::/8", None)
    ]  # fmt: skip
