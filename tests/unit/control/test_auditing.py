"""The audit: verified in pages, and held against a head that was signed and kept elsewhere."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from opstwin.clock import VirtualClock
from opstwin.control.auditing import Auditing
from opstwin.control.ids import SeededIds
from opstwin.control.ledger import Ledger
from opstwin.control.signing import KEY_FILE, PUBLIC_FILE
from opstwin.domain.audit import GENESIS, AuditEntry, AuditRow, linked
from opstwin.domain.values import Json
from opstwin.errors import AuditBroken, InvalidInput, StoreError
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Page
from tests.rig import ANNA

Alter = Callable[[list[AuditRow]], list[AuditRow]]


class Tampered(MemoryStore):
    """A store whose audit somebody with the database's key has changed underneath."""

    def __init__(self, rows: Sequence[AuditRow]) -> None:
        super().__init__()
        self.rows = list(rows)

    async def find(self, query):  # type: ignore[no-untyped-def]
        assert query.kind is AuditRow
        first = int(query.after or 0)
        items = tuple(self.rows[first : first + query.limit])
        more = first + query.limit < len(self.rows)
        return Page(items, str(first + query.limit) if more else None)


class Log:
    """A ledger with an audit of so many rows."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.folder = VirtualClock(), folder
        self.ledger = Ledger(MemoryStore(), self.clock, SeededIds(0))
        self.auditing = Auditing(self.ledger, folder)

    async def write(self, count: int, action: str = "test.note") -> None:
        for place in range(0, count, 500):
            entries = [
                AuditEntry(action=action, subject=f"s{number % 7}", actor=ANNA, reason=str(number))
                for number in range(place, min(count, place + 500))
            ]
            self.clock.advance(1)
            await self.ledger.commit([], entries)

    async def tampered(self, alter: Alter) -> Auditing:
        rows = await self.ledger.all(AuditRow)
        return Auditing(Ledger(Tampered(alter(rows)), self.clock, SeededIds(0)), self.folder)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "data")


def rebuilt(rows: Sequence[AuditRow]) -> list[AuditRow]:
    """The rows with every hash computed anew, as somebody can who may write the whole database."""
    chain: list[AuditRow] = []
    for row in rows:
        entry = AuditEntry(
            action=row.action, subject=row.subject, actor=row.actor, outcome=row.outcome, plan_id=row.plan_id,
            digest=row.digest, approval_id=row.approval_id, execution_id=row.execution_id, reason=row.reason,
            details=row.details,
        )  # fmt: skip
        head = chain[-1].hash if chain else GENESIS
        chain.append(linked(entry, seq=len(chain) + 1, at=row.at, uptime_s=row.uptime_s, prev_hash=head))
    return chain


async def broken_at(auditing: Auditing) -> object:
    with pytest.raises(AuditBroken) as broken:
        await auditing.verify()
    return broken.value.details["seq"]


async def test_an_empty_and_a_long_audit_verify(log: Log) -> None:
    assert (await log.auditing.verify()).rows == 0
    await log.write(2100)
    verified = await log.auditing.verify()
    [last] = (await log.auditing.list(limit=1)).items
    assert (verified.rows, verified.head) == (2100, last.hash)


@pytest.mark.parametrize("seq", [1, 1000, 1001])
async def test_the_first_bad_row_is_named_on_every_page(log: Log, seq: int) -> None:
    await log.write(1100)
    edited = await log.tampered(lambda rows: [replace(r, reason="x") if r.seq == seq else r for r in rows])
    assert await broken_at(edited) == seq
    deleted = await log.tampered(lambda rows: [row for row in rows if row.seq != seq])
    assert await broken_at(deleted) == seq
    swapped = await log.tampered(lambda r: [*r[: seq - 1], r[seq], r[seq - 1], *r[seq + 1 :]])
    assert await broken_at(swapped) == seq
    doubled = await log.tampered(lambda rows: [*rows[:seq], rows[seq - 1], *rows[seq:]])
    assert await broken_at(doubled) == seq + 1


async def test_the_list_is_newest_first_narrowed_and_paged(log: Log) -> None:
    await log.write(50)
    await log.write(3, "plan.create")
    page = await log.auditing.list({"action": "test.note"}, limit=20)
    assert [row.seq for row in page.items] == list(range(50, 30, -1))
    page = await log.auditing.list({"action": "test.note"}, limit=20, after=page.next)
    assert page.items[0].seq == 30
    oldest = await log.auditing.list({"subject": "s3"}, limit=2, newest_first=False)
    assert [row.seq for row in oldest.items] == [4, 11]
    with pytest.raises(InvalidInput) as wrong:
        await log.auditing.list({"hash": "x"})
    assert wrong.value.field == "hash"


async def test_an_exported_head_holds_while_the_audit_goes_on(log: Log) -> None:
    await log.write(20)
    head = await log.auditing.export_head()
    assert set(head) == {"seq", "hash", "at", "key_id", "signature"}
    assert head["seq"] == 20
    public = await log.auditing.public_key()
    await log.write(1200)
    carried: dict[str, Json] = json.loads(json.dumps(head))
    assert (await log.auditing.verify_head(carried, public)).rows == 1220
    assert (await log.auditing.verify_head(carried, public.encode())).rows == 1220


async def test_the_head_of_an_empty_audit_can_be_exported(log: Log) -> None:
    head = await log.auditing.export_head()
    await log.write(3)
    assert (await log.auditing.verify_head(head, await log.auditing.public_key())).rows == 3


@pytest.mark.proves("K2")
@pytest.mark.parametrize("seq", [1, 1100])
async def test_a_chain_rebuilt_with_the_databases_key_disagrees_with_the_exported_head(log: Log, seq: int) -> None:
    await log.write(1200)
    head, public = await log.auditing.export_head(), await log.auditing.public_key()
    await log.write(100)
    forged = await log.tampered(
        lambda rows: rebuilt([replace(row, reason="nothing happened") if row.seq == seq else row for row in rows])
    )
    assert (await forged.verify()).rows == 1300, "by itself the rebuilt chain looks sound"
    with pytest.raises(AuditBroken, match="rebuilt") as broken:
        await forged.verify_head(head, public)
    assert broken.value.details["seq"] == 1200


@pytest.mark.proves("K2")
async def test_a_chain_cut_short_of_the_exported_head_is_noticed(log: Log) -> None:
    await log.write(30)
    head, public = await log.auditing.export_head(), await log.auditing.public_key()
    cut = await log.tampered(lambda rows: rows[:25])
    assert (await cut.verify()).rows == 25
    with pytest.raises(AuditBroken) as broken:
        await cut.verify_head(head, public)
    assert broken.value.details["seq"] == 26


async def test_a_head_is_not_signed_over_a_broken_chain(log: Log) -> None:
    await log.write(10)
    edited = await log.tampered(lambda rows: [replace(rows[0], reason="x"), *rows[1:]])
    with pytest.raises(AuditBroken):
        await edited.export_head()


@pytest.mark.parametrize("field", ["seq", "hash", "at", "key_id", "signature"])
async def test_a_head_changed_in_any_field_is_refused(log: Log, field: str) -> None:
    await log.write(10)
    head, public = await log.auditing.export_head(), await log.auditing.public_key()
    values: list[Json] = [9, "x", None, "AAAA", {}]
    for value in values:
        with pytest.raises(InvalidInput) as wrong:
            await log.auditing.verify_head({**head, field: value}, public)
        assert wrong.value.field == "head"
    with pytest.raises(InvalidInput):
        await log.auditing.verify_head({key: head[key] for key in head if key != field}, public)
    with pytest.raises(InvalidInput):
        await log.auditing.verify_head({**head, "more": 1}, public)


async def test_a_head_signed_by_another_hub_is_refused(log: Log, tmp_path: Path) -> None:
    await log.write(10)
    other = Auditing(log.ledger, tmp_path / "other")
    with pytest.raises(InvalidInput, match="signature"):
        await log.auditing.verify_head(await other.export_head(), await log.auditing.public_key())


async def test_what_is_no_public_key_is_refused(log: Log) -> None:
    await log.write(1)
    head = await log.auditing.export_head()
    curve = generate_private_key(SECP256R1()).public_key()
    for key in ("", "-----BEGIN", curve.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)):
        with pytest.raises(InvalidInput) as wrong:
            await log.auditing.verify_head(head, key)
        assert wrong.value.field == "public_key"


async def test_the_signing_key_is_made_once_and_only_the_hub_may_read_it(log: Log) -> None:
    await log.write(1)
    first = await log.auditing.export_head()
    key = log.folder / KEY_FILE
    assert key.stat().st_mode & 0o777 == 0o600
    assert log.folder.stat().st_mode & 0o777 == 0o700
    assert (log.folder / PUBLIC_FILE).read_text() == await log.auditing.public_key()
    again = Auditing(log.ledger, log.folder)
    assert (await again.export_head())["key_id"] == first["key_id"]
    assert sorted(item.name for item in log.folder.iterdir()) == [KEY_FILE, PUBLIC_FILE]


async def test_a_key_that_others_can_read_or_that_is_none_signs_nothing(log: Log) -> None:
    await log.auditing.export_head()
    key = log.folder / KEY_FILE
    key.chmod(0o640)
    with pytest.raises(StoreError, match="read by others"):
        await log.auditing.export_head()
    key.chmod(0o600)
    key.write_text("no key")
    with pytest.raises(StoreError):
        await log.auditing.export_head()


@pytest.mark.proves("K5")
async def test_after_the_clock_went_back_two_hours_order_is_by_sequence_and_both_clocks_are_kept(log: Log) -> None:
    await log.write(1, "before")
    log.clock.set_back(7200)
    await log.write(1, "after")
    assert (await log.auditing.verify()).rows == 2
    first, second = (await log.auditing.list(newest_first=False)).items
    assert [first.action, second.action] == ["before", "after"]
    assert [row.action for row in (await log.auditing.list()).items] == ["after", "before"]
    assert second.at - first.at == timedelta(seconds=1 - 7200)
    assert second.uptime_s - first.uptime_s == 1
    head = await log.auditing.export_head()
    await log.write(1)
    assert (await log.auditing.verify_head(head, await log.auditing.public_key())).rows == 3
