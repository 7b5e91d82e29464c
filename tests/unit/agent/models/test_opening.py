"""Which models a hub has: from its settings, from the usual variables, or none, and then why."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from opstwin.agent.models.costs import cost_usd, price_of, prices_as_of
from opstwin.agent.models.gateway import Gateway
from opstwin.agent.models.opening import open_model
from opstwin.agent.models.places import MODELS, places_of
from opstwin.agent.models.port import Tokens
from opstwin.agent.models.scripted_client import client_of
from opstwin.agent.models.scripted_server import ScriptedServer
from opstwin.clock import VirtualClock
from opstwin.errors import InvalidInput, ModelError
from opstwin.settings import ModelSettings, Settings, load_settings
from tests.unit.agent.models.requests import ANTHROPIC, COMPATIBLE, OPENAI, asked, settings_of


def opened(
    settings: Settings, environ: Mapping[str, str] | None = None, server: ScriptedServer | None = None
) -> Gateway:
    told = environ or {}
    return open_model(settings, VirtualClock(), str, environ=told, http=client_of(server or ScriptedServer()))


@pytest.mark.req("S5.120")
def test_without_a_provider_the_error_says_what_to_set() -> None:
    with pytest.raises(ModelError, match="No language model is set up") as told:
        opened(Settings())
    assert told.value.details["reason"] == "no_key"
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "models.providers"):
        assert name in told.value.next_step


@pytest.mark.parametrize(
    ("environ", "models"),
    [
        ({"OPENAI_API_KEY": "k"}, ("openai/gpt-6-sol",)),
        ({"ANTHROPIC_API_KEY": "k"}, ("anthropic/claude-sonnet-5-5",)),
        ({"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k", "OPENAI_MODEL": "gpt-6-luna"},
         ("openai/gpt-6-luna", "anthropic/claude-sonnet-5-5")),
        ({"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": "https://a.example.com",
          "AZURE_OPENAI_DEPLOYMENT": "d"}, ("azure/d",)),
    ],
)  # fmt: skip
def test_the_usual_variables_are_a_provider_when_the_settings_name_none(
    environ: dict[str, str], models: tuple[str, ...]
) -> None:
    assert opened(Settings(), environ).models == models


@pytest.mark.parametrize("environ", [{"OPENAI_API_KEY": ""}, {"AZURE_OPENAI_API_KEY": "k"}, {"OPENAI_MODEL": "m"}])
def test_half_of_what_is_needed_is_no_provider(environ: dict[str, str]) -> None:
    with pytest.raises(ModelError):
        opened(Settings(), environ)


def test_the_usual_variables_are_not_looked_at_beside_settings_or_when_switched_off() -> None:
    both = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
    assert opened(settings_of(COMPATIBLE), both).models == ("first/local",)
    with pytest.raises(ModelError):
        opened(settings_of(from_environment=False), both)


async def test_an_address_in_the_usual_variables_is_where_the_key_goes() -> None:
    server = ScriptedServer(["fine"])
    environ = {"OPENAI_API_KEY": "k-1", "OPENAI_BASE_URL": "https://gate.example.com/v9", "OPENAI_MODEL": "m"}
    assert (await opened(Settings(), environ, server).complete(asked())).model == "m"
    assert (server.requests[0].path, server.requests[0].headers["host"]) == ("/v9/chat/completions", "gate.example.com")
    with pytest.raises(ModelError, match="https://") as told:
        opened(Settings(), {"OPENAI_API_KEY": "k-1", "OPENAI_BASE_URL": "http://gate.example.com"})
    assert "OPENAI_BASE_URL" in told.value.next_step


@pytest.mark.req("S5.9", "S5.98")
@pytest.mark.parametrize(
    ("provider", "path", "header", "value"),
    [
        ({"kind": "openai"}, "/v1/chat/completions", "authorization", "Bearer k-open"),
        ({"kind": "anthropic"}, "/v1/messages", "authorization", "Bearer k-anth"),
        ({"kind": "azure", "model": "d", "base_url": "https://a.example.com"},
         "/openai/deployments/d/chat/completions", "api-key", "k-azure"),
        ({"kind": "azure", "model": "d", "base_url": "https://a.example.com/openai/v1"},
         "/openai/v1/chat/completions", "authorization", "Bearer k-azure"),
        ({"kind": "compatible", "model": "m", "base_url": "http://127.0.0.1:9/v1"},
         "/v1/chat/completions", "authorization", "Bearer none"),
    ],
)  # fmt: skip
async def test_each_kind_takes_its_usual_key_unless_a_credential_is_named(
    provider: dict[str, str], path: str, header: str, value: str
) -> None:
    keys = {"OPENAI_API_KEY": "k-open", "ANTHROPIC_API_KEY": "k-anth", "AZURE_OPENAI_API_KEY": "k-azure", "MINE": "k-m"}
    for place, expected in (
        (provider, value),
        ({**provider, "credential": "env:MINE"}, value.partition(" ")[0] + " k-m"),
    ):
        server = ScriptedServer(["fine"])
        await opened(settings_of(place), keys, server).complete(asked())
        sent = expected if " " in value else expected.rsplit(" ", maxsplit=1)[-1]
        assert (server.requests[0].path, server.requests[0].headers[header]) == (path, sent)


async def test_a_key_comes_from_a_file_of_the_secrets_folder(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "openai").write_text("k-file\n")
    models = settings_of({**OPENAI, "credential": "file:openai"}).models
    server = ScriptedServer(["fine"])
    await opened(Settings(data_dir=tmp_path, models=models), server=server).complete(asked())
    assert server.requests[0].headers["authorization"] == "Bearer k-file"


@pytest.mark.req("S5.120")
@pytest.mark.parametrize(
    ("environ", "words"), [({}, "env:KEY is not set"), ({"KEY": "한글"}, "no key"), ({"KEY": " "}, "no key")]
)
async def test_a_key_that_is_missing_or_none_is_told_by_its_reference(environ: dict[str, str], words: str) -> None:
    server = ScriptedServer(otherwise="fine")
    with pytest.raises(ModelError, match=words) as told:
        await opened(settings_of(OPENAI), environ, server).complete(asked())
    assert (told.value.details["reason"], server.requests) == ("no_key", [])
    assert (
        await opened(settings_of(OPENAI, {**ANTHROPIC, "credential": "env:B"}), {"B": "k"}, server).complete(asked())
    ).text


@pytest.mark.req("S5.120")
@pytest.mark.parametrize(("provider", "library"), [(OPENAI, "openai"), (ANTHROPIC, "anthropic")])
async def test_a_library_that_is_not_installed_is_named(
    provider: dict[str, str], library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ModelError, match=f"{library} is not installed") as told:
        await opened(settings_of(provider), {"KEY": "k"}).complete(asked())
    assert "opstwin[agent]" in told.value.next_step


def test_no_sdk_is_loaded_before_the_first_request() -> None:
    program = (
        "import json, sys\n"
        "from opstwin.agent.models.opening import open_model\n"
        "from opstwin.clock import SystemClock\n"
        "from opstwin.settings import Settings\n"
        "open_model(Settings(), SystemClock(), str, environ={'OPENAI_API_KEY': 'k', 'ANTHROPIC_API_KEY': 'k'})\n"
        "print(json.dumps([name for name in ('openai', 'anthropic', 'langchain_core') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    ("models", "named"),
    [
        ('{"providers": {"a": {"kind": "azure", "model": "d"}}}', "base_url is needed"),
        ('{"providers": {"a": {"kind": "compatible", "base_url": "https://a.example.com"}}}', "model is needed"),
        ('{"providers": {"a": {"kind": "openai", "base_url": "http://10.0.0.5/v1"}}}', "https://"),
        ('{"providers": {"a": {"kind": "openai", "base_url": "https://user:word@a.example.com"}}}', "https://"),
        ('{"providers": {"a": {"kind": "gpt"}}}', "models.providers.a.kind"),
        ('{"providers": {"A b": {"kind": "openai"}}}', "models.providers"),
        ('{"providers": {"a": {"kind": "openai", "api_key": "hunter2-canary"}}}', "models.providers.a.api_key"),
        ('{"providers": {"a": {"kind": "openai", "credential": "hunter2-canary"}}}', "models.providers.a.credential"),
        ('{"providers": {"a": {"kind": "openai", "input_usd": 1}}}', "output_usd"),
        ('{"order": ["b"]}', "order names b"), ('{"attempts": 0}', "models.attempts"), ("{", "models"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused_by_name_and_secrets_not_repeated(models: str, named: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_settings({"OPSTWIN_MODELS": models}, ())
    assert named in str(refused.value)
    assert "OPSTWIN_MODELS" in refused.value.next_step
    assert "hunter2" not in f"{refused.value}{refused.value.__cause__}{refused.value.details}"


def test_the_config_file_holds_the_same_as_tables(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        '[models]\nattempts = 2\n[models.providers.ours]\nkind = "compatible"\nmodel = "m"\n'
        'base_url = "http://10.0.0.5:8000/v1"\ninsecure = true\ncredential = "file:key"\n'
        '[models.providers.claude]\nkind = "anthropic"\n'
    )
    found = places_of(load_settings({}, (path,)).models, {})
    assert [(place.name, place.model, place.credential) for place in found] == [
        ("ours", "m", "file:key"), ("claude", MODELS["anthropic"], "env:ANTHROPIC_API_KEY"),
    ]  # fmt: skip


def test_default_models_have_a_price() -> None:
    assert all(price_of(model) for model in MODELS.values())
    assert len(prices_as_of()) == len("2026-01-01")


@pytest.mark.parametrize("model", ["claude-haiku-4-5-20251001", "gpt-5.5-2026-04-23", "claude-haiku-4-5"])
def test_a_dated_release_costs_what_its_model_costs(model: str) -> None:
    assert price_of(model) is not None


@pytest.mark.parametrize("model", ["", "gpt-9", "gpt-6-sol-x", "my-gpt-6-sol", "claude-haiku-4-5-2025"])
def test_a_model_that_is_not_in_the_table_has_no_price(model: str) -> None:
    assert price_of(model) is None
    assert cost_usd(price_of(model), Tokens(input=1)) is None


def test_a_prompt_beyond_the_length_that_a_price_is_for_has_no_known_cost() -> None:
    price = price_of("claude-haiku-5-5")
    assert cost_usd(price, Tokens(input=100_000, output=10)) == pytest.approx(0.010005)
    assert cost_usd(price, Tokens(input=100_001, output=10)) is None


def test_a_cache_without_a_known_price_makes_the_cost_unknown() -> None:
    price = price_of("gpt-5.4")
    assert cost_usd(price, Tokens(input=1000, output=1)) is not None
    assert cost_usd(price, Tokens(input=1000, output=1, cache_write=10)) is None


def test_nothing_is_set_by_default() -> None:
    assert ModelSettings().providers == {}
