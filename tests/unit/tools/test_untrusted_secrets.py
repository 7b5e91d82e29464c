"""Secrets inside what others wrote: masked by their look, their name, and, where the twin knows them, in every form."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from opstwin.domain.secret_text import pattern_of, without_secrets
from opstwin.domain.taint import tokens
from opstwin.logs import MASK
from opstwin.tools.untrusted import fenced, marked

LOOKS = {
    "PEM key": "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----",
    "PEM key cut off": "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.canarycanary",
    "JWT behind beginnings": "eyJ-eyJ-eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.canarycanary",
    "GitLab behind a beginning": "eyJ-glpat-canarycanarycanary",
    "AWS id": "AKIACANARY0CANARY0CA",
    "AWS secret": "aws_secret_access_key = canary/canary+canary",
    "GitHub": "ghs_canarycanarycanary and github_pat_canarycanarycanarycanary",
    "GitLab": "glpat-canarycanarycanary",
    "Slack": "xoxp-canary-canary-canary",
    "Stripe": "sk_live_canarycanarycanary",
    "Google": "AIzacanarycanarycanarycanarycanarycanary",
    "Vault": "hvs.canarycanarycanarycanary",
    "bearer": "Authorization: Bearer canarycanary",
    "basic": "proxy said Basic Y2FuYXJ5OmNhbmFyeQ==canary",
    "assigned": "starting with DB_PASSWORD=canary port=1",
    "quoted": "password='canary canary' user=x",
    "yaml": "  dbPassword: canary",
    "json": '{"api_key": "canary", "n": 1}',
    "json in json": '{\\"client_secret\\":\\"canary\\"}',
    "query": "GET http://x/y?access_token=canary&b=1",
    "option": "mysql --password canary -h db",
    "option with =": "mysql --password=canary",
    "URL": "postgres://user:canary@db/x",
    "Opstwin": "opt_canarycanarycanarycanary",
}


@pytest.mark.proves("J1")
@pytest.mark.parametrize("text", LOOKS.values(), ids=LOOKS)
def test_what_looks_like_a_secret_is_masked(text: str) -> None:
    shown = without_secrets(f"before {text} after")
    assert "canary" not in shown.lower(), shown
    assert MASK in shown
    assert shown.startswith("before ")
    assert "canary" not in fenced(text, "logs of x").lower()


@pytest.mark.parametrize(
    "text",
    [
        "nginx:1.27 on port 8080", "GET /tokens 200", "secret_env: env:DB_PASSWORD", "DB_PASSWORD=file:db", "key: web",
        "sha256:" + "a" * 64, "http://127.0.0.1:8080/x?page=2", "password", "--tail 3", "authors: ada", "monkey=banana",
    ],
)  # fmt: skip
def test_ordinary_text_keeps_its_words(text: str) -> None:
    assert without_secrets(text) == text


SECRET = st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x17F), min_size=8, max_size=40)
AROUND = st.text(alphabet="abc xyz-_.,\n", max_size=12)


def forms(secret: str, before: str, after: str, cut: int) -> dict[str, str]:
    """The secret as it may turn up in a text."""
    whole = f"{before}{secret}{after}"
    place = cut % len(secret)
    return {
        "as it is": whole,
        "other case": whole.swapcase() if whole.isascii() else whole,
        "reversed": whole[::-1],
        "JSON": json.dumps(whole),
        "JSON in JSON": json.dumps(json.dumps({"a": whole})),
        "JSON, not ASCII": json.dumps(whole, ensure_ascii=False),
        "base64": base64.b64encode(whole.encode()).decode(),
        "base64url": base64.urlsafe_b64encode(whole.encode()).decode(),
        "base64 alone": base64.b64encode(secret.encode()).decode(),
        "hex": whole.encode().hex(),
        "URL": quote(whole, safe=""),
        "split": f"{before}{secret[:place]}\n{secret[place:]}{after}",
        "glued": f"{before}{secret[:place]}' + '{secret[place:]}{after}",
        "spaced": before + " ".join(secret) + after,
    }


@pytest.mark.proves("J2")
@given(SECRET, AROUND, AROUND, st.integers(0, 40))
def test_a_known_secret_is_masked_in_every_form(secret: str, before: str, after: str, cut: int) -> None:
    assume(not set(secret) & set("abcxyz"))
    pattern = pattern_of([secret, "another-one"])
    assert pattern is not None
    for name, text in forms(secret, before, after, cut).items():
        assert pattern.search(text), (name, text)
        shown = pattern.sub(MASK, text)
        assert secret not in shown
        assert secret not in shown.replace("\n", "").replace("' + '", "").replace(" ", "")
        assert secret not in shown[::-1]


@pytest.mark.proves("J2")
@given(SECRET, AROUND, AROUND)
def test_what_is_left_of_base64_says_next_to_nothing_of_the_secret(secret: str, before: str, after: str) -> None:
    pattern = pattern_of([secret])
    assert pattern is not None
    left = pattern.sub("", base64.b64encode(f"{before}{secret}{after}".encode()).decode())
    assert len(left) <= len(base64.b64encode(f"{before}{after}".encode())) + 8


def test_short_words_are_no_secrets() -> None:
    assert pattern_of(["1", "true", "abc"]) is None


@pytest.mark.proves("J1")
def test_json_is_masked_by_the_names_of_its_fields() -> None:
    value = {
        "env": {"DB_PASSWORD": "canary1", "MODE": "fast"}, "secret_env": {"DB_PASSWORD": "env:DB"},
        "fields": [{"path": ["env", "API_TOKEN"], "before": "canary2", "after": "canary3"}],
        "list": [{"name": "CLIENT_SECRET", "value": "canary4"}, {"name": "PORT", "value": "80"}],
    }  # fmt: skip
    shown = marked(value)
    assert "canary" not in json.dumps(shown)
    assert isinstance(shown, dict)
    assert shown["env"] == {"DB_PASSWORD": MASK, "MODE": "fast"}
    assert shown["secret_env"] == {"DB_PASSWORD": "env:DB"}
    assert shown["list"] == [{"name": "CLIENT_SECRET", "value": MASK}, {"name": "PORT", "value": "80"}]


@pytest.mark.proves("J1")
def test_a_key_that_stands_on_many_lines_is_masked_line_by_line() -> None:
    lines = ["start", "-----BEGIN PRIVATE KEY-----", "canaryMIIE", "canaryABCD", "-----END PRIVATE KEY-----", "go on"]
    shown = marked({"items": [{"text": line, "stream": "stdout"} for line in lines]})
    assert "canary" not in json.dumps(shown)
    assert "go on" in json.dumps(shown)
    assert "stdout" in json.dumps(shown)


def test_a_secret_of_gap_characters_and_a_line_of_assignments_cost_little() -> None:
    """Work is counted, not time: both took exponential or quadratic work, and did not come back."""
    pattern = pattern_of(["+" * 20 + "xyz", '"' * 30 + "\\" * 10])
    assert pattern is not None
    assert pattern.sub("***", "+" * 20_000) == "+" * 20_000
    assert pattern.sub("***", "a " + "+" * 20 + "xyz b") == "a *** b"
    found = tokens(["err " + "a=" * 50_000 + "nginx:evil"])
    assert len(found) < 100
    assert "a=a=b" not in found
    assert "evil/image:1" in tokens(["x=y=evil/image:1"])


@pytest.mark.proves("J1")
@pytest.mark.parametrize(
    "text",
    [
        'command = ["run", "--password", "hunter2hunter2", "-v"]', '["run", "-password", "hunter2hunter2"]',
        '{\\"command\\": [\\"check\\", \\"--token\\", \\"hunter2hunter2\\"]}', "['--api-key', 'hunter2hunter2']",
        "run --password hunter2hunter2 -v", "run -password hunter2hunter2 -v",
    ],
)  # fmt: skip
def test_the_value_of_a_secret_option_is_masked_in_a_list_of_words_too(text: str) -> None:
    shown = without_secrets(text)
    assert "hunter2" not in shown
    assert MASK in shown


@pytest.mark.parametrize(
    "text", ['["--name", "web", "--keyboard", "us"]', "--token=env:TOKEN", "a - b -- c", "x --no-pass"]
)
def test_options_that_hold_no_secret_stay(text: str) -> None:
    assert without_secrets(text) == text


def test_an_option_keeps_its_dashes() -> None:
    assert without_secrets("run --token=hunter2hunter2") == f"run --token={MASK}"


@pytest.mark.parametrize(
    "line",
    [
        '+ secret_env = {"DB_PASSWORD": (secret from file:rot)}', '~ env.API_KEY = (sensitive value) -> (secret)',
        '+ secret_env = {"API_KEY": (비밀 값, 출처 env:A)}', "+ env.TOKEN = (민감한 값)",
    ],
)  # fmt: skip
def test_the_words_that_a_plan_has_in_the_place_of_secrets_stay_whole(line: str) -> None:
    assert without_secrets(line) == line
