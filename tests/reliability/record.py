"""Records executions in flight, as they are stored, into `histories/`: what a later version must be able to go on with.

    python -m tests.reliability.record

A history that is there already is left alone, because it is what an earlier version wrote; delete its file to record
it anew. When the schema or the journal's format changes, run this once before the change, so that the old form is kept.

`NAME.json` holds the records of one execution at one boundary of its journal, the audit, the world, and how it must
end. `schema-REVISION.sql` is a whole SQLite database of an older schema, with its world beside it.
"""

import asyncio
import json
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from opstwin.clock import VirtualClock
from opstwin.domain.audit import AuditEntry, AuditRow
from opstwin.domain.execution import Execution
from opstwin.domain.records import RECORD_TYPES, Record
from opstwin.domain.values import to_json
from opstwin.domain.workload import Mount, Workload
from opstwin.targets.sim.faults import Crash
from opstwin.targets.sim.state import State
from opstwin.targets.sim.world import World
from opstwin.twin.engines import engines_for
from opstwin.twin.memory import MemoryStore
from opstwin.twin.nested import reader_for
from opstwin.twin.opening import open_store
from opstwin.twin.schema import REVISIONS, upgrade
from opstwin.twin.store import Commit, Put, TwinStore
from tests.crashing import Boundaries, MortalPlaces, MortalStore
from tests.rig import ANNA, BEN, Rig, SimPlaces, app

FOLDER: Final = Path(__file__).with_name("histories")
DATA: Final = Mount(path="/data", volume="web-data")
OLD_SCHEMA: Final = REVISIONS[0]


@dataclass(frozen=True)
class Story:
    """What stands before, what is asked for, and how it ends."""

    before: tuple[Workload, ...]
    wish: tuple[Workload, ...]
    remove: tuple[str, ...] = ()
    ends: str = "succeeded"


STORIES: Final = {
    "first-deployment": Story((), (app(volumes=(DATA,)),)),
    "rolling-upgrade": Story((app(),), (app(image="app:2"),)),
    "bad-upgrade": Story((app(),), (app(image="app:bad"),), ends="rolled_back"),
    "scale-down-and-delete": Story((app(replicas=3), app("api", replicas=1)), (app(replicas=2),), ("api",)),
}

POINTS: Final = (
    ("first-deployment", "after execution.start", 1),
    ("first-deployment", "after step.intended", 1),
    ("first-deployment", "after effect local/container/web-1", 1),
    ("first-deployment", "after execution.verifying", 1),
    ("rolling-upgrade", "after effect local/container/web-1", 1),
    ("rolling-upgrade", "after step.done", 1),
    ("rolling-upgrade", "before execution.succeeded", 1),
    ("bad-upgrade", "after step.failed", 1),
    ("bad-upgrade", "after execution.rolling_back", 1),
    ("bad-upgrade", "after effect local/container/web-1", 2),
    ("scale-down-and-delete", "after effect local/container/api-1", 1),
)
"""Story, boundary, and the how-manieth time it is passed once the plan is approved."""


class FatalName(Boundaries):
    """Dies when a boundary of this name is passed for the `turn`th time after `begin`."""

    def __init__(self, name: str, turn: int) -> None:
        super().__init__()
        self._name, self._turn = name, turn
        self._begun = False

    def begin(self) -> None:
        """Count from now."""
        self._begun = True
        self.passed.clear()

    def cross(self, what: str) -> None:
        self.passed.append(what)
        if self._begun and what == self._name and self.passed.count(what) == self._turn:
            raise Crash


