"""The bed that other tests lie on: PostgreSQL, the Docker Engine, its tiny image, and the lock files."""

import re
import tomllib
from pathlib import Path

import docker
import psycopg
import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ["requirements.lock", "requirements-dev.lock"]


def plain(url: str) -> str:
    """The URL as psycopg itself reads it."""
    return url.replace("postgresql+psycopg", "postgresql")


def test_each_test_has_an_empty_database(postgres_url: str, postgres_database: str) -> None:
    assert postgres_database != postgres_url
    with psycopg.connect(plain(postgres_database)) as connection:
        tables = connection.execute("select count(*) from pg_stat_user_tables").fetchone()
    assert tables == (0,)


@pytest.mark.docker
def test_the_image_runs_without_a_registry(docker_engine: docker.DockerClient, docker_image: str) -> None:
    said = docker_engine.containers.run(docker_image, ["sh", "-c", "echo hello | tr a-z A-Z"], remove=True)
    assert said == b"HELLO\n"


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_pins_and_hashes_everything_and_names_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    rows = [row for row in text.splitlines() if row and not row.lstrip().startswith("#")]
    assert rows
    for row in rows:
        assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", row), row
    assert not re.search(r"://|--index-url|--extra-index-url|--find-links| @ ", text)


CORE = ["postgres", "kubernetes", "agent"]
EXTRAS = [(LOCKS[0], CORE), (LOCKS[1], [*CORE, "chroma", "dev"])]


@pytest.mark.parametrize(("name", "extras"), EXTRAS)
def test_the_lock_holds_every_dependency(name: str, extras: list[str]) -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = config["project"]
    wanted = [*project["dependencies"], *config["dependency-groups"]["build"]]
    wanted += [row for extra in extras for row in project["optional-dependencies"][extra]]
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
    names = {re.split(r"[\[<>=]", row)[0].replace(".", "-") for row in wanted}
    assert names <= {row.replace(".", "-") for row in locked}


def test_both_locks_agree() -> None:
    core, dev = (set(re.findall(r"^(\S+==\S+)", (ROOT / name).read_text(), re.MULTILINE)) for name in LOCKS)
    assert core < dev
