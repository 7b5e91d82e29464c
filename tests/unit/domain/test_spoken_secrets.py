"""Secrets that a person tells in a sentence are masked; sentences without one stay as they are."""

import pytest

from opstwin.domain.spoken_secrets import without_spoken
from opstwin.logs import MASK

SECRET = "correcthorsebattery"


@pytest.mark.req("S5.G4")
@pytest.mark.proves("J1")
@pytest.mark.parametrize(
    "sentence",
    [
        "pw: {}", "pw={}", "my password is {}", "the password for db is {}.", "with password {}", "use passwd: '{}'",
        "api key is {}", "set env DB_PASSWORD to {} on web", "비밀번호는 {} 야", "비밀번호: {}", "암호는 {}야",
        "환경변수 DB_PASSWORD 를 {} 로 설정해줘", "web 의 DB_PASSWORD를 {}로 바꿔", "토큰은 {}",
        "비밀번호 {} 로 redis 배포해줘",
    ],
)  # fmt: skip
@pytest.mark.parametrize("secret", [SECRET, "c0rrect-h0rse", "Ab1!"])
def test_a_secret_that_is_told_in_words_is_masked_and_the_rest_stays(sentence: str, secret: str) -> None:
    assert without_spoken(sentence.format(secret)) == sentence.format(MASK)


@pytest.mark.parametrize(
    "sentence",
    [
        "why does the password check fail?", "is the token rotated?", "the secret is in vault", "password is wrong",
        "the token is expired", "set env LOG_LEVEL to debug", "set password length to 20", "with token refresh",
        "deploy nginx:1.27 as token-service with 2 replicas", "update token-service to nginx:1.28",
        "set DB_PASSWORD to env:DB_PASSWORD on web", "the password is *** now", "왜 토큰이 만료됐어?",
        "비밀번호 서비스 web 을 3개로 늘려줘", "set image of web to nginx:1.28",
    ],
)  # fmt: skip
def test_words_about_secrets_without_one_stay(sentence: str) -> None:
    assert without_spoken(sentence) == sentence
