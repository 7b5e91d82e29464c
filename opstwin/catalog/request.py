"""The components file: what people write to have components, read strictly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from opstwin.catalog.component import Settings
from opstwin.catalog.endpoint import endpoint_of
from opstwin.catalog.loading import Catalog, Entry
from opstwin.domain.names import checked_name, checked_text
from opstwin.domain.values import Json
from opstwin.errors import InvalidInput

_KEYS: Final = ("use", "endpoint", "version", "id", "target")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One entry of a components file. `target` None means the default target; `settings.version` may be empty."""

    entry: Entry
    settings: Settings
    target: str | None = None


def wishes(document: Mapping[str, Json], catalog: Catalog, endpoint: str | None = None) -> tuple[Wish, ...]:
    """The entries of a file that was read already. `endpoint` overrides that of the only entry.

    Raises `InvalidInput` (unknown key, wrong type, nothing to do) or `NotFound` (no such component), naming the field.
    """
    _no_other_keys(document, ("components",), "")
    entries = document.get("components")
    if not isinstance(entries, dict) or not entries:
        raise InvalidInput(
            "The file names no components.",
            field="components",
            next_step="Write it like components: {network: {use: hub-and-spoke, endpoint: http://127.0.0.1:18080}}.",
        )
    if endpoint is not None and len(entries) > 1:
        raise InvalidInput(
            "One endpoint cannot stand for several components.", field="endpoint", next_step="Write each in the file."
        )
    return tuple(_wish(name, value, catalog, endpoint) for name, value in entries.items())


def _wish(name: str, value: Json, catalog: Catalog, endpoint: str | None) -> Wish:
    checked_name(name, "components")
    where = f"components.{name}"
    if not isinstance(value, dict):
        raise InvalidInput(f"{where} must be a mapping.", field=where, next_step="Write it like use: hub-and-spoke.")
    use = _text(value, "use", where)
    if use is None:
        raise InvalidInput(f"{where} names no component.", field=f"{where}.use", next_step="List them: opstwin plugins")
    entry = catalog.need(use, f"{where}.use")
    _no_other_keys(value, (*_KEYS, *sorted(entry.settings)), where)
    address = endpoint or _text(value, "endpoint", where)
    settings = Settings(
        name=name,
        id=_text(value, "id", where) or name,
        endpoint=None if address is None else endpoint_of(address, "endpoint" if endpoint else f"{where}.endpoint"),
        version=_text(value, "version", where) or "",
        values={key: item for key, item in value.items() if key not in _KEYS},
    )
    return Wish(entry=entry, settings=settings, target=_text(value, "target", where))


def _text(value: Mapping[str, Json], key: str, where: str) -> str | None:
    found = value.get(key)
    if found is None:
        return None
    if not isinstance(found, str) or not found:
        hint = f' Put it in quotes: {key}: "{found}".' if isinstance(found, int | float) else ""
        raise InvalidInput(f"{where}.{key} must be text.", field=f"{where}.{key}", next_step=f"Correct it.{hint}")
    return checked_text(found, f"{where}.{key}", 2048)


def _no_other_keys(value: Mapping[str, Json], known: tuple[str, ...], where: str) -> None:
    unknown = sorted(str(key)[:80] for key in value if key not in known)
    if unknown:
        field = f"{where}.{unknown[0]}".lstrip(".")
        raise InvalidInput(f"{field} is not known.", field=field, next_step=f"Known here: {', '.join(known)}.")
