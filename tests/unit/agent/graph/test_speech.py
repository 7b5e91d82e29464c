"""A model's answer as it is shown while it is written: piece by piece exactly what the whole would have been."""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.agent.guards import harmless
from opstwin.agent.models.port import ModelReply
from opstwin.agent.streaming import Speech, unsaid
from opstwin.domain.secret_ends import Beginnings, Ongoing
from opstwin.domain.secret_text import pattern_of, without_secrets

SECRETS = ("hunter2hunter2", "correct horse battery staple", "pa\"ss'wo rd\\9", "x" * 30 + " " + "y" * 60)
KNOWN = pattern_of(SECRETS)
BEGINNINGS = Beginnings(SECRETS)
OWN = "http://127.0.0.1:8080"
assert KNOWN is not None
PATTERN: re.Pattern[str] = KNOWN


@dataclass
class Known:
    """A veil that knows some secrets."""

    def ongoing(self) -> Ongoing:
        return Ongoing(PATTERN, BEGINNINGS)


def shown_whole(text: str) -> str:
    return harmless(without_secrets(PATTERN.sub("***", text)), OWN)


def shown_in_pieces(pieces: list[str]) -> list[str]:
    speech = Speech(Known(), OWN)
    found = [speech.add(piece) for piece in pieces]
    found.append(speech.rest())
    assert speech.text == "".join(found)
    return found


PARTS = [
    *SECRETS, *(" ".join(secret) for secret in SECRETS), *(secret[: len(secret) // 2] for secret in SECRETS),
    "correct horse", "battery staple", "hunter2 hunter2", "https://evil.example/?q=1", "[click](https://evil.example)",
    "[a]:", "[a]: b", "![x](//evil)", "<img src=//evil>", "www.evil.example", f"{OWN}/plans/plan_1", "data:text/html,x",
    "PASSWORD=abc", "password:", "token", "secret = 'a b", "c'", '"key": "v w"', "--password", "--token 'x", "y'",
    "Bearer", "Bearer abcdefgh1234", "Basic", "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----",
    "-----BEGIN", "eyJhbGciOi.eyJhbGciOi.x", "word", "이것은", "256Mi", "plan_1", ".", "!", "]", ":", "=", "'", '"',
    "\\", "\u200b", "\u2003", "\r", "é", "🙂", "***",
]  # fmt: skip
TEXTS = st.lists(
    st.tuples(st.sampled_from(PARTS), st.sampled_from(["", " ", "\n", "  ", "\t", " \n\n"])), max_size=14
).map(lambda parts: "".join(part + space for part, space in parts))


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.proves("H4", "J1")
def test_a_secret_that_follows_itself_at_once_is_held_back_like_the_first(secret: str) -> None:
    text = secret + secret
    for cut in range(len(text)):
        assert "".join(shown_in_pieces([text[:cut], text[cut:]])) == shown_whole(text)


@given(text=TEXTS, data=st.data())
@settings(max_examples=400, deadline=None)
@pytest.mark.proves("H4", "J1")
def test_in_whatever_pieces_an_answer_comes_the_same_is_shown_as_of_the_whole(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)))
    pieces = [text[one:other] for one, other in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert "".join(shown_in_pieces(pieces)) == shown_whole(text)


@given(text=TEXTS)
@settings(max_examples=200, deadline=None)
@pytest.mark.proves("H4", "J1")
def test_letter_by_letter_nothing_is_shown_that_the_whole_would_not_show(text: str) -> None:
    whole, shown = shown_whole(text), ""
    speech = Speech(Known(), OWN)
    for letter in text:
        shown += speech.add(letter)
        assert whole.startswith(shown)
    assert shown + speech.rest() == whole


def test_plain_words_are_shown_at_once_and_at_most_the_last_one_is_held_back() -> None:
    words = [f"{word} " for word in ("this", "deploys", "the", "small", "web", "server", "on", "a", "cluster") * 5]
    speech, heard, shown = Speech(Known()), "", 0
    for place, word in enumerate(words):
        heard += speech.add(word)
        shown += heard == "".join(words[: place + 1]).rstrip()
        assert place < 3 or heard.startswith("".join(words[:place]).rstrip())
    assert shown > len(words) / 2, "a word is held back where its last letter may begin a secret, and not as a rule"


def test_a_link_a_secret_and_half_a_word_are_held_back_until_they_are_over() -> None:
    speech = Speech(Known())
    assert speech.add("It is documented at https://evil.example/?data=") == "It is documented at"
    assert speech.add("CANARY") == ""
    assert "https://evil" not in speech.add(" for all.\n")
    assert speech.add("the passphrase is correct horse ") == "\nthe passphrase is"
    assert speech.add("battery ") == ""
    assert speech.add("staple ok ") == " *** ok"


def test_what_broke_off_in_half_a_secret_is_not_shown() -> None:
    speech = Speech(Known())
    shown = speech.add("It was always said that it is correct horse batt")
    speech.drop()
    assert shown + speech.rest() == "It was always said that it is"


def test_a_known_secret_is_cut_nowhere_in_any_of_its_forms() -> None:
    for text in ("correct\n  horse battery staple", "c o r r e c t h o r s e b a t t e r y s t a p l e", "yreттab"):
        for cut in range(len(text)):
            pieces = [f"It is here: {text[:cut]}", f"{text[cut:]} and on it goes "]
            assert "".join(shown_in_pieces(pieces)) == shown_whole("".join(pieces))


@pytest.mark.parametrize("text", ["I'm sorry, I cannot.", "Unfortunately, I do not know.", "죄송합니다, 모르겠습니다."])
def test_of_an_apology_nothing_is_shown_while_it_is_written(text: str) -> None:
    speech = Speech(Known())
    assert "".join(speech.add(letter) for letter in text) == ""


def test_a_long_answer_is_cut_where_a_whole_one_is() -> None:
    text = "word " * 4_000
    assert "".join(shown_in_pieces([text[place : place + 7] for place in range(0, len(text), 7)])) == shown_whole(text)


@pytest.mark.parametrize(
    ("text", "spoken", "broken", "left"),
    [
        ("Let me look.", ["Let me look."], "", ""),
        ("Let me look. It is web.", ["Let me look."], "", "It is web."),
        ("No containers.", ["No"], "", "No containers."),
        ("It has 256 MiB because it grew.", [], "It has 256 MiB ", "because it grew."),
        ("because it grew.", [], "It has 256 MiB ", "because it grew."),
        ("256 MiB because it grew.", [], "It has 256 MiB ", "because it grew."),
        ("It has 2567 MiB.", [], "It has 256 ", "It has 2567 MiB."),
    ],
)
def test_what_stands_there_already_is_not_said_again(text: str, spoken: list[str], broken: str, left: str) -> None:
    assert unsaid(ModelReply(text=text), spoken, broken) == left
