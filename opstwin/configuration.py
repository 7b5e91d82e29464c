"""Config files: TOML or YAML, secrets by reference only; `ai:`, `docker:` and `registries:` as the seed writes them."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from platformdirs import user_config_path
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from opstwin.errors import InvalidInput

PREFIX: Final = "OPSTWIN_"
_ROOTS_SOCKET: Final = Path("/var/run/docker.sock")
LOCAL_ENGINE: Final = f"unix://{_ROOTS_SOCKET}"
_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_CREDENTIAL: Final = re.compile(r"(env|file):[A-Za-z0-9_.-]{1,255}")
_SECRET_KEY: Final = re.compile(r"(password|passwd|secret|token|api_?key|private_?key)$", re.IGNORECASE)
_YAML: Final = frozenset({".yaml", ".yml"})
_NAMES: Final = ("config.toml", "config.yaml")
_MAKERS: Final[Mapping[str, str]] = {
    "openai": "openai", "claude": "anthropic", "anthropic": "anthropic", "azure": "azure", "azure-openai": "azure",
    "azure_openai": "azure", "compatible": "compatible",
}  # fmt: skip
_OF_PROVIDER: Final = ("model", "base_url", "api_version")
_OF_MODELS: Final = ("temperature", "max_tokens")
_OF_AI: Final = ("provider", "api_key", *_OF_PROVIDER, *_OF_MODELS)
_AI: Final = "ai"
"""The name of the provider that the block `ai:` gives."""


def local_engine(environ: Mapping[str, str], usual: Path = _ROOTS_SOCKET) -> str:
    """Where the local Docker Engine listens: what `DOCKER_HOST` says, else the first usual socket that is there.

    The sockets are those of an engine of root, of a rootless one, and of Docker Desktop.
    """
    if environ.get("DOCKER_HOST"):
        return environ["DOCKER_HOST"]
    folders = [(environ.get("XDG_RUNTIME_DIR"), "docker.sock"), (environ.get("HOME"), ".docker/run/docker.sock")]
    sockets = [usual, *(Path(folder, name) for folder, name in folders if folder)]
    return f"unix://{next((path for path in sockets if _is_socket(path)), usual)}"


def _is_socket(path: Path) -> bool:
    try:
        return path.is_socket()
    except OSError:  # in a folder that is somebody else's
        return False


def config_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The config files that exist, weakest first; `OPSTWIN_CONFIG` names one in place of all others."""
    named = environ.get(f"{PREFIX}CONFIG")
    if named:
        return (Path(named),)
    folders = (Path("/etc/opstwin"), user_config_path("opstwin"))
    return tuple(path for folder in folders for name in _NAMES if (path := folder / name).is_file())