@dataclass(frozen=True)
class History:
    """One execution in flight. `leaves` are the containers, with their images, that must be there in the end."""

    at: datetime
    boundary: str
    state: str
    ends: str
    leaves: dict[str, str]
    records: tuple[Record, ...]
    audit: tuple[AuditRow, ...]
    world: State

    def text(self) -> str:
        """The file's content."""
        kinds = {kind.__name__: [to_json(item) for item in self.records if type(item) is kind] for kind in RECORD_TYPES}
        shown = {
            "at": self.at.isoformat(), "boundary": self.boundary, "state": self.state, "ends": self.ends,
            "leaves": self.leaves, **{name: items for name, items in kinds.items() if items},
            "audit": to_json(self.audit), "world": world_json(self.world),
        }  # fmt: skip
        return "{\n" + ",\n".join(f'"{name}": {_lines(value)}' for name, value in shown.items()) + "\n}\n"

    async def put_into(self, store: TwinStore) -> None:
        """Store everything as it was: the audit row by row, each at its moment, and the records with the last."""
        for row in self.audit:
            writes = [Put(replace(item, version=0)) for item in self.records] if row is self.audit[-1] else []
            await store.commit(Commit(at=row.at, uptime_s=row.uptime_s, writes=writes, audit=[entry_of(row)]))


def _lines(value: Any) -> str:
    """JSON with one item of a list on each line, so that a difference between two histories can be read."""
    if isinstance(value, list):
        return "[\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in value) + "\n]"
    return json.dumps(value, ensure_ascii=False)


def read_history(text: str) -> History:
    """The history in a file."""
    shown: dict[str, Any] = json.loads(text)
    names = {kind.__name__: kind for kind in RECORD_TYPES}
    records = [reader_for(names[name])(item) for name in names for item in shown.get(name, ())]
    return History(
        at=datetime.fromisoformat(shown["at"]), boundary=shown["boundary"], state=shown["state"], ends=shown["ends"],
        leaves=shown["leaves"], records=tuple(records),
        audit=tuple(reader_for(AuditRow)(item) for item in shown["audit"]), world=read_world(shown["world"]),
    )  # fmt: skip


def world_json(state: State) -> Any:
    """A world as JSON."""
    return TypeAdapter(State).dump_python(state, mode="json")


def read_world(shown: Any) -> State:
    """A world from JSON."""
    return TypeAdapter(State).validate_json(json.dumps(shown))


def leaves(world: World) -> dict[str, str]:
    """The containers and their images."""
    return {name: str(item.spec["image"]) for name, item in sorted(world.containers().items())}


async def until_boundary(store: TwinStore, story: Story, boundary: str, turn: int) -> tuple[Rig, dict[str, str]]:
    """A rig whose process died there, and what must be left in the end; an empty boundary is never met."""
    clock, world, at = VirtualClock(), World(), FatalName(boundary, turn)
    places = MortalPlaces(SimPlaces({"local": world}, clock), at)
    rig = Rig(store=MortalStore(store, at), clock=clock, world=world, places=places)  # type: ignore[arg-type]
    await rig.ready()
    for workload in story.before:
        await rig.change_to(workload)
    stood = leaves(world)
    plan = await rig.approved(await rig.plan_workloads(*story.wish, remove=story.remove), BEN)
    at.begin()
    try:
        execution = await rig.applier.start(plan.id, ANNA)
        await rig.applier.run(execution.id)
    except Crash:
        pass
    return rig, stood


async def recorded(name: str, boundary: str, turn: int) -> History:
    """The history of a story up to a boundary."""
    story, store = STORIES[name], MemoryStore()
    rig, stood = await until_boundary(store, story, boundary, turn)
    calm, _ = await until_boundary(MemoryStore(), story, "", 0)
    ledger = rig.ledger
    records = [item for kind in RECORD_TYPES for item in await ledger.all(kind)]
    [execution] = [item for item in records if isinstance(item, Execution) and item.finished_at is None]
    return History(
        at=rig.clock.now(), boundary=f"{boundary}, {turn}", state=execution.state.value, ends=story.ends,
        leaves=leaves(calm.world) if story.ends == "succeeded" else stood, records=tuple(records),
        audit=tuple(await ledger.all(AuditRow)), world=rig.world.state,
    )  # fmt: skip


