"""Loading components by entry point. A bad plugin is refused with the reason; it never takes the hub down."""

import inspect
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from opstwin.catalog.component import About, Component
from opstwin.domain.names import checked_name
from opstwin.domain.ordering import in_order
from opstwin.errors import InvalidInput, NotFound, OpstwinError

GROUP: Final = "opstwin.components"
_OURS: Final = "opstwin"
_METHODS: Final = ("requires", "existence", "desired", "upgrade", "health")
_NEXT: Final = "Update or uninstall the plugin; its author finds the port in docs/components.md."


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry point: `use` is its name, `parts` its components so that each comes after those it requires."""

    use: str
    source: str
    parts: tuple[Component, ...]

    @property
    def settings(self) -> frozenset[str]:
        """The keys that its parts understand."""
        return frozenset(key for part in self.parts for key in part.about.settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A plugin that was not loaded, and why."""

    use: str
    source: str
    error: OpstwinError


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The components that can be used, and the plugins that were refused."""

    entries: Mapping[str, Entry]
    refused: tuple[Refused, ...] = ()

    def need(self, use: str, field: str = "use") -> Entry:
        """The entry of that name; raises `NotFound` with the names there are, and why a refused one is not."""
        if use in self.entries:
            return self.entries[use]
        reason = next((f" {item.error.message}" for item in self.refused if item.use == use), "")
        choices = sorted(self.entries)
        raise NotFound(
            f"There is no component {use[:80]!r}.{reason}",
            next_step=f"Use one of: {', '.join(choices)} (opstwin plugins lists them).",
            details={"field": field, "choices": choices},
        )

    def parts(self) -> tuple[Component, ...]:
        """Every component of every entry."""
        return tuple(part for name in sorted(self.entries) for part in self.entries[name].parts)


def load(found: Iterable[EntryPoint] | None = None) -> Catalog:
    """The catalog of what is installed; Opstwin's own entries first, so that a plugin cannot take their names."""
    points = sorted(entry_points(group=GROUP) if found is None else found, key=_own_first)
    catalog = Catalog(entries={})
    for point in points:
        try:
            entry = _loaded(point)
            _refuse_twice(entry, catalog)
            catalog = Catalog(entries={**catalog.entries, entry.use: entry}, refused=catalog.refused)
        except OpstwinError as error:
            refused = Refused(use=point.name, source=_source(point), error=error)
            catalog = Catalog(entries=catalog.entries, refused=(*catalog.refused, refused))
    return catalog


def entry_of(use: str, given: object, *, source: str = "") -> Entry:
    """The entry made of one component or a tuple of them. Raises `InvalidInput` that names what is wrong."""
    checked_name(use, "entry point")
    parts = tuple(checked(part, use) for part in (given if isinstance(given, tuple | list) else (given,)))
    by_name = {part.about.name: part for part in parts}
    if not parts or len(by_name) != len(parts):
        raise _bad(use, "about", "gives no component, or two of one name")
    needs = {name: part.requires() for name, part in by_name.items()}
    if any(not isinstance(wanted, tuple) for wanted in needs.values()):
        raise _bad(use, "requires", "must give a tuple of names from requires()")
    missing = sorted({str(need) for wanted in needs.values() for need in wanted} - set(needs))
    if missing:
        raise _bad(use, "requires", f"requires {missing[0]}, which it does not give")
    return Entry(use=use, source=source, parts=tuple(by_name[name] for name in in_order(needs)))


def checked(given: object, use: str) -> Component:
    """`given` when it has all methods of the port with the port's parameters; else `InvalidInput` naming the method."""
    about = getattr(given, "about", None)
    if not isinstance(about, About) or inspect.isclass(given):
        raise _bad(use, "about", "must be an object whose about is an About")
    checked_name(about.name, "about.name")
    checked_name(about.kind, "about.kind")
    for name in _METHODS:
        method = getattr(given, name, None)
        if not callable(method):
            raise _bad(use, name, f"lacks the method {name}()")
        if not _fits(method, len(inspect.signature(getattr(Component, name)).parameters) - 1):
            raise _bad(use, name, f"has a method {name}() with other parameters than the port")
    return _as_component(given)


def _as_component(given: object) -> Component:
    return given  # type: ignore[return-value]  # every method was just checked by name and parameters


def _fits(method: object, arguments: int) -> bool:
    if not callable(method) or inspect.iscoroutinefunction(method):
        return False
    try:
        inspect.signature(method).bind(*range(arguments))
    except (TypeError, ValueError):
        return False
    return True


def _loaded(point: EntryPoint) -> Entry:
    """The entry behind an entry point. Foreign code can raise anything, SystemExit too: a thread hands it back."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="plugin") as thread:
        loading = thread.submit(lambda: entry_of(point.name, point.load(), source=_source(point)))
        raised = loading.exception()
    if raised is None or isinstance(raised, OpstwinError):
        return loading.result()
    raise _bad(point.name, "", f"cannot be loaded: {type(raised).__name__}: {str(raised)[:200]}") from raised


def _refuse_twice(entry: Entry, catalog: Catalog) -> None:
    if entry.use in catalog.entries:
        raise _bad(entry.use, "", f"is given by {catalog.entries[entry.use].source} already")
    known = {part.about.name for part in catalog.parts()}
    taken = sorted(known & {part.about.name for part in entry.parts})
    if taken:
        raise _bad(entry.use, "about", f"gives {taken[0]}, which is there already")


def _source(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _own_first(point: EntryPoint) -> tuple[bool, str, str]:
    return (point.dist is None or point.dist.name != _OURS, point.name, point.value)


def _bad(use: str, method: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"Component {use[:80]!r} {why}.", field=method, next_step=_NEXT, details={"component": use, "method": method}
    )
