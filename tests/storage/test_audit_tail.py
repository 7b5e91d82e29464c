"""A log whose end was cut off is noticed by `audit verify` itself, without an exported head."""

import sqlite3
from pathlib import Path

import pytest

from opstwin.control.auditing import Auditing
from opstwin.errors import AuditBroken
from opstwin.twin.opening import open_store
from tests.rig import Rig, app


@pytest.mark.proves("K1")
async def test_rows_cut_from_the_end_are_missed_by_verify(tmp_path: Path) -> None:
    file = tmp_path / "twin.db"
    store = await open_store(f"sqlite:///{file}")
    rig = await Rig(store=store).ready()
    await rig.change_to(app())
    whole = await Auditing(rig.ledger, tmp_path).verify()
    await store.close()
    database = sqlite3.connect(file)
    for (name,) in database.execute("select name from sqlite_master where type='trigger'").fetchall():
        database.execute(f'drop trigger "{name}"')
    database.execute("delete from audit where seq > ?", (whole.rows - 3,))
    database.commit()
    database.close()
    store = await open_store(f"sqlite:///{file}")
    with pytest.raises(AuditBroken) as broken:
        await Auditing(Rig(store=store).ledger, tmp_path).verify()
    assert broken.value.details["seq"] == whole.rows - 2
    await store.close()
