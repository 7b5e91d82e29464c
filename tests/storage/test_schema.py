"""The tables people can read with any SQL tool, and how they come to a new version."""

import asyncio
import json
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from opstwin.domain.deployment import Deployment
from opstwin.domain.healing import HealRecord
from opstwin.domain.plan import Plan
from opstwin.domain.resource import Desired, Observed
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, TargetId
from opstwin.errors import InvalidInput, StoreError
from opstwin.twin.codec import Holds, shape_of
from opstwin.twin.contents import content_hash
from opstwin.twin.engines import Engines, engines_for
from opstwin.twin.fresh import SCRIPT, migrated_script, script_of
from opstwin.twin.opening import open_store
from opstwin.twin.schema import HEAD, REVISIONS, upgrade
from opstwin.twin.tables import METADATA, TABLES
from tests.contract.twin_places import AT, checked_audit, desired, everything, put
from tests.contract.twin_records import MOMENT, record_of


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'twin.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, url: str) -> Iterator[Engines]:
    """An empty database of each kind."""
    engines = engines_for(url if request.param == "sqlite" else request.getfixturevalue("postgres_database"))
    yield engines
    engines.dispose()


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as file:
        return file.execute(sql).fetchall()


def test_tables_and_migrations_agree(empty: Engines) -> None:
    with empty.writer.begin() as connection:
        upgrade(connection)
    with empty.reader.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_the_known_revisions_are_those_in_the_package() -> None:
    config = Config()
    config.set_main_option("script_location", "opstwin.twin:migrations")
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS


def test_the_script_for_new_files_is_what_the_migrations_make() -> None:
    assert SCRIPT.read_text(encoding="utf-8") == migrated_script(), "Write it again: python -m opstwin.twin.fresh"


async def test_a_new_file_holds_what_migrations_make_and_is_made_without_them(tmp_path: Path, url: str) -> None:
    assert "alembic" not in loaded_by_opening(url)
    assert script_of(tmp_path / "twin.db") == migrated_script()


async def test_a_new_file_that_cannot_be_made_whole_is_left_empty(tmp_path: Path, url: str) -> None:
    engines = engines_for(url)
    with engines.writer.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE evidence_of_others (id INTEGER)")
        connection.exec_driver_sql("CREATE INDEX ix_evidence_account ON evidence_of_others (id)")
    engines.dispose()
    with pytest.raises(StoreError):
        await open_store(url)
    assert rows(tmp_path / "twin.db", "SELECT name FROM sqlite_master WHERE type = 'table'") == [
        ("evidence_of_others",)
    ]


SQL_TYPES = {
    Holds.TEXT: {"VARCHAR"}, Holds.FLAG: {"BOOLEAN"}, Holds.WHOLE: {"BIGINT", "INTEGER"}, Holds.FRACTION: {"FLOAT"},
    Holds.MOMENT: {"DATETIME"}, Holds.NESTED: {"JSON"},
}  # fmt: skip


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.__name__)
def test_every_field_has_a_column_of_its_type(kind: Any) -> None:
    table = METADATA.tables[str(TABLES[kind].__tablename__)]
    columns = shape_of(kind).columns
    assert {column.name for column in columns} == set(table.c.keys()) - {"position"}
    for column in columns:
        made = table.c[column.name]
        shown = str(made.type).split(" ")[0]
        assert shown in SQL_TYPES[column.holds], f"{column.name} is {shown} for {column.holds}"
        assert made.nullable is column.nullable, column.name


