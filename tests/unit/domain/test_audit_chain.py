"""Whatever is done to a row of the audit, verification names the first row that does not fit."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import GENESIS, AuditEntry, AuditRow, linked, row_hash, verify_chain
from opstwin.domain.values import Json, canonical, to_json
from opstwin.errors import AuditBroken
from tests.unit.domain.everything import ANNA, NOW, mutations

LENGTH = 1000


def entry(number: int, **fields: object) -> AuditEntry:
    values: dict[str, object] = {
        "action": "plan.create", "subject": f"plan_{number}", "actor": ANNA, "plan_id": f"plan_{number}",
        "digest": "sha256:1", "approval_id": "appr_1", "execution_id": "exec_1", "reason": "because",
        "details": {"target": "local", "more": [number, None, True]}, **fields,
    }  # fmt: skip
    return AuditEntry(**values)  # type: ignore[arg-type]


def chain(entries: Sequence[AuditEntry]) -> list[AuditRow]:
    rows: list[AuditRow] = []
    head = GENESIS
    for seq, item in enumerate(entries, start=1):
        at = NOW + timedelta(seconds=seq)
        rows.append(linked(item, seq=seq, at=at, uptime_s=float(seq), prev_hash=head))
        head = rows[-1].hash
    return rows


LOG = chain([entry(number) for number in range(LENGTH)])


def first_bad(rows: Sequence[AuditRow]) -> int | None:
    """What verification of a whole log names, None when it is sound."""
    try:
        verify_chain(rows)
    except AuditBroken as broken:
        return int(str(broken.details["seq"]))
    return None


def first_bad_from(start: int, rows: Sequence[AuditRow]) -> int | None:
    """The same for a log whose first `start` rows are those of LOG, which were verified before."""
    head = LOG[start - 1].hash if start else GENESIS
    try:
        verify_chain(rows, seq=start, head=head)
    except AuditBroken as broken:
        return int(str(broken.details["seq"]))
    return None


def test_a_log_that_nobody_touched_is_sound() -> None:
    assert verify_chain(LOG) == (LENGTH, LOG[-1].hash)
    assert verify_chain([]) == (0, GENESIS)
    half = verify_chain(LOG[:500])
    assert verify_chain(LOG[500:], seq=half[0], head=half[1]) == (LENGTH, LOG[-1].hash)


@pytest.mark.proves("K1")
def test_an_edit_of_any_field_of_any_row_is_named() -> None:
    """Every field of one row in depth, then one field after the other over all thousand rows."""
    fields = [field.name for field in dataclasses.fields(AuditRow)]
    touched = set()
    for ways, changed in mutations(LOG[41]):
        assert isinstance(changed, AuditRow)
        touched.add(ways[0][1])
        assert first_bad_from(41, [changed, *LOG[42:44]]) == 42, ways
    assert touched == set(fields)
    edits = [(ways[0][1], ways) for ways, _ in mutations(LOG[0])]
    for index, row in enumerate(LOG):
        field = fields[index % len(fields)]
        changed = next(new for ways, new in mutations(row) if ways[0][1] == field)
        assert first_bad_from(index, [changed, *LOG[index + 1 : index + 2]]) == index + 1, field  # type: ignore[list-item]
    assert len(edits) > 30


@pytest.mark.proves("K1")
def test_an_edit_with_its_own_hash_made_right_is_named_at_the_next_row() -> None:
    for index, row in enumerate(LOG[:-1]):
        edited = replace(row, reason="nothing happened")
        edited = replace(edited, hash=row_hash(edited))
        assert first_bad_from(index, [edited, LOG[index + 1]]) == index + 2


@pytest.mark.proves("K1")
def test_a_deletion_of_any_row_but_the_last_is_named() -> None:
    for index in range(LENGTH - 1):
        assert first_bad_from(index, LOG[index + 1 : index + 2]) == index + 1


@pytest.mark.proves("K1")
def test_an_insertion_before_any_row_is_named_whatever_number_it_takes() -> None:
    forged = entry(7, action="approval.give")
    for index, row in enumerate(LOG):
        copy = linked(forged, seq=row.seq, at=row.at, uptime_s=row.uptime_s, prev_hash=row.prev_hash)
        assert first_bad_from(index, [copy, row]) == index + 2
        assert first_bad_from(index, [row, row]) == index + 2


@pytest.mark.proves("K1")
def test_a_change_of_order_of_any_two_neighbours_is_named() -> None:
    for index in range(LENGTH - 1):
        assert first_bad_from(index, [LOG[index + 1], LOG[index]]) == index + 1


@pytest.mark.proves("K1")
@pytest.mark.parametrize("seq", [1, 2, 4, 5, -3, 0])
def test_a_row_with_another_number_is_named_though_every_hash_is_right(seq: int) -> None:
    odd = linked(entry(3), seq=seq, at=NOW, uptime_s=3.0, prev_hash=LOG[1].hash)
    assert first_bad([*LOG[:2], odd]) == 3


@pytest.mark.proves("K1")
def test_the_whole_log_names_the_same_row_as_its_parts() -> None:
    for index in (0, 1, 499, 998, 999):
        edited = [*LOG[:index], replace(LOG[index], outcome="refused"), *LOG[index + 1 :]]
        assert first_bad(edited) == index + 1
    assert first_bad(list(reversed(LOG))) == 1
    assert first_bad(LOG[1:]) == 1
    assert first_bad([*LOG[:10], *LOG[20:]]) == 11


def test_a_log_cut_off_anywhere_is_shorter_than_its_known_head() -> None:
    """A chain cannot miss what was cut off its end; whoever keeps the head's number and hash can."""
    known = (LENGTH, LOG[-1].hash)
    hashes = {row.hash for row in LOG}
    assert len(hashes) == LENGTH
    for length in range(LENGTH):
        seq, head = (length, LOG[length - 1].hash if length else GENESIS)
        assert (seq, head) != known
    assert verify_chain(LOG[:700]) == (700, LOG[699].hash)


