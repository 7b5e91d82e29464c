"""What texts are matched by, and what they are understood to say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.knowledge.lexical import Lexical
from opstwin.knowledge.ports import Entry
from opstwin.knowledge.words import LONGEST, language_in, purpose_in, tokens


def entry(id: str, text: str, tenant: str = "shop") -> Entry:
    return Entry(id=id, text=text, image="", tenant=tenant)


def found(lexical: Lexical, text: str, tenant: str = "shop") -> list[str]:
    return [hit.id for hit in lexical.nearest(text, tenant, 5)]


def test_korean_is_matched_by_pairs_of_letters_so_that_particles_do_not_matter() -> None:
    lexical = Lexical()
    lexical.put([entry("thumb", "영상편집기"), entry("other", "회계장부")])
    assert found(lexical, "영상편집기를") == ["thumb"]


@pytest.mark.parametrize(
    ("english", "korean"), [("payment", "결제"), ("cache", "캐시"), ("python", "파이썬"), ("search", "검색을")]
)
def test_the_same_word_in_both_languages_is_one_meaning(english: str, korean: str) -> None:
    meant = [token for token in tokens(english) if token.startswith("=")]
    assert meant
    assert set(meant) <= set(tokens(korean))


def test_javascript_is_not_java_in_korean_either() -> None:
    assert language_in("자바스크립트 서버") == "node"
    assert language_in("자바 서버") == "java"


@pytest.mark.parametrize(
    ("text", "purpose", "language"),
    [
        ("a Python web page", "web", "python"),
        ("파이썬으로 만든 웹사이트", "web", "python"),
        ("golang backend for orders", "api", "go"),
        ("the web and its database", "", ""),
        ("something", "", ""),
    ],
)
def test_purpose_and_language_are_read_where_the_words_say_one(text: str, purpose: str, language: str) -> None:
    assert (purpose_in(text), language_in(text)) == (purpose, language)


def test_words_that_every_request_holds_tell_nothing() -> None:
    assert tokens("please deploy it like this for me") == []


def test_rare_words_count_more_than_frequent_ones() -> None:
    lexical = Lexical()
    lexical.put([entry("a", "shop zebra"), entry("b", "shop shop"), entry("c", "shop lion")])
    assert found(lexical, "shop zebra")[0] == "a"


def test_a_score_lies_between_0_and_1() -> None:
    lexical = Lexical()
    lexical.put([entry("a", "zebra " * 50), entry("b", "lion")])
    assert all(0 < hit.score <= 1 for hit in lexical.nearest("zebra lion", "shop", 5))


@pytest.mark.proves("H8")
def test_another_tenants_records_are_not_found_and_do_not_weigh_in() -> None:
    lexical = Lexical()
    lexical.put([entry("a", "zebra shop"), entry("shared", "lion shop", tenant="")])
    before = lexical.nearest("zebra shop", "shop", 5)
    lexical.put([entry(f"t{place}", "zebra", tenant="bank") for place in range(50)])
    assert lexical.nearest("zebra shop", "shop", 5) == before
    assert "a" not in found(lexical, "zebra shop", "bank")


def test_what_is_replaced_or_removed_is_found_by_its_old_words_no_more() -> None:
    lexical = Lexical()
    lexical.put([entry("a", "zebra"), entry("b", "tiger")])
    lexical.put([entry("a", "lion")])
    lexical.remove(["b", "unknown"])
    assert (found(lexical, "zebra"), found(lexical, "lion"), found(lexical, "tiger")) == ([], ["a"], [])


@given(st.text(max_size=300))
def test_any_text_can_be_put_and_looked_for(text: str) -> None:
    lexical = Lexical()
    lexical.put([entry("a", text)])
    hits = lexical.nearest(text, "shop", 3)
    assert [hit.id for hit in hits] == (["a"] if tokens(text) else [])


def test_a_huge_text_is_read_up_to_a_bound() -> None:
    assert len(tokens("zebra " * LONGEST)) <= LONGEST / 6 + 1