def test_a_database_is_made_where_none_is(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "twin.db"
    store = asyncio.run(open_store(f"sqlite:///{path}"))
    asyncio.run(store.close())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert rows(path, "SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


@pytest.mark.req("S5.17")
async def test_the_deployment_history_is_a_table_in_the_file(tmp_path: Path, url: str) -> None:
    store = await open_store(url)
    await put(store, record_of(Deployment))
    await store.close()
    assert rows(tmp_path / "twin.db", "SELECT count(*) FROM deployment") == [(1,)]
    columns = {name: type for _, name, type, *_ in rows(tmp_path / "twin.db", "PRAGMA table_info(deployment)")}
    assert columns["service_name"] == "VARCHAR"
    assert columns["replicas"] == "BIGINT"
    assert columns["success"] == "BOOLEAN"


HISTORY = {
    "identity": ("S5.67", ["id", "service_name", "image_name", "image_tag", "service_type", "language"]),
    "settings": ("S5.68", ["cpu_request", "cpu_limit", "memory_request", "memory_limit", "replicas"]),
    "deployment": ("S5.70", ["target_cluster", "namespace", "deployed_at"]),
    "ai": ("S5.72", ["ai_generated", "ai_confidence"]),
}


@pytest.mark.parametrize(
    "fields", [pytest.param(names, id=group, marks=pytest.mark.req(id)) for group, (id, names) in HISTORY.items()]
)
async def test_history_fields_are_kept_each_in_its_column(tmp_path: Path, url: str, fields: list[str]) -> None:
    record = replace(record_of(Deployment), service_type="api", language="go", cpu_request=250, ai_confidence=0.75)
    store = await open_store(url)
    await put(store, record)
    found = await store.get(Deployment, record.id)
    await store.close()
    [values] = rows(tmp_path / "twin.db", f"SELECT {', '.join(fields)} FROM deployment")
    for name, value in zip(fields, values, strict=True):
        given = getattr(record, name)
        assert getattr(found, name) == given
        assert value == (MOMENT.isoformat() if given is MOMENT else given)


CLUSTER = {
    "id": ("S2.27", "cluster-prod-1"),
    "display_name": ("S2.28", "Production"),
    "backend_type": ("S2.29", "kubernetes"),
    "agent_endpoint": ("S2.30", "http://docker-agent:8081"),
    "connection_type": ("S2.31", "frp"),
    "auth_method": (None, "mtls"),
    "is_default": ("S2.33", True),
    "is_active": (None, False),
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param(field, value, id=field, marks=pytest.mark.req(id) if id else ())
        for field, (id, value) in CLUSTER.items()
    ],
)
async def test_cluster_model_fields_are_kept_each_in_its_column(
    tmp_path: Path, url: str, field: str, value: Any
) -> None:
    made: Any = {
        "id": "local",
        "display_name": "x",
        "backend_type": "docker",
        "agent_endpoint": "unix:///x",
        field: value,
    }
    store = await open_store(url)
    await put(store, Target(**made, created_at=AT))
    found = await store.get(Target, made["id"])
    await store.close()
    assert getattr(found, field) == value
    assert rows(tmp_path / "twin.db", f"SELECT {field} FROM target") == [(value,)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("backend_type", "foo", marks=pytest.mark.req("S2.29")),
        pytest.param("agent_endpoint", "not an address", marks=pytest.mark.req("S2.30")),
        pytest.param("connection_type", "x", marks=pytest.mark.req("S2.31")),
    ],
)
def test_a_cluster_field_with_another_value_is_refused(field: str, value: str) -> None:
    made: Any = {"id": "c", "display_name": "x", "backend_type": "docker", "agent_endpoint": "unix:///x", field: value}
    with pytest.raises(InvalidInput) as caught:
        Target(**made, created_at=AT)
    assert caught.value.field == field


@pytest.mark.req("S1.23")
async def test_desired_and_observed_are_read_with_plain_sql(tmp_path: Path, url: str) -> None:
    store = await open_store(url)
    await put(store, desired(spec={"image": "nginx:1.27", "replicas": 3, "이름": "웹"}))
    await put(store, replace(record_of(Observed), id="local/container/web", spec={"image": "nginx:1.26"}))
    await put(store, record_of(Plan))
    await store.close()
    path = tmp_path / "twin.db"
    [(spec,)] = rows(path, "SELECT spec FROM desired WHERE id = 'local/container/web'")
    assert json.loads(spec) == {"image": "nginx:1.27", "replicas": 3, "이름": "웹"}
    assert "웹" in spec
    sql = (
        "SELECT json_extract(d.spec, '$.image'), json_extract(o.spec, '$.image') "
        "FROM desired d JOIN observed o USING (id)"
    )
    assert rows(path, sql) == [("nginx:1.27", "nginx:1.26")]
    [(changes,)] = rows(path, "SELECT changes FROM plan")
    assert len(json.loads(changes)) == 2


def make_old(engines: Engines, revision: str) -> None:
    with engines.writer.begin() as connection:
        upgrade(connection, revision)
    engines.dispose()


@pytest.mark.parametrize("old", REVISIONS[:-1])
async def test_an_older_file_is_copied_beside_itself_and_migrated(tmp_path: Path, url: str, old: str) -> None:
    make_old(engines_for(url), old)
    with closing(sqlite3.connect(tmp_path / "twin.db")) as file:
        file.execute(
            "INSERT INTO link (id, version, source, relation, destination) VALUES ('kept', 1, 'a', 'mounts', 'b')"
        )
        file.commit()
    store = await open_store(url)
    await put(store, desired())
    assert len(await checked_audit(store)) == 1
    await store.close()
    assert rows(tmp_path / "twin.db", "SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert rows(tmp_path / "twin.db", "SELECT id FROM link") == [("kept",)]
    copy = tmp_path / f"twin.db.schema-{old}"
    assert rows(copy, "SELECT version_num FROM alembic_version") == [(old,)]
    assert rows(copy, "SELECT id FROM link") == [("kept",)]


@pytest.mark.parametrize("old", REVISIONS[:-1])
async def test_an_older_postgres_database_is_migrated(postgres_database: str, old: str) -> None:
    make_old(engines_for(postgres_database), old)
    store = await open_store(postgres_database)
    await put(store, desired())
    assert len(await checked_audit(store)) == 1
    await store.close()


async def test_a_pause_of_healing_outlives_the_migration_and_waits_for_a_person(empty: Engines) -> None:
    make_old(empty, "0007")
    columns = "id, version, target, healed_at, paused, paused_at"
    sql = f"INSERT INTO heal_record ({columns}) VALUES (:id, 4, 'local', '[]', :paused, :at)"
    at = AT.isoformat(timespec="microseconds") if empty.path is not None else AT
    with empty.writer.begin() as connection:
        for id, paused in (("local/container/a", True), ("local/container/b", False)):
            connection.execute(text(sql), {"id": id, "paused": paused, "at": at})
    store = await open_store(empty.writer.url.render_as_string(hide_password=False))
    [kept] = await everything(store, HealRecord)
    await store.close()
    expected = HealRecord(id=ResourceId("local/container/a"), target=TargetId("local"), version=4)
    assert kept == replace(expected, paused=True, paused_at=AT)


def set_version(engines: Engines, version: str) -> None:
    with engines.writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})


