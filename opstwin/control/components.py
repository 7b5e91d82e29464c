"""From an entry of a components file to Workloads: each part seen, decided and rendered. Pure, given what was seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from opstwin.catalog.component import Component, Context, Probe, Settings
from opstwin.catalog.request import Wish
from opstwin.control.existence import Provision, Seen, Sight, decide
from opstwin.domain.values import Json
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput, Unclear

COMPONENT_LABEL = "component"
PART_OF_LABEL = "part-of"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One component of an entry with what was seen of it. `seen` is None for a part that only the twin knows."""

    component: Component
    probe: Probe
    seen: Seen | None
    created: bool | None

    @property
    def provision(self) -> Provision | None:
        """What follows for a part that has an endpoint; None for the others."""
        return None if self.seen is None else decide(self.seen.sight, self.created)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """An entry with its mode, its version and the Workloads to plan; `guarded` are those that must not be touched."""

    mode: Provision
    version: str
    workloads: tuple[Workload, ...] = ()
    guarded: frozenset[str] = frozenset()
    fresh: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def decided(wish: Wish, parts: Sequence[Part]) -> Decided:
    """What to do about one entry.

    Raises `Unclear` (mode `needs_decision`, with what was seen and the choices) and `InvalidInput`.
    """
    for part in parts:
        if part.provision is Provision.NEEDS_DECISION:
            raise unclear(wish, part)
    made = {part.component.about.name for part in parts if part.provision is Provision.BOOTSTRAP}
    kept = [part for part in parts if part.provision is Provision.EXPAND]
    version, rest = _version(wish, parts, kept)
    upgraded = {part.component.about.name for part in kept if part.seen and version != part.seen.version}
    mode = Provision.BOOTSTRAP if made else Provision.UPGRADE if upgraded else Provision.EXPAND
    settings = replace(wish.settings, version=version)
    active = [part for part in parts if part not in kept or part.component.about.name in upgraded]
    guarded = frozenset(part.probe.workload for part in kept if part.component.about.name not in upgraded)
    workloads = tuple(item for part in active for item in _workloads(part, settings, parts, made))
    notes = [part.seen.message for part in parts if part.seen]
    notes.append(_mode_note(mode, wish.settings.name, version, rest))
    fresh = frozenset(part.probe.workload for part in parts if part.component.about.name in made)
    return Decided(
        mode=mode, version=version, workloads=workloads, guarded=guarded, fresh=fresh, notes=tuple(notes)
    )  # fmt: skip


def unclear(wish: Wish, part: Part) -> Unclear:
    """The question to a person: what was seen, and what can be done."""
    assert part.seen is not None
    name, seen = wish.settings.name, part.seen
    return Unclear(
        f"It is not clear whether {part.component.about.kind} of {name} exists. {seen.message}"
        if seen.sight is Sight.SILENT
        else f"{name} needs a decision. {seen.message}",
        field=f"components.{name}.endpoint",
        next_step=f"{_choices(part, name)[0]} Then plan again.",
        details={
            "mode": Provision.NEEDS_DECISION.value,
            "seen": {
                "sight": seen.sight.value, "url": seen.url, "status": seen.status, "kind": seen.kind, "id": seen.id,
                "twin_says_created": part.created, "exists": seen.exists,
            },
            "choices": _choices(part, name),
        },
    )  # fmt: skip


def together(all_of: Sequence[Decided]) -> Decided:
    """Several entries as one: bootstrap outweighs upgrade, which outweighs expand."""
    order = (Provision.BOOTSTRAP, Provision.UPGRADE, Provision.EXPAND)
    return Decided(
        mode=min((item.mode for item in all_of), key=order.index),
        version=all_of[0].version,
        workloads=tuple(workload for item in all_of for workload in item.workloads),
        guarded=frozenset().union(*(item.guarded for item in all_of)),
        fresh=frozenset().union(*(item.fresh for item in all_of)),
        notes=tuple(note for item in all_of for note in item.notes),
    )