def read_config(path: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings that a file gives, `${NAME}` replaced. Raises `InvalidInput` naming the key and never a secret."""
    loaded = _loaded(path)
    loaded.pop("context", None)
    if "ai" in loaded:
        loaded["models"] = _models(loaded.pop("ai"), loaded, environ)
    if "docker" in loaded:
        loaded |= _docker(loaded.pop("docker"), loaded)
    if "registries" in loaded and path.suffix in _YAML:
        # They are read anew for each question, from this very file.
        loaded.pop("registries")
        loaded.setdefault("registries_file", str(path.absolute()))
    return {key: _resolved(key, value, environ) for key, value in loaded.items()}


def written_as(name: str) -> str:
    """How the block `ai:` calls a setting that is wrong; other names are left as they are."""
    if name == f"models.providers.{_AI}":
        return "ai"
    for prefix, keys in ((f"models.providers.{_AI}.", _OF_PROVIDER), ("models.", _OF_MODELS)):
        if name.startswith(prefix) and name.removeprefix(prefix) in keys:
            return f"ai.{name.removeprefix(prefix)}"
    return name


def has_ai(loaded: Mapping[str, Any]) -> bool:
    """Whether the models of these settings come from a block `ai:`."""
    models = loaded.get("models")
    return isinstance(models, Mapping) and list(models.get("providers") or ()) == [_AI]


def _loaded(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        loaded = YAML(typ="safe", pure=True).load(text) if path.suffix in _YAML else tomllib.loads(text)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, YAMLError) as error:
        why = str(error).replace("\n", " ")[:500]
        raise InvalidInput(
            f"Config file {path.name} cannot be read: {why}.", field="config", next_step="Correct it."
        ) from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict) or not all(isinstance(key, str) for key in loaded):
        raise InvalidInput(
            f"Config file {path.name} must hold names and values.", field="config", next_step="Write: port: 7373"
        )
    return loaded


def _models(block: object, loaded: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The block `ai:` as the setting `models`, with one provider; its key stays a reference."""
    if "models" in loaded:
        raise _bad("ai", "stands beside models", "Keep one of them.")
    if not isinstance(block, dict):
        raise _bad("ai", "must hold keys", f"Use: {', '.join(_OF_AI)}.")
    for key in block:
        if key not in _OF_AI:
            raise _bad(f"ai.{str(key)[:80]}", "is not known", f"Use: {', '.join(_OF_AI)}.")
    maker = _MAKERS.get(str(block.get("provider")).lower())
    if maker is None:
        raise _bad("ai.provider", "is missing or not known", f"Use one of: {', '.join(_MAKERS)}.")
    provider = {"kind": maker} | {key: block[key] for key in _OF_PROVIDER if key in block}
    if "api_key" in block:
        provider["credential"] = _credential(block["api_key"], environ)
    return {"providers": {_AI: provider}} | {key: block[key] for key in _OF_MODELS if key in block}


def _credential(given: object, environ: Mapping[str, str]) -> str:
    """The reference to a key. The variable must be there already: a hub that cannot ask its model says so at once."""
    text = given if isinstance(given, str) else ""
    if _CREDENTIAL.fullmatch(text):
        return text
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise _bad("ai.api_key", "must be a reference to a key and never the key", "Write ${OPENAI_API_KEY}.")
    if found[1].startswith(PREFIX):
        raise _bad("ai.api_key", f"names {found[1]}, a setting of the hub", "Use a variable of another name.")
    if not environ.get(found[1]):
        raise InvalidInput(
            f"Config key ai.api_key needs the variable {found[1]}.", field="ai.api_key", next_step=f"Set {found[1]}."
        )
    return f"env:{found[1]}"


def _docker(block: object, loaded: Mapping[str, Any]) -> dict[str, Any]:
    local = block.get("local") if isinstance(block, dict) else None
    socket = local.get("socket") if isinstance(local, dict) else None
    if not isinstance(socket, str) or block != {"local": {"socket": socket}}:
        raise _bad("docker", "holds docker.local.socket and nothing else", "Write unix:///var/run/docker.sock there.")
    if loaded.get("docker_socket", socket) != socket:
        raise _bad("docker.local.socket", "is not what docker_socket says", "Keep one of them.")
    return {"docker_socket": socket}


def _resolved(key: str, value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _resolved(f"{key}.{name}", item, environ) for name, item in value.items()}
    if isinstance(value, list):
        return [_resolved(f"{key}[{place}]", item, environ) for place, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    if _SECRET_KEY.search(key) and value and not _REFERENCE.fullmatch(value):
        raise InvalidInput(
            f"Config key {key} holds a secret in clear.",
            field=key,
            next_step=f"Write ${{{key.rsplit('.', maxsplit=1)[-1].upper()}}} and set that variable.",
        )

    def variable(match: re.Match[str]) -> str:
        if match[1] not in environ:
            raise InvalidInput(
                f"Config key {key} needs the variable {match[1]}.", field=key, next_step=f"Set {match[1]}."
            )
        return environ[match[1]]

    return _REFERENCE.sub(variable, value)


def _bad(where: str, why: str, next_step: str) -> InvalidInput:
    return InvalidInput(f"Config key {where} {why}.", field=where, next_step=next_step)
