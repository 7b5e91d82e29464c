"""What a provider's refusal means, and how long it asks to wait."""

import pytest

from opstwin.agent.models.failures import Reason, failure, of_status, reason_of, retry_after_s, unwelcome
from opstwin.errors import ModelError

DATE = "Sat, 21 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None), ({"retry-after": "7"}, 7.0), ({"retry-after": "0.5"}, 0.5), ({"retry-after-ms": "50"}, 0.05),
        ({"retry-after-ms": "50", "retry-after": "7"}, 0.05), ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None), ({"retry-after": "inf"}, None), ({"retry-after": "1" * 400}, None),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT", "date": DATE}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 09:00:00 GMT", "date": DATE}, 0.0),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 -0000", "date": DATE}, 30.0),
    ],
)  # fmt: skip
def test_how_long_to_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


@pytest.mark.parametrize(
    ("status", "inner", "reason"),
    [
        (429, {"code": "insufficient_quota", "type": "insufficient_quota"}, Reason.BUDGET),
        (429, {"type": "rate_limit_error"}, Reason.RATE_LIMITED), (402, {}, Reason.BUDGET),
        (401, {}, Reason.NO_KEY), (403, {}, Reason.NO_KEY), (400, {}, Reason.REFUSED), (413, {}, Reason.REFUSED),
        (408, {}, Reason.TIMEOUT), (409, {}, Reason.DOWN), (500, {}, Reason.DOWN), (529, {}, Reason.DOWN),
        (307, {}, Reason.DOWN), (200, {"type": "overloaded_error"}, Reason.DOWN),
        (200, {"type": "rate_limit_error"}, Reason.RATE_LIMITED),
    ],
)  # fmt: skip
def test_each_refusal_has_its_reason(status: int, inner: dict[str, str], reason: Reason) -> None:
    for body in ({"error": inner}, inner):
        assert reason_of(of_status("it", status, body, {}, str)) is reason


@pytest.mark.parametrize("body", [None, "x", [], {"error": "x"}, {"error": None}, {"error": {"message": 5}}])
def test_an_odd_body_of_an_error_is_no_further_error(body: object) -> None:
    assert reason_of(of_status("it", 500, body, {}, str)) is Reason.DOWN
    assert unwelcome(400, body, {"temperature": 1}) == ""


def test_words_of_a_provider_are_cut() -> None:
    told = of_status("it", 400, {"error": {"message": "x" * 10_000}}, {}, str)
    assert len(told.message) < 300


@pytest.mark.parametrize(
    ("status", "inner", "field"),
    [
        (400, {"param": "temperature", "message": "Unsupported value"}, "temperature"),
        (422, {"message": "extra inputs: prompt_cache_key"}, "prompt_cache_key"),
        (400, {"message": "the_temperature_of_it"}, "temperature"), (400, {"message": "temperatures"}, ""),
        (404, {"message": "temperature"}, ""), (400, {"param": "messages"}, ""),
    ],
)  # fmt: skip
def test_only_a_field_that_was_sent_and_named_is_left_out(status: int, inner: dict[str, str], field: str) -> None:
    assert unwelcome(status, {"error": inner}, {"temperature": 1, "prompt_cache_key": "k"}) == field


@pytest.mark.req("S5.120")
@pytest.mark.parametrize("reason", Reason)
def test_every_reason_says_what_happened_and_what_to_do(reason: Reason) -> None:
    told = failure(reason, "openai")
    assert told.message.startswith("Model provider openai ")
    assert told.message.endswith(".")
    assert told.next_step
    assert told.details == {"reason": reason.value, "provider": "openai"}


def test_an_error_without_a_reason_counts_as_down() -> None:
    assert reason_of(ModelError("x")) is Reason.DOWN
