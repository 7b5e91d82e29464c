"""Lines that programs wrote: what is masked in them, and that cutting them never uncovers a secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.logs import MASK, redacted_line, redacted_start


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("login token=abc ok", f"login token={MASK} ok"),
        ('{"password": "hunter2", "user": "ada"}', f'{{"password": "{MASK}", "user": "ada"}}'),
        ("api_key='xyz'", f"api_key='{MASK}'"),
        ("DB_PASSWORD=hunter2", f"DB_PASSWORD={MASK}"),
        ("secret:   x", f"secret:   {MASK}"),
        ("Authorization: Bearer abcdefghijkl", f"Authorization: Bearer {MASK}"),
        ("GET http://u:hunter2@db/x", f"GET http://{MASK}@db/x"),
        ("tokens used: 500, tokenizer=bert", "tokens used: 500, tokenizer=bert"),
        ("password=", "password="),
        ("all fine", "all fine"),
    ],
)
def test_what_stands_behind_a_name_that_says_secret_is_masked(line: str, shown: str) -> None:
    assert redacted_line(line) == shown


@pytest.mark.proves("J1")
@given(
    before=st.integers(0, 400), after=st.integers(0, 900), limit=st.integers(0, 400),
    form=st.sampled_from(["http://user:{}@db", "password={}", "sk-{}", "Bearer {}"]),
)  # fmt: skip
def test_no_cut_uncovers_a_secret(before: int, after: int, limit: int, form: str) -> None:
    canary = "c4n4ryc4n4ryc4n4ryc4n4ry"
    shown = redacted_start("." * (before - 1) + " " + form.format(canary) + " " + "x" * after, limit)
    assert "c4n" not in shown
    assert len(shown) <= limit


def test_a_short_line_is_shown_whole_and_of_a_long_one_its_beginning() -> None:
    assert redacted_start("short", 5) == "short"
    assert redacted_start("x" * 10_000, 100) == "x" * 100


@pytest.mark.proves("E6")
@pytest.mark.timeout(20)
def test_masking_takes_as_long_as_the_line_is_long() -> None:
    for nasty in ("token" * 40_000, "password=" * 20_000, "http://" + "a" * 200_000, "secret: " + " " * 200_000):
        redacted_line(nasty)