INJECTIONS = [
    "one\ntwo", "one\r\ntwo", "\r", "\x00", "\x1b[2J\x1b[31mroot", "\x1b]0;title\x07", "\x7f", "\u2028", "\u2029",
    "\x85", "\u202etxt.exe", "\u200b",
    "\ud800", "\ufeff", '"', '","hash":"sha256:0', '{"seq": 1, "action": "approval.give"}',
    "\\", "\\n", "\\u000a", "';--", "{{7*7}}", "$(id)", "<script>", "%0a", "a" * 100_000,
    "\n" + canonical(to_json(LOG[5])) + "\n",
]  # fmt: skip


def texts_of(text: str) -> Iterator[tuple[str, AuditEntry]]:
    """An entry for each text field, nested ones too, with `text` in it."""
    for field in dataclasses.fields(AuditEntry):
        if field.name == "actor":
            for name in ("id", "on_behalf_of", "face"):
                yield f"actor.{name}", entry(1, actor=replace(ANNA, **{name: text}))
        elif field.name == "details":
            yield "details value", entry(1, details={"deep": [{"x": text}]})
            yield "details key", entry(1, details={text: 1})
        else:
            yield field.name, entry(1, **{field.name: text})


@pytest.mark.proves("K6")
@pytest.mark.parametrize("text", INJECTIONS, ids=[repr(text[:20]) for text in INJECTIONS])
def test_what_is_injected_into_any_text_stays_one_record(text: str) -> None:
    for where, item in texts_of(text):
        rows = chain([entry(0), item, entry(2)])
        assert verify_chain(rows) == (3, rows[2].hash), where
        line = canonical(to_json(rows[1]))
        assert not {"\n", "\r", "\x1b", "\x00"} & set(line), where
        read = json.loads(line)
        assert read == to_json(rows[1]), where
        assert (read["seq"], read["hash"], len(read)) == (2, rows[1].hash, len(dataclasses.fields(AuditRow))), where
        assert first_bad([rows[0], rows[2]]) == 2


@pytest.mark.proves("K6")
@settings(deadline=None, max_examples=150)
@given(st.lists(st.text(max_size=20), min_size=9, max_size=9))
def test_no_two_different_entries_give_the_same_row(texts: list[str]) -> None:
    names = ("action", "subject", "outcome", "plan_id", "digest", "approval_id", "execution_id", "reason")
    one = chain([entry(0, **dict(zip(names, texts, strict=False)), details={"x": texts[8]})])[0]
    for place, name in enumerate(names):
        for other in {*texts} - {texts[place]}:
            assert row_hash(replace(one, **{name: other})) != one.hash  # type: ignore[arg-type]


BORDERS = list(pairwise(("action", "subject", "outcome", "plan_id", "digest", "approval_id", "execution_id", "reason")))
PIECES = st.text(max_size=20) | st.sampled_from(('","', '":"', '","subject":"', "\\", '"', "null", "\n", "\x00"))


@pytest.mark.proves("K6")
@settings(deadline=None, max_examples=300)
@given(st.sampled_from(BORDERS), PIECES, PIECES.filter(bool), PIECES)
def test_no_text_moves_over_the_border_between_two_fields(
    border: tuple[str, str], before: str, moved: str, after: str
) -> None:
    first, second = border
    row = chain([entry(0)])[0]
    here = replace(row, **{first: before + moved, second: after})  # type: ignore[arg-type]
    there = replace(row, **{first: before, second: moved + after})  # type: ignore[arg-type]
    assert row_hash(here) != row_hash(there)


def test_a_row_says_who_acted_for_whom() -> None:
    actor = Actor(kind=ActorKind.AGENT, id="robot", on_behalf_of="anna", face="mcp")
    shown: Json = to_json(chain([entry(0, actor=actor)])[0])
    assert isinstance(shown, dict)
    assert shown["actor"] == {"kind": "agent", "id": "robot", "on_behalf_of": "anna", "face": "mcp"}


def test_a_wall_clock_that_jumps_back_does_not_change_the_order() -> None:
    rows: list[AuditRow] = []
    for seq, hours in enumerate((5, 3, 4), start=1):
        head = rows[-1].hash if rows else GENESIS
        at = NOW + timedelta(hours=hours)
        rows.append(linked(entry(seq), seq=seq, at=at, uptime_s=float(seq), prev_hash=head))
    assert verify_chain(rows)[0] == 3
    assert first_bad(sorted(rows, key=lambda row: row.at)) == 1
