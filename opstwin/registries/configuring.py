"""Which registries there are: the `registries:` of a file, which is read anew each time, and those of targets."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from opstwin.domain.names import checked_text
from opstwin.domain.target import Target
from opstwin.domain.workload import check_secret_reference
from opstwin.errors import InvalidInput, NotFound
from opstwin.manifests.nodes import plain
from opstwin.manifests.yaml_loading import load_documents
from opstwin.registries.loading import Kinds
from opstwin.registries.names import checked_host
from opstwin.registries.ports import Place

MOST: Final = 200
MAX_BYTES: Final = 1 << 20
_TEXTS: Final = ("name", "host", "type", "username", "credential", "docker_config", "ca_file")
_KEYS: Final = (*_TEXTS, "insecure", "token_hosts")
_REFERENCES: Final = ("credential", "session_token")
CREDENTIAL: Final = "registry_credential"
USERNAME: Final = "registry_username"
"""Settings of a target that say how to sign in to its `registry`."""


def read(path: Path) -> str:
    """The file's text; empty when there is none. Raises `InvalidInput` for one that cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path.name} cannot be read: {type(error).__name__}.", field="registries_file", next_step="Correct it."
        ) from error
    if len(content) > MAX_BYTES:
        raise InvalidInput(
            f"{path.name} is longer than {MAX_BYTES} bytes.", field="registries_file", next_step="Make it shorter."
        )
    return text


def places_of(text: str, kinds: Kinds, source: str) -> tuple[Place, ...]:
    """The registries that a configuration names; its other sections (`clusters`, `docker`) are not looked at.

    Raises `InvalidInput` or `NotFound` naming the entry, such as `registries[1].type`, and never a credential.
    """
    try:
        documents = load_documents(text) if text.strip() else ()
    except InvalidInput as error:
        raise InvalidInput(
            f"{source}: {error.message}", field="registries_file", next_step=error.next_step, details=error.details
        ) from error
    config = plain(documents[0]) if len(documents) == 1 else {}
    entries = (config.get("registries") or []) if isinstance(config, dict) and len(documents) < 2 else None
    if not isinstance(entries, list) or len(entries) > MOST:
        raise InvalidInput(
            f"{source}: registries must be a list of at most {MOST}.", field="registries",
            next_step="Start each with: - host: …",
        )  # fmt: skip
    places: list[Place] = []
    for number, entry in enumerate(entries):
        place = _place(f"registries[{number}]", entry, kinds, source)
        if place.host in [item.host for item in places]:
            raise _bad(f"registries[{number}].host", f"{place.host} is named twice", "Name each host once.")
        places.append(place)
    return tuple(places)


def places_of_targets(targets: Iterable[Target], kinds: Kinds) -> tuple[Place, ...]:
    """The registries that targets name in their settings. One whose name cannot be read is left out."""
    places: dict[str, Place] = {}
    for target in sorted(targets, key=lambda item: item.id):
        settings = target.settings
        named = settings.get("registry", "").removeprefix("https://").partition("/")[0]
        try:
            host = checked_host(named, "registry")
            reference = settings.get(CREDENTIAL, "")
            credential = check_secret_reference(reference) if reference else ""
        except InvalidInput:
            continue
        place = Place(
            name=host, host=host, type=kinds.of_host(host), credential=credential,
            username=settings.get(USERNAME, ""), source=f"the settings of target {target.id}",
        )  # fmt: skip
        if host not in places or (credential and not places[host].credential):
            places[host] = place
    return tuple(places.values())


def _place(where: str, entry: object, kinds: Kinds, source: str) -> Place:
    if not isinstance(entry, Mapping):
        raise _bad(where, "must hold keys", "Give it a host.")
    texts = {key: _text(f"{where}.{key}", entry.get(key, "")) for key in _TEXTS}
    if not texts["host"]:
        raise _bad(f"{where}.host", "is missing", "Give it a host, such as registry.example.com.")
    host = checked_host(texts["host"], f"{where}.host")
    type_ = texts["type"] or kinds.of_host(host)
    try:
        options = kinds.need(type_).options
    except NotFound as error:
        raise NotFound(
            f"{where}.type: {error.message}", next_step=error.next_step,
            details={**error.details, "field": f"{where}.type"},
        ) from error  # fmt: skip
    _check_keys(where, entry, (*_KEYS, *options))
    given = {key: _text(f"{where}.{key}", entry[key]) for key in options if entry.get(key)}
    for key in _REFERENCES:
        _check_reference(f"{where}.{key}", {**texts, **given}.get(key, ""))
    return Place(
        **{**texts, "host": host, "type": type_, "name": texts["name"] or host},
        insecure=_switch(f"{where}.insecure", entry.get("insecure", False)), options=given, source=source,
        token_hosts=_hosts(f"{where}.token_hosts", entry.get("token_hosts") or []),
    )  # fmt: skip


def _check_keys(where: str, entry: Mapping[Any, Any], known: Iterable[str]) -> None:
    for key in entry:
        if key not in known:
            raise _bad(f"{where}.{str(key)[:80]}", "is not known", f"Use: {', '.join(sorted(known))}.")


def _check_reference(where: str, value: str) -> None:
    """Never repeats the text: it may be a secret."""
    if not value:
        return
    try:
        check_secret_reference(value)
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error.message}", field=where, next_step=error.next_step) from None


def _hosts(where: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _bad(where, "must be a list", "Write - auth.example.com.")
    return tuple(checked_host(_text(where, item), where) for item in value)


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise _bad(where, "must be text", "Write it as text.")
    return checked_text(value, where)


def _switch(where: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _bad(where, "must be true or false", "Write true or false.")
    return value


def _bad(where: str, why: str, next_step: str) -> InvalidInput:
    return InvalidInput(f"{where} {why}.", field=where, next_step=next_step)