@pytest.mark.parametrize("version", ["9999", "abcdef"])
async def test_a_newer_database_is_refused_by_name_and_left_alone(empty: Engines, version: str) -> None:
    with empty.writer.begin() as connection:
        upgrade(connection)
    set_version(empty, version)
    url = empty.writer.url.render_as_string(hide_password=False)
    with pytest.raises(StoreError) as caught:
        await open_store(url)
    assert version in caught.value.message
    assert HEAD in caught.value.message
    assert caught.value.details == {"database_schema": version, "known_schema": HEAD}
    set_version(empty, HEAD)
    store = await open_store(url)
    assert await everything(store, Desired) == []
    await store.close()


async def test_a_database_of_somebody_else_is_left_alone(empty: Engines) -> None:
    with empty.writer.begin() as connection:
        connection.execute(text("CREATE TABLE event (what VARCHAR)"))
    with pytest.raises(StoreError, match="did not make"):
        await open_store(empty.writer.url.render_as_string(hide_password=False))
    with empty.reader.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM event")).scalar() == 0


async def test_a_migration_that_fails_leaves_the_database_as_it_was(empty: Engines) -> None:
    make_old(empty, REVISIONS[0])
    # Two default targets cannot be when the rule against them is brought in.
    with empty.writer.begin() as connection:
        for name in ("a", "b"):
            values = ", ".join(f"'{name}'" for _ in range(8))
            connection.execute(
                text(
                    "INSERT INTO target (version, is_default, is_active, settings, created_at, id, display_name, "
                    "backend_type, agent_endpoint, connection_type, auth_method, mode, identity) "
                    f"VALUES (1, true, true, '{{}}', '2026-01-05 09:00:00+00:00', {values})"
                )
            )
    url = empty.writer.url.render_as_string(hide_password=False)
    with pytest.raises(StoreError):
        await open_store(url)
    with empty.reader.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == REVISIONS[0]
        assert connection.execute(text("SELECT count(*) FROM target")).scalar() == 2


async def test_two_hubs_that_start_at_once_make_one_database(empty: Engines) -> None:
    url = empty.writer.url.render_as_string(hide_password=False)
    stores = await asyncio.gather(*(open_store(url) for _ in range(4)))
    for number, store in enumerate(stores):
        await put(store, desired(f"n{number}"))
    assert len(await checked_audit(stores[0])) == 4
    hashes = {await content_hash(store) for store in stores}
    assert len(hashes) == 1
    for store in stores:
        await store.close()


@pytest.mark.parametrize(
    "url",
    ["", "twin.db", "mysql://x/y", "sqlite://", "sqlite:///:memory:", "postgresql+asyncpg://x/y", "://", "memory:"],
)
async def test_another_kind_of_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await open_store(url)
    assert caught.value.field == "database_url"
    assert "sqlite:///" in caught.value.next_step


def test_the_store_in_memory_needs_no_database_library() -> None:
    program = (
        "import sys, asyncio\nfrom opstwin.twin.opening import open_store\nasyncio.run(open_store('memory://'))\n"
        "print([name for name in ('sqlalchemy', 'sqlmodel', 'alembic', 'psycopg') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def loaded_by_opening(url: str) -> set[str]:
    """The modules that a process holds which has opened and closed the store."""
    program = (
        "import sys, json, asyncio\nfrom opstwin.twin.opening import open_store\n"
        f"store = asyncio.run(open_store({url!r}))\nasyncio.run(store.close())\nprint(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


async def test_an_up_to_date_database_is_opened_without_the_migration_library(url: str) -> None:
    await (await open_store(url)).close()
    assert "alembic" not in loaded_by_opening(url)


async def test_a_file_is_opened_without_the_words_of_another_database(url: str) -> None:
    assert "sqlalchemy.dialects.postgresql" not in loaded_by_opening(url)
