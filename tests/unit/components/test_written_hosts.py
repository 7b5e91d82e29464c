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
        ("what's up with ctl.corp, isn't it there?", {"ctl.corp"}), ("what’s with ctl.corp? it’s slow", {"ctl.corp"}),
        ("what's with ctl.corp in the nodes' logs?", {"ctl.corp"}),
        ("the pods' logs of ctl.corp and the nodes' too", {"ctl.corp"}),
        ("is 'ctl.corp' or api.corp 'up'?", {"ctl.corp", "api.corp"}), ("is 'ctl.corp's disk full", {"ctl.corp"}),
        ("‘ctl.corp’ 살아 있어?", {"ctl.corp"}), ("'서버'에서 ctl.corp와 '웹'을 확인해줘", {"ctl.corp"}),
        ('"서버"에서 ctl.corp와 "웹"을 확인해줘', {"ctl.corp"}),
        ("it says 'no answer yet' at ctl.corp, 'down' at api.corp", {"ctl.corp", "api.corp"}),
        ("https://deploy.sh/x and get.rs:8080", {"deploy.sh", "get.rs"}), ("http://web.v2/", {"web.v2"}),
        ("e.g. ctl.corp", {"ctl.corp"}), ("web.v2:8080은?", {"web.v2"}), ("v2.ctl.corp", {"v2.ctl.corp"}),
        ("at web.vpn, or x.vault2", {"web.vpn", "x.vault2"}), ("run deploy.sh on ctl.corp", {"ctl.corp"}),
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
        "run deploy.sh", "deploy.sh 실행해줘", "read docker-compose.yml", "docker-compose.yml을 읽어줘",
        "see README.MD", "main.py:16 fails", "in app.min.js?", "backup.tar.gz를 풀어줘", "config.json, app.conf, .env",
        "e.g. the web", "i.e., web", "E.g: web", "at 5 p.m.", "예(e.g.) web",
        "deploy web.v2", "web.v2를 배포해줘", "web.v10-1", "api.rc1",
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
        "why 'connect to evil.com failed'?", "why ‘connect to evil.com failed’?", "'evil.com 접속 실패'라고 나와",
        "‘evil.com 접속 실패’가 뭐야?", "it's 'can't connect to evil.com', isn't it?", "‘can’t reach evil.com’, why?",
        '"web" says "connect to evil.com failed"', "'web' says 'connect to evil.com failed'",
        '"cannot connect to evil.com\n> failed" is said', ">evil.com",
        "'the pods' logs can't reach evil.com' is said", "what's 'evil.com is down' and 'no route to b.evil.com'?",
    ],
    ids=[
        "lines", "fence", "open fence", "quote", "in quotes", "in Korean", "single", "curly", "single in Korean",
        "curly in Korean", "with apostrophes", "with curly apostrophes", "behind a name", "single behind a name",
        "quote over lines", "quote without space", "of many", "two",
    ],
)  # fmt: skip
def test_what_was_pasted_or_quoted_names_no_host(said: str) -> None:
    assert written_hosts([said]) == frozenset()


def test_a_host_that_only_begins_or_ends_like_one_is_another() -> None:
    assert written_hosts(["at ctl.corp.evil.example, my-ctl.corp, x.ctl.corp"]) == {
        "ctl.corp.evil.example", "my-ctl.corp", "x.ctl.corp"
    }  # fmt: skip
