"""The types of registry: Opstwin's own, and those of plug-ins. A bad plug-in is refused by name, and only it."""

import inspect
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from opstwin.domain.names import checked_name
from opstwin.errors import InvalidInput, NotFound, OpstwinError
from opstwin.registries.kinds.amazon import Amazon
from opstwin.registries.kinds.azure import Azure
from opstwin.registries.kinds.google import Google
from opstwin.registries.kinds.plain import Harbor, Plain
from opstwin.registries.ports import GROUP, RegistryKind

OWN: Final[tuple[RegistryKind, ...]] = (Amazon(), Azure(), Google(), Harbor(), Plain())
_NEXT: Final = "Update or uninstall the plugin; its author finds the port in docs/registries.md."


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A plug-in that was not loaded, and why."""

    name: str
    source: str
    error: OpstwinError


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """The types that can be used, and the plug-ins that were refused."""

    kinds: Mapping[str, RegistryKind]
    refused: tuple[Refused, ...] = ()

    def need(self, name: str, field: str = "type") -> RegistryKind:
        """The type of that name. Raises `NotFound` with the names there are, and why a refused one is not."""
        if name in self.kinds:
            return self.kinds[name]
        reason = next((f" {item.error.message}" for item in self.refused if item.name == name), "")
        raise NotFound(
            f"There is no type of registry {name[:80]!r}.{reason}",
            next_step=f"Use one of: {', '.join(sorted(self.kinds))}.",
            details={"field": field, "choices": sorted(self.kinds)},
        )

    def of_host(self, host: str) -> str:
        """The type that a host's name tells; `plain` when it tells none."""
        return next((name for name, kind in self.kinds.items() if kind.suits(host)), "plain")


def load(found: Iterable[EntryPoint] | None = None) -> Kinds:
    """What is installed; Opstwin's own types first, so that no plug-in can take their names."""
    kinds: dict[str, RegistryKind] = {kind.name: kind for kind in OWN}
    refused: list[Refused] = []
    for point in sorted(entry_points(group=GROUP) if found is None else found, key=lambda item: item.name):
        try:
            kind = _loaded(point)
            if kind.name in kinds:
                raise _bad(point.name, "name", f"gives the type {kind.name}, which is there already")
            kinds[kind.name] = kind
        except OpstwinError as error:
            refused.append(Refused(name=point.name, source=_source(point), error=error))
    return Kinds(kinds=kinds, refused=tuple(refused))


def checked(given: object, name: str) -> RegistryKind:
    """`given` when it has all of the port; else `InvalidInput` that names what is missing."""
    if inspect.isclass(given):
        raise _bad(name, "name", "gives a class and not an object")
    if getattr(given, "name", None) != checked_name(name, "entry point"):
        raise _bad(name, "name", "must give an object whose name is that of its entry point")
    options = getattr(given, "options", None)
    if not isinstance(options, tuple) or not all(isinstance(item, str) for item in options):
        raise _bad(name, "options", "must have options: a tuple of names")
    if not _takes_one(given, "suits") or inspect.iscoroutinefunction(getattr(given, "suits")):  # noqa: B009
        raise _bad(name, "suits", "lacks the method suits(host)")
    if not _takes_one(given, "login") or not inspect.iscoroutinefunction(getattr(given, "login")):  # noqa: B009
        raise _bad(name, "login", "lacks the method async login(signing)")
    return given  # type: ignore[return-value]  # all of it was just checked by name and parameters


def _takes_one(given: object, name: str) -> bool:
    method = getattr(given, name, None)
    if not callable(method):
        return False
    try:
        inspect.signature(method).bind(None)
    except (TypeError, ValueError):
        return False
    return True


def _loaded(point: EntryPoint) -> RegistryKind:
    """The type behind an entry point. Foreign code can raise anything, SystemExit too: a thread hands it back."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="plugin") as thread:
        loading = thread.submit(lambda: checked(point.load(), point.name))
        raised = loading.exception()
    if raised is None or isinstance(raised, OpstwinError):
        return loading.result()
    raise _bad(point.name, "", f"cannot be loaded: {type(raised).__name__}: {str(raised)[:200]}") from raised


def _source(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _bad(name: str, part: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"Registry type {name[:80]!r} {why}.", field=part, next_step=_NEXT, details={"type": name, "part": part}
    )