def entry_of(row: AuditRow) -> AuditEntry:
    """A row of the audit without its place in the chain."""
    return AuditEntry(**{field.name: getattr(row, field.name) for field in fields(AuditEntry)})


def of_a_newer_version(history: History) -> History:
    """The same, with its journal in a format that this version does not know."""
    records = [
        replace(item, journal_format=item.journal_format + 1) if isinstance(item, Execution) else item
        for item in history.records
    ]
    return replace(history, records=tuple(records), ends="needs_human", leaves=leaves_of(history.world))


def leaves_of(state: State) -> dict[str, str]:
    """The containers of a state and their images."""
    return {name: str(item.spec["image"]) for name, item in sorted(state.containers.items())}


async def record_old_schema(folder: Path) -> None:
    """A database of an older schema with an execution in flight, as SQL, and its world."""
    with tempfile.TemporaryDirectory() as place:
        now, old = Path(place) / "now.db", Path(place) / "old.db"
        store = await open_store(f"sqlite:///{now}")
        story = STORIES["rolling-upgrade"]
        rig, _ = await until_boundary(store, story, "after effect local/container/web-1", 1)
        calm, _ = await until_boundary(MemoryStore(), story, "", 0)
        await store.close()
        make_old(f"sqlite:///{old}")
        with closing(sqlite3.connect(old)) as file:
            copy_rows(file, now)
            dump = "\n".join(file.iterdump()) + "\n"
    beside = {"at": rig.clock.now().isoformat(), "leaves": leaves(calm.world), "world": world_json(rig.world.state)}
    (folder / f"schema-{OLD_SCHEMA}.world.json").write_text(json.dumps(beside) + "\n", encoding="utf-8")
    (folder / f"schema-{OLD_SCHEMA}.sql").write_text(dump, encoding="utf-8")


def make_old(url: str) -> None:
    """An empty database of the older schema."""
    engines = engines_for(url)
    with engines.writer.begin() as connection:
        upgrade(connection, OLD_SCHEMA)
    engines.dispose()


def copy_rows(file: sqlite3.Connection, source: Path) -> None:
    """Bring over all rows, with the columns that both schemas have."""
    file.execute("ATTACH ? AS new", (str(source),))
    for (table,) in file.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
        if table == "alembic_version" or table.startswith("sqlite_"):
            continue
        here, there = (columns(file, schema, table) for schema in ("main", "new"))
        shared = ", ".join(f'"{name}"' for name in here if name in there)
        file.execute(f'DELETE FROM main."{table}"')
        file.execute(f'INSERT INTO main."{table}" ({shared}) SELECT {shared} FROM new."{table}"')
    file.commit()
    file.execute("DETACH new")


def columns(file: sqlite3.Connection, schema: str, table: str) -> Sequence[str]:
    """The names of a table's columns."""
    return [name for _, name, *_ in file.execute(f'PRAGMA {schema}.table_info("{table}")')]


def file_name(name: str, boundary: str, turn: int) -> str:
    """Where a history is kept."""
    words = boundary.replace("local/container/", "").replace(".", "-").replace(" ", "-")
    return f"{name}--{words}-{turn}.json"


async def main() -> None:
    """Record what is not there."""
    FOLDER.mkdir(exist_ok=True)
    for point in POINTS:
        path = FOLDER / file_name(*point)
        if not path.exists():
            path.write_text((await recorded(*point)).text(), encoding="utf-8")
    newer = FOLDER / "newer-journal.json"
    if not newer.exists():
        made = await recorded("rolling-upgrade", "after effect local/container/web-1", 1)
        newer.write_text(of_a_newer_version(made).text(), encoding="utf-8")
    if not (FOLDER / f"schema-{OLD_SCHEMA}.sql").exists():
        await record_old_schema(FOLDER)


if __name__ == "__main__":
    asyncio.run(main())
