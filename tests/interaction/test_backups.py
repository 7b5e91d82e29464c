"""Backups are an administrator's: an agent, whatever it may do besides, makes none and gets rid of none."""

from pathlib import Path

import pytest

from opstwin.twin.memory import MemoryStore
from tests.interaction.house import API, House


class Copying(MemoryStore):
    """A twin that can be backed up, as those with a database can."""

    async def backup(self, path: Path) -> None:
        path.write_text("copy")


@pytest.fixture
async def kept(tmp_path: Path) -> tuple[House, Path]:
    """A house with a backup that an administrator made."""
    house = await House(tmp_path, store=Copying()).furnish()
    async with house.caller("owner") as admin:
        made = await admin.post("/backup")
    assert made.status_code == 201, made.text
    return house, Path(made.json()["path"])


@pytest.mark.proves("D6")
@pytest.mark.parametrize("role", ["planner", "operator", "viewer"])
async def test_only_an_administrator_makes_a_backup(kept: tuple[House, Path], role: str) -> None:
    house, file = kept
    async with house.caller(role) as caller:
        assert (await caller.post("/backup")).status_code == 403
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.proves("D6")
@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "POST"])
async def test_no_call_of_an_agent_takes_a_backup_away_or_puts_another_in_its_place(
    kept: tuple[House, Path], method: str
) -> None:
    house, file = kept
    async with house.caller("planner") as agent:
        for path in ("/backup", "/backups", f"/backup/{file.name}", f"/backups/{file.name}", f"/backup/{file.stem}"):
            answer = await agent.http.request(method, API + path, json={})
            assert answer.status_code in (403, 404, 405), (path, answer.status_code)
    assert file.read_text() == "copy"


@pytest.mark.proves("D6")
@pytest.mark.parametrize("program", [["rm", "-f"], ["truncate", "-s0"], ["find", "-delete"], ["shred"]])
async def test_a_command_against_a_backup_waits_for_a_human(kept: tuple[House, Path], program: list[str]) -> None:
    house, file = kept
    house.world.run("web-1", "app:1")
    await house.services.observer.discover("local")
    async with house.caller() as owner, house.caller("planner") as agent:
        await owner.post("/resources/local/container/web-1:adopt", {})
        answer = await agent.post("/exec", {"resource": "web-1", "argv": [*program, str(file)]})
    assert answer.json()["status"] == "waiting_for_human", answer.text
    assert not [row for row in await house.audit() if row.action.startswith("exec.")]
    assert file.read_text() == "copy"
