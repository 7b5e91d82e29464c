"""Config files in YAML, and the blocks that the seed writes in them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from opstwin.configuration import config_files, local_engine
from opstwin.errors import InvalidInput
from opstwin.settings import Settings, load_settings
from tests.seed_configuration import SEED

CANARY = "sk-canary-71"
KEY = {"OPENAI_API_KEY": CANARY}


def loaded(folder: Path, text: str, environ: dict[str, str] | None = None, name: str = "hub.yaml") -> Settings:
    (folder / name).write_text(text, encoding="utf-8")
    return load_settings(environ or {}, (folder / name,))


def refused(folder: Path, text: str, environ: dict[str, str] | None = None, name: str = "hub.yaml") -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        loaded(folder, text, environ, name)
    assert caught.value.next_step
    assert CANARY not in str(caught.value) + caught.value.next_step
    return caught.value


@pytest.mark.req("S5.73", "S5.74", "S5.75")
def test_the_seeds_configuration_is_a_config_file_unchanged(tmp_path: Path) -> None:
    found = loaded(tmp_path, SEED.replace("/var/run/docker.sock", "/run/other.sock"), KEY)
    assert [item["name"] for item in found.clusters] == ["aws-eks-seoul", "azure-aks-korea"]
    assert found.clusters[1]["registry"] == "myregistry.azurecr.io"
    assert found.docker_socket == "unix:///run/other.sock"
    models = found.models
    (provider,) = models.providers.values()
    assert (provider.kind, provider.model) == ("openai", "gpt-4-turbo-preview")
    assert (models.temperature, models.max_tokens) == (0.3, 2000)


@pytest.mark.req("S5.75", "S5.79")
def test_the_key_of_the_model_stays_a_reference(tmp_path: Path) -> None:
    found = loaded(tmp_path, SEED, KEY)
    assert [item.credential for item in found.models.providers.values()] == ["env:OPENAI_API_KEY"]
    assert CANARY not in repr(found)


@pytest.mark.req("S5.75")
@pytest.mark.parametrize("environ", [{}, {"OPENAI_API_KEY": ""}])
def test_a_missing_variable_stops_the_start_and_is_named(tmp_path: Path, environ: dict[str, str]) -> None:
    error = refused(tmp_path, SEED, environ)
    assert error.field == "ai.api_key"
    assert "OPENAI_API_KEY" in error.message
    assert error.next_step == "Set OPENAI_API_KEY."


@pytest.mark.req("S5.75")
def test_variables_stand_in_other_places_too(tmp_path: Path) -> None:
    text = "clusters:\n- {name: c1, type: kubernetes, kubeconfig: '${HOME_OF}/config'}\nlog_level: ${LEVEL}\n"
    found = loaded(tmp_path, text, {"HOME_OF": "/srv", "LEVEL": "WARN"})
    assert (found.clusters[0]["kubeconfig"], found.log_level) == ("/srv/config", "WARN")
    error = refused(tmp_path, text, {"LEVEL": "WARN"})
    assert (error.field, "HOME_OF" in error.message) == ("clusters[0].kubeconfig", True)


@pytest.mark.req("S5.79")
@pytest.mark.parametrize("key", [CANARY, f"'Bearer {CANARY}'", "${OPENAI_API_KEY}x", "[1]", "''", "${OPSTWIN_KEY}"])
def test_a_key_that_is_no_reference_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    text = f"ai:\n  provider: openai\n  api_key: {key}\n"
    assert refused(tmp_path, text, {**KEY, "OPSTWIN_KEY": "x"}).field == "ai.api_key"


@pytest.mark.parametrize(
    ("provider", "kind"), [("openai", "openai"), ("claude", "anthropic"), ("Anthropic", "anthropic")]
)
def test_providers_are_called_as_people_call_them(tmp_path: Path, provider: str, kind: str) -> None:
    found = loaded(tmp_path, f"ai:\n  provider: {provider}\n  api_key: file:key\n")
    assert [(item.kind, item.credential) for item in found.models.providers.values()] == [(kind, "file:key")]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("ai: 5", "ai"),
        ("ai: {model: m}", "ai.provider"),
        ("ai: {provider: skynet}", "ai.provider"),
        ("ai: {provider: openai, tempreture: 1}", "ai.tempreture"),
        ("ai: {provider: openai, temperature: 5}", "ai.temperature"),
        ("ai: {provider: openai, temperature: warm}", "ai.temperature"),
        ("ai: {provider: openai, max_tokens: 0}", "ai.max_tokens"),
        ("ai: {provider: openai, model: [a]}", "ai.model"),
        ("ai: {provider: azure, model: m}", "ai"),
        ("ai: {provider: openai}\nmodels: {}", "ai"),
        ("docker: unix:///x", "docker"),
        ("docker: {local: {socket: 5}}", "docker"),
        ("docker: {local: {socket: 'unix:///x', tls: true}}", "docker"),
        ("docker: {local: {socket: 'unix:///x'}}\ndocker_socket: unix:///y", "docker.local.socket"),
        ("clusters: {name: x}", "clusters"),
        ("clusters: [x]", "clusters.0"),
        ("port: 1\nport: 2", "config"),
        ("[1, 2]", "config"),
        ("5: x", "config"),
        ("a: b: c", "config"),
        ("port: !!python/object:os.system x", "config"),
        ("prot: 1", "prot"),
    ],
)
def test_what_is_wrong_is_named_as_it_was_written(tmp_path: Path, text: str, field: str) -> None:
    error = refused(tmp_path, text, KEY)
    assert error.field == field
    assert error.next_step


def test_toml_says_the_same(tmp_path: Path) -> None:
    text = '[ai]\nprovider = "claude"\napi_key = "${KEY}"\n[[clusters]]\nname = "c1"\ntype = "sim"\nendpoint = "sim://c1"\n'
    found = loaded(tmp_path, text, {"KEY": "x"}, "hub.toml")
    assert [item.credential for item in found.models.providers.values()] == ["env:KEY"]
    assert found.clusters == ({"name": "c1", "type": "sim", "endpoint": "sim://c1"},)
    assert refused(tmp_path, text, {}, "hub.toml").field == "ai.api_key"


def test_the_registries_of_a_file_are_read_from_it(tmp_path: Path) -> None:
    text = "registries:\n- host: registry.example.com\n"
    assert loaded(tmp_path, text).registries_file == tmp_path / "hub.yaml"
    assert loaded(tmp_path, f"registries_file: /etc/r.yaml\n{text}").registries_file == Path("/etc/r.yaml")


def test_an_empty_file_and_one_with_a_mark_at_its_begin_are_fine(tmp_path: Path) -> None:
    assert loaded(tmp_path, "# nothing\n").port == 7373
    assert loaded(tmp_path, "\ufeffport: 7400\n").port == 7400


def test_variables_beat_the_blocks_of_a_file(tmp_path: Path) -> None:
    environ: dict[str, Any] = {
        **KEY, "OPSTWIN_MODELS": '{"temperature": 1}', "OPSTWIN_DOCKER_SOCKET": "unix:///mine",
        "OPSTWIN_CLUSTERS": '[{"name": "c9", "type": "sim", "endpoint": "sim://c9"}]',
    }  # fmt: skip
    found = loaded(tmp_path, SEED, environ)
    assert (found.models.temperature, found.models.providers) == (1, {})
    assert (found.docker_socket, found.clusters[0]["name"]) == ("unix:///mine", "c9")


def test_the_engine_that_the_docker_command_uses_is_the_local_one(tmp_path: Path) -> None:
    environ = {"DOCKER_HOST": "unix:///run/mine.sock"}
    assert load_settings(environ, ()).docker_socket == "unix:///run/mine.sock"
    assert load_settings(environ | {"OPSTWIN_DOCKER_SOCKET": "unix:///run/other.sock"}, ()).docker_socket.endswith(
        "other.sock"
    )
    assert loaded(tmp_path, "docker_socket: unix:///run/other.sock", environ).docker_socket.endswith("other.sock")


def test_a_rootless_engine_and_a_desktops_are_found_where_roots_is_not(tmp_path: Path) -> None:
    environ = {"XDG_RUNTIME_DIR": str(tmp_path / "run"), "HOME": str(tmp_path / "home")}
    nowhere = tmp_path / "docker.sock"
    assert local_engine(environ, nowhere) == f"unix://{nowhere}"
    desktop = tmp_path / "home/.docker/run/docker.sock"
    with listening(desktop):
        assert local_engine(environ, nowhere) == f"unix://{desktop}"
        with listening(tmp_path / "run/docker.sock") as rootless:
            assert local_engine(environ, nowhere) == f"unix://{rootless}"
            with listening(nowhere):
                assert local_engine(environ, nowhere) == f"unix://{nowhere}"


def test_a_place_that_cannot_be_looked_at_holds_no_engine(tmp_path: Path) -> None:
    nowhere = tmp_path / "docker.sock"
    assert local_engine({"XDG_RUNTIME_DIR": "/" + "a" * 300}, nowhere) == f"unix://{nowhere}"


@contextmanager
def listening(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        yield path


def test_yaml_files_stand_beside_toml_files(tmp_path: Path) -> None:
    assert config_files({"OPSTWIN_CONFIG": str(tmp_path / "any.yaml")}) == (tmp_path / "any.yaml",)
    with pytest.raises(InvalidInput, match=r"any\.yaml cannot be read"):
        load_settings({"OPSTWIN_CONFIG": str(tmp_path / "any.yaml")})
