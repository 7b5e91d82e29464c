"""Values of a container's own secret variables in what it writes: masked where they are telling, and nothing else."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.targets.kubernetes.cleaning import secrets_of
from opstwin.targets.own_secrets import both, entrusted, own_secrets
from opstwin.targets.ports import LogLine

SECRET = "Tr0ub4dor&3"


def over(env: dict[str, str], text: str, *known: str) -> str:
    return own_secrets(env.items(), known).over(text)


@pytest.mark.proves("J1")
@pytest.mark.parametrize("secret", ["pass1234", "40404040"])
def test_a_secret_whose_hex_is_all_digits_is_masked_in_hex_too(secret: str) -> None:
    assert over({"DB_PASSWORD": secret}, f"v={secret.encode().hex()} n=7") == "v=*** n=7"


@pytest.mark.proves("J1")
@pytest.mark.parametrize("name", ["DB_PASSWORD", "api_token", "CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY"])
@pytest.mark.parametrize(
    "said", [SECRET, SECRET[::-1], SECRET.encode().hex(), base64.b64encode(SECRET.encode()).decode().rstrip("=")[:-1]]
)
def test_a_secret_of_its_own_is_masked_wherever_and_however_it_stands(name: str, said: str) -> None:
    shown = over({name: SECRET}, f"connect x{said}y now")
    assert said not in shown
    assert shown.startswith("connect x***")
    assert shown.endswith("y now")


@pytest.mark.parametrize(
    "value", ["Sup3rLongPass", "correcthorsebattery", "hunterTwoTwo", "4815162342", "긴비밀번호입니다요"]
)
def test_a_telling_value_is_masked(value: str) -> None:
    assert value not in over({"DB_PASSWORD": value}, f"auth failed: {value}, giving up")


@pytest.mark.proves("J1")
@pytest.mark.parametrize(
    ("name", "value"), [("API_TOKEN", "483920174"), ("DOOR_PIN", "482913"), ("DB_PASSWORD", "90817263"),
                        ("OTP_CODE", "771204"), ("ACCESS_KEY", "1234567890123456")]
)  # fmt: skip
@pytest.mark.parametrize("line", ["sent {}", "pin={}", "code:{}.", '{{"code":"{}"}}', "{}", "is it {}?", "got {}, {}"])
def test_a_code_of_digits_is_masked_where_it_stands_as_a_number(name: str, value: str, line: str) -> None:
    assert over({name: value}, line.format(value, value)) == line.format("***", "***")


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("DOOR_PIN", "482913", "2026-11-21T10:11:12.482913Z took 1482913 of 4829130 ns, 482913ms, id a482913"),
        ("DOOR_PIN", "20261121", "at 20261121-101112 and 20261121:10"), ("DOOR_PIN", "8080", "on port 8080"),
        ("API_TOKEN", "54321", "on port 54321"), ("API_TOKEN", "300000", "waited 300000 ms"),
        ("TOKEN_TTL", "86399999", "for 86399999 ms"), ("PASSWORD_MAX_AGE", "7775999", "7775999 s"),
        ("PINNED_VERSION", "482913", "version 482913"), ("SHIPPING", "482913", "order 482913"),
    ],
)  # fmt: skip
def test_moments_ports_amounts_and_parts_of_numbers_stay_readable(name: str, value: str, line: str) -> None:
    assert over({name: value}, line) == line


def test_a_code_of_digits_is_masked_as_base64_and_in_an_address_too() -> None:
    env = {"DATABASE_URL": "postgres://shop:55512398@db/shop"}
    assert over(env, "password 55512398") == "password ***"
    assert "NTU1MTIzOT" not in over(env, base64.b64encode(b"55512398").decode())


def test_values_that_are_typed_as_secrets_are_masked_whatever_they_are_called() -> None:
    own = own_secrets((), ("web",), typed=["Zx9-kk21q", "482913", "web", "5432", "postgres"])
    assert own.over("web: Zx9-kk21q at postgres:5432 with 482913") == "web: *** at postgres:5432 with ***"


@pytest.mark.proves("J1")
@pytest.mark.parametrize(
    "value", ["hunter2", "postgres", "86400000", "https://hooks.example/T0/B1", "/srv/app-1", "web-1x"]
)
def test_what_a_person_gave_as_a_secret_is_masked_however_ordinary_it_looks(value: str) -> None:
    own = both(own_secrets({"PLAIN": value}.items(), (value,)), entrusted([f"{value}\n"]))
    assert own.over(f"with {value}, {value.encode().hex()}, {value[::-1]}") == "with ***, ***, ***"


def test_what_is_too_short_for_a_secret_stays_readable_though_it_was_given_as_one() -> None:
    assert entrusted(["", "8080", "admin"]).over("admin listens on 8080") == "admin listens on 8080"


def test_the_password_in_an_address_is_masked_where_it_stands_alone() -> None:
    assert over({"DATABASE_URL": "postgres://shop:Qw9-zz81x@db/shop"}, "using Qw9-zz81x") == "using ***"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "postgres"), ("DB_PASSWORD", "password"), ("DB_PASSWORD", "changeme"), ("DB_PASSWORD", "short"),
        ("DB_PASSWORD", "a1!bc2?"), ("SECRET_BACKEND", "production"), ("TOKEN_MODE", "disabled"),
        ("DB_PASSWORD", "received"), ("AUTHORIZATION", "authorization"), ("TOKEN_TTL", "86400000"),
        ("TOKEN_TTL", "1800.000s"), ("PASSWORD_FILE", "/run/secrets/db"), ("TOKEN_URL", "https://auth.example/token"),
        ("API_TOKEN", "env:SHOP_TOKEN"), ("COLOUR", "aquamarine-7"), ("PWD", "/srv/app-1"), ("DB_PASSWORD", ""),
    ],
)  # fmt: skip
def test_common_words_amounts_and_places_stay_readable(name: str, value: str) -> None:
    line = f"received {value or 'nothing'} from /run/secrets/db after 86400000 ms (postgres in production)"
    assert over({name: value}, line) == line


def test_a_value_that_stands_openly_beside_it_is_no_secret() -> None:
    env = {"DB_USER": "shop-admin-7", "DB_PASSWORD": "shop-admin-7", "API_TOKEN": "orders-api-2"}
    line = "shop-admin-7 connected to orders-api-2"
    assert over(env, line, "orders-api-2") == line


def test_a_word_that_is_a_secret_is_masked_as_a_whole_word_alone() -> None:
    assert over({"DB_PASSWORD": "correcthorsebattery"}, "correcthorsebatteryx correcthorsebattery.") == (
        "correcthorsebatteryx ***."
    )


def test_a_line_without_secrets_is_the_very_line() -> None:
    line = LogLine(at=datetime(2026, 1, 1, tzinfo=UTC), stream="stderr", text="ready")
    own = own_secrets({"DB_PASSWORD": SECRET}.items())
    assert own.line(line) is line
    told = own.line(LogLine(at=line.at, stream="stderr", text=f"with {SECRET}"))
    assert (told.at, told.stream, told.text) == (line.at, "stderr", "with ***")


@given(st.text(min_size=8, max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_whatever_is_masked_is_gone_and_nothing_raises(value: str, before: str, behind: str) -> None:
    own = own_secrets({"DB_PASSWORD": value}.items())
    if any(form == value.strip() for form in own.forms):
        assert value.strip() not in own.over(f"{before}{value}{behind}").replace("***", "")


@pytest.mark.proves("J1")
@pytest.mark.parametrize("kind", ["pod", "deployment", "cronjob"])
def test_the_plain_variables_of_a_clusters_containers_are_known_wherever_they_stand(kind: str) -> None:
    pod = {"containers": [{"name": "web", "env": [{"name": "DB_PASSWORD", "value": SECRET}, {"name": "A"}]}]}
    template = {"template": {"spec": pod}}
    specs = {"pod": pod, "deployment": template, "cronjob": {"jobTemplate": {"spec": template}}}
    item = {"metadata": {"name": "web"}, "spec": specs[kind]}
    assert secrets_of(item).over(f"web began with {SECRET}") == "web began with ***"


KEY_LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"


@pytest.mark.parametrize(
    ("env", "line", "shown"),
    [
        ({"DB_URL": "postgres://u:p%40ssw0rd!x1@db"}, "login with p@ssw0rd!x1", "login with ***"),
        ({"PRIVATE_KEY": f"-----BEGIN PRIVATE KEY-----\n{KEY_LINE}\n-----END PRIVATE KEY-----"}, KEY_LINE, "***"),
        ({"SECRET_KEY": "/x8KjQm2Lw9Zt4Vb7Nc1Hd6Rf3Gs5Ya0Ue"}, "key /x8KjQm2Lw9Zt4Vb7Nc1Hd6Rf3Gs5Ya0Ue", "key ***"),
        ({"SECRET_FILE": "/run/secrets/database-password"}, "read /run/secrets/database-password",
         "read /run/secrets/database-password"),
        ({"TOKEN_PATH": "/var/run/secrets/a/service/token"}, "/var/run/secrets/a/service/token",
         "/var/run/secrets/a/service/token"),
    ],
)  # fmt: skip
def test_a_secret_is_known_as_it_is_used(env: dict[str, str], line: str, shown: str) -> None:
    assert over(env, line) == shown
