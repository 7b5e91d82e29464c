"""Logs: one JSON object a line, levels that hold, context, and no secrets."""

import io
import json

import pytest

from opstwin.logs import bind, configure_logs, logger, looks_secret, redacted, unbind_all


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.mark.req("S5.100", "S5.102")
def test_each_line_is_one_json_object_with_its_context(stream: io.StringIO) -> None:
    configure_logs("INFO", "json", stream)
    bind(request_id="req_1", user_id="anna", plan_id="plan_1")
    logger().info("applied", note="two\nlines \x1b[31m")
    unbind_all()
    [line] = stream.getvalue().splitlines()
    said = json.loads(line)
    wanted = {"request_id": "req_1", "user_id": "anna", "plan_id": "plan_1", "event": "applied", "level": "info"}
    assert {key: said[key] for key in wanted} == wanted


@pytest.mark.req("S5.101")
@pytest.mark.parametrize(("level", "count"), [("DEBUG", 4), ("INFO", 3), ("WARN", 2), ("ERROR", 1)])
def test_levels_hold(stream: io.StringIO, level: str, count: int) -> None:
    configure_logs(level, "json", stream)
    for word in ("debug", "info", "warning", "error"):
        getattr(logger(), word)("said")
    assert len(stream.getvalue().splitlines()) == count


def test_secrets_are_masked_by_name_and_inside_text(stream: io.StringIO) -> None:
    configure_logs("INFO", "json", stream)
    logger().info(
        "call", password="canary-1", headers={"Authorization": "Bearer canary-2222"}, url="postgresql://hub:canary-3@db/x",
        text="token opt_canary4canary4canary4 and sk-canary5canary5", argv=["--x", "AKIA0123456789ABCDEF"],
    )  # fmt: skip
    assert "canary" not in stream.getvalue()
    assert "AKIA0123456789ABCDEF" not in stream.getvalue()


@pytest.mark.parametrize("name", ["DB_PASSWORD", "api_key", "ApiKey", "secretToken", "aws_access_key_id", "Cookie"])
def test_names_that_hold_secrets_are_known(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize("text", ["web-1 is healthy", "nginx:1.27", "http://127.0.0.1:8080/x", "sha256:" + "a" * 64])
def test_plain_text_is_left_alone(text: str) -> None:
    assert redacted(text) == text
