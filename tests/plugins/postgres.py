"""A private PostgreSQL cluster per test process, and an empty database per test.

It listens on a Unix socket in a folder that only its owner can enter, so neither ports nor passwords are needed.
"""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

NEXT_STEP = "PostgreSQL was not found: apt-get install postgresql"
# Nothing here must outlive the test process, so nothing waits for the disk.
SETTINGS = "-c listen_addresses= -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"


def programs() -> Path:
    """The folder of the newest PostgreSQL server programs on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=version)
    on_path = shutil.which("initdb")
    if on_path and not found:
        found = [Path(on_path)]
    if not found:
        pytest.fail(NEXT_STEP, pytrace=False)
    return found[-1].parent


def version(program: Path) -> int:
    return int(re.sub(r"\D.*", "", program.parts[-3]) or 0)


class Cluster:
    """One PostgreSQL server in a temporary folder, run by the user postgres when we are root (it refuses root)."""

    def __init__(self) -> None:
        self.bin = programs()
        self.folder = Path(tempfile.mkdtemp(prefix="opstwin-pg-", dir="/tmp"))
        self.identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            self.become_postgres()

    def become_postgres(self) -> None:
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            pytest.fail(f"There is no user 'postgres'. {NEXT_STEP}", pytrace=False)
        os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self.identity = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def run(self, program: str, *arguments: str) -> None:
        # The server inherits our output, so it goes to a file: a pipe would stay open as long as the server runs.
        log = self.folder / "log"
        with log.open("ab") as out:
            done = subprocess.run(
                [self.bin / program, "-D", self.folder / "data", *arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                check=False,
                **self.identity,
            )
        if done.returncode:
            pytest.fail(f"{program} failed:\n{log.read_text(errors='replace')[-2000:]}", pytrace=False)

    def start(self) -> None:
        self.run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync")
        self.run("pg_ctl", "-o", f"-k {self.folder} {SETTINGS}", "-w", "start")

    def stop(self) -> None:
        if (self.folder / "data" / "postmaster.pid").exists():
            self.run("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """The server of this test process."""
    cluster = Cluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres_cluster: Cluster) -> str:
    """URL of the server's own database `postgres`: `postgresql+psycopg://...`."""
    return postgres_cluster.url()


@pytest.fixture
def postgres_database(postgres_cluster: Cluster) -> Iterator[str]:
    """URL of an empty database that only this test knows."""
    name = f"test_{uuid.uuid4().hex}"
    with postgres_cluster.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield postgres_cluster.url(name)
    with postgres_cluster.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
