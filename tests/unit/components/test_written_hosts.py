"""Hosts that people write as addresses: URLs, IPs, DNS names, host:port; not images, and not what was pasted."""

import pytest

from opstwin.control.written_hosts import written_hosts

PASTED = "2026-11-21 ERROR one\n2026-11-21 ERROR two\n2026-11-21 ERROR three\nGET http://ctl.corp:8080 failed"


@pytest.mark.parametrize(
    ("said", "hosts"),
    [
        ("is http://ctl.corp:8080 up?", {"ctl.corp"}), ("http://ctl.corp:8080 살아 있어?", {"ctl.corp"}),
        ("http://ctl.corp:8080이 살아 있어?", {"ctl.corp"}), ("ctl.corp에 배포해줘", {"ctl.corp"}),
        ("Look at CTL.corp.", {"ctl.corp"}), ("does ctl.corp:8080 answer?", {"ctl.corp"}),
        ("at 10.0.0.5", {"10.0.0.5"}), ("10.0.0.5:8080은?", {"10.0.0.5"}), ("at [::1]:80, now", {"::1"}),
        ("and fd00::7?", {"fd00::7"}), ("see http://web", {"web"}), ("what runs at web:8080?", {"web"}),
        ("is (https://a.corp/health?x=1) or b.corp up", {"a.corp", "b.corp"}),
        ("deploy app:1 as web with API_URL=http://api.corp:9000", {"api.corp"}),
        ("http://good.corp/?to=http://evil.corp", {"good.corp"}),
    ],
)  # fmt: skip
def test_an_address_in_a_persons_own_words_names_its_host(said: str, hosts: set[str]) -> None:
    assert written_hosts([said]) == hosts


@pytest.mark.parametrize(
    "said",
    [
        "deploy redis:7 as cache", "redis:7을 cache로 배포해줘", "is postgres:16 there?", "deploy web",
        "deploy registry.corp:5000/team/app:1 as web", "deploy ghcr.io/team/app as web", "nginx:1.27.3", "1.27.3",
        "app@sha256:" + "a" * 64, "ask ops@corp.example", "http://user:word@ctl.corp", "http://[x", "v2.0.1", "",
        "http://2130706433", "scale web:2", "in 10:30",
    ],
)  # fmt: skip
def test_an_image_a_version_or_a_name_names_no_host(said: str) -> None:
    assert written_hosts([said]) == frozenset()


@pytest.mark.proves("H1")
@pytest.mark.parametrize(
    "said",
    [
        PASTED, f"why?\n```\n{PASTED}\n```", "why?\n```\nGET http://ctl.corp failed", "why?\n> GET http://ctl.corp",
        'it says "could not reach http://ctl.corp", why?', "왜 “GET http://ctl.corp 실패”라고 해?",
    ],
    ids=["lines", "fence", "open fence", "quote", "in quotes", "in Korean"],
)  # fmt: skip
def test_what_was_pasted_or_quoted_names_no_host(said: str) -> None:
    assert written_hosts([said]) == frozenset()


def test_a_host_that_only_begins_or_ends_like_one_is_another() -> None:
    assert written_hosts(["at ctl.corp.evil.example, my-ctl.corp, x.ctl.corp"]) == {
        "ctl.corp.evil.example", "my-ctl.corp", "x.ctl.corp"
    }  # fmt: skip
