"""Tables for people: each row is one line, whatever somebody wrote into it."""

import pytest

from opstwin.cli import output

POSING = ["two\nlines", "x\r\naudit ok", "a\tb", "\x1b[2J", "\u2028next", "\u202egnp.exe", "a\x85b", "\x0b\x0c"]


@pytest.mark.proves("K6")
@pytest.mark.parametrize("text", POSING, ids=ascii)
def test_no_text_makes_a_second_row_or_moves_its_own(capsys: pytest.CaptureFixture[str], text: str) -> None:
    output.table(["seq", "reason"], [[1, text], [2, "fine"]])
    shown = capsys.readouterr().out
    assert shown.splitlines() == shown.removesuffix("\n").split("\n")
    head, first, second = shown.splitlines()
    assert head.split() == ["SEQ", "REASON"]
    assert (first[:5], second) == ("1    ", "2    fine")
    assert not {"\t", "\r", "\x1b", "\u202e"} & set(shown)


def test_nothing_in_a_cell_is_an_empty_cell(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(["a", "b"], [[None, 0]])
    assert capsys.readouterr().out == "A  B\n   0\n"