def as_asked(request: Mapping[str, Json], endpoint: str | None) -> dict[str, Json]:
    """The document with the endpoint that was really used."""
    document = dict(request)
    entries = document.get("components")
    if endpoint is not None and isinstance(entries, dict):
        document["components"] = {
            name: {**value, "endpoint": endpoint} if isinstance(value, dict) else value
            for name, value in entries.items()
        }
    return document


def _version(wish: Wish, parts: Sequence[Part], kept: Sequence[Part]) -> tuple[str, tuple[str, ...]]:
    """The version to have after this plan, and the versions that are left to go after it."""
    newest = parts[0].component.about.version
    running = next((part.seen.version for part in kept if part.seen), "")
    wanted = wish.settings.version
    if not kept:
        return wanted or newest, ()
    if not wanted or wanted == running:
        return running or wanted or newest, ()
    steps = _steps(wish, kept[0], running, wanted)
    return steps[0], steps[1:]


def _steps(wish: Wish, part: Part, running: str, wanted: str) -> tuple[str, ...]:
    field = f"components.{wish.settings.name}.version"
    if not part.created or not running:
        why = "was not made by Opstwin" if running else "does not say its version"
        raise Unclear(
            f"Version {wanted} is asked for, and what answers {why}.",
            field=field,
            next_step="Leave version out to add to it as it is.",
            details={"mode": Provision.NEEDS_DECISION.value, "choices": ["Leave version out.", "Adopt it first."]},
        )
    steps = part.component.upgrade(running, wanted)
    if not steps:
        raise InvalidInput(f"Nothing leads from version {running} to {wanted}.", field=field, next_step="Use another.")
    return steps


def _workloads(part: Part, settings: Settings, parts: Sequence[Part], made: set[str]) -> tuple[Workload, ...]:
    ours = {
        other.component.about.name: other.probe.workload
        for other in parts
        if other.seen is None or other.created or other.component.about.name in made
    }
    anchored = [other for other in parts if other.seen is not None]
    owned = all(other.component.about.name in ours for other in anchored)
    about = part.component.about
    needs = tuple(ours[name] for name in part.component.requires() if name in ours)
    labels = {COMPONENT_LABEL: about.name, PART_OF_LABEL: settings.name}
    given = part.component.desired(settings, Context(owned=owned))
    return tuple(
        replace(_named(item, settings, about.name), labels={**item.labels, **labels}, needs=(*item.needs, *needs))
        for item in given
    )


def _named(workload: Workload, settings: Settings, component: str) -> Workload:
    if workload.name != settings.name and not workload.name.startswith(f"{settings.name}-"):
        raise InvalidInput(
            f"Component {component} wants a workload named {workload.name}, outside its own names.",
            field="components",
            next_step="Report it to the component's author.",
        )
    return workload


def _mode_note(mode: Provision, name: str, version: str, rest: Sequence[str]) -> str:
    words = {
        Provision.EXPAND: f"{name} exists: expand, its first part stays untouched.",
        Provision.BOOTSTRAP: f"{name} does not exist: bootstrap at version {version}.",
        Provision.UPGRADE: f"{name} exists: upgrade to version {version}, as asked.",
    }
    more = f" Plan again afterwards for version {', then '.join(rest)}." if rest else ""
    return words[mode] + more


def _choices(part: Part, name: str) -> list[str]:
    assert part.seen is not None
    if part.seen.sight is Sight.REFUSED:
        return ["The twin says it was created: bring it back with opstwin drift and opstwin plan --drift."]
    if part.seen.sight is Sight.OTHER:
        return ["Correct the endpoint or the id: another thing answers there."]
    if part.seen.sight is Sight.UNREADABLE:
        return ["Make it answer with its identity: something is there, so nothing is bootstrapped."]
    return [
        "Make the endpoint reachable from the hub.",
        f'If you know that {name} was never created, say so: opstwin never-created FILE -m "how I know".',
    ]
