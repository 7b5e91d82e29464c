"""Threads: whose they are, what they are called, how much they keep."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from opstwin.domain.thread import LONGEST, REMEMBERED, Remark, Thread, id_of_thread, title_of, with_remarks

AT = datetime(2026, 1, 1, tzinfo=UTC)
THREAD = Thread(id="ada:t", owner="ada", name="t", title="", created_at=AT, updated_at=AT)
_NAME = st.text(min_size=1, max_size=12)


def said(text: str) -> Remark:
    return Remark(id="m", by="user", text=text, at=AT)


@given(
    _NAME,
    st.from_regex(r"[A-Za-z0-9_-]{1,9}", fullmatch=True),
    _NAME,
    st.from_regex(r"[a-z0-9_-]{1,9}", fullmatch=True),
)
def test_no_two_owners_share_a_thread(one: str, name: str, other: str, second: str) -> None:
    same = (one, name) == (other, second)
    assert (id_of_thread(one, name) == id_of_thread(other, second)) == same


def test_a_title_is_one_short_line() -> None:
    assert title_of("deploy\n  web ") == "deploy web"
    long = title_of("x" * 200)
    assert len(long) == 80
    assert long.endswith("…")


def test_a_thread_keeps_the_newest_remarks_and_the_beginning_of_long_ones() -> None:
    thread = with_remarks(THREAD, [said(str(number)) for number in range(REMEMBERED + 5)])
    assert [remark.text for remark in thread.remarks] == [str(number) for number in range(5, REMEMBERED + 5)]
    assert len(with_remarks(THREAD, [said("y" * (LONGEST + 1))]).remarks[0].text) == LONGEST


def test_nothing_said_is_no_remark() -> None:
    assert with_remarks(THREAD, [said("")]).remarks == ()
