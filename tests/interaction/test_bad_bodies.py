"""Bodies that are too large, too deep, ambiguous or no JSON at all: refused early, by name, and without an effect."""

import time
import tracemalloc
from collections.abc import Iterator

import pytest

from opstwin.server.reading import MAX_DEPTH, parsed_json
from tests.interaction.asgi import Answered, Wire, send
from tests.interaction.house import API, House

MIB = 1024 * 1024
QUICK_S = 0.1
"""Of the processor, so that a busy machine does not decide the test."""


async def post(house: House, chunks: list[bytes] | Iterator[bytes], **headers: str) -> Answered:
    given = {"authorization": f"Bearer {house.tokens['owner']}", "content-type": "application/json", **headers}
    return await send(house.app, Wire(f"{API}/plans", "POST", given), chunks)


@pytest.mark.proves("E6")
@pytest.mark.parametrize("says_so", [True, False], ids=["with a length", "in chunks"])
async def test_a_body_of_64_mib_is_refused_at_once(house: House, says_so: bool) -> None:
    async with house.caller() as client:
        await client.get("/hub")
    chunk = b"x" * (64 * 1024)
    headers = {"content-length": str(64 * MIB)} if says_so else {}
    began_s = time.thread_time()
    answer = await post(house, [chunk] * 1024, **headers)
    took_s = time.thread_time() - began_s
    assert answer.status == 413
    assert answer.json()["code"] == "limit_exceeded"
    assert took_s < QUICK_S
    tracemalloc.start()
    again = await post(house, [chunk] * 1024, **headers)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert again.status == 413
    assert peak < 50 * MIB


@pytest.mark.proves("E6")
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"[" * 100_000,
        b'{"a":[' * 50_000, b"[[]," * 100_000, b'["' + b"\\" * 100_001, b'{"words": ' + b"[" * 1_000_000,
        b"]" * 100_000, b'"' * 1_000_000, b'{"a":"' + b"[" * 1_000_000 + b'"}', b"9" * 1_000_000,
        b"-" * 1_000_000, b" " * 1_000_000, b"[1," * 500_000, b"1e" + b"9" * 1_000_000, b"\\u0000" * 200_000,
    ],
    ids=range(16),
)  # fmt: skip
async def test_a_hostile_body_is_refused_quickly(house: House, body: bytes) -> None:
    async with house.caller() as client:
        await client.get("/hub")
    began_s = time.thread_time()
    answer = await post(house, [body])
    took_s = time.thread_time() - began_s
    assert answer.status == 422, answer.body[:300]
    assert took_s < QUICK_S, took_s
    assert len(answer.body) < 2000


@pytest.mark.req("S5.84")
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"words": "a", "words": "b"}', "twice"), (b'{"file": "x", "drift": {"a": 1, "a": 2}}', "twice"),
        (b'{"words": NaN}', "NaN"), (b'{"words": Infinity}', "Infinity"), (b'{"words": -Infinity}', "Infinity"),
        (b'{"words": 1e999}', "too large"), (b'{"words": "\\ud800"}', "UTF-8"), (b'{"words": "\xff"}', "UTF-8"),
        (b'{"words": "a\\u0000b"}', "NUL"), (b'{"words": "a\x00b"}', "JSON"), (b"[1]", "object"), (b'"x"', "object"),
        (b"null", "object"), (b"{'words': 'x'}", "JSON"), (b'{"words": "x",}', "JSON"), (b'{"words": "x"} x', "JSON"),
        (b"{", "JSON"), (b"\xef\xbb\xbf{}", "JSON"), (b"words=x", "JSON"), (b"<xml/>", "JSON"),
    ],
)  # fmt: skip
async def test_json_with_a_flaw_is_refused_and_the_flaw_is_named(house: House, body: bytes, says: str) -> None:
    answer = await post(house, [body])
    assert answer.status == 422
    shown = answer.json()
    assert says in shown["detail"]
    assert shown["details"]["field"]
    assert shown["next_step"]


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "text/json",
              "application/json-patch+json", "application/jsonx"],
)  # fmt: skip
async def test_a_body_that_does_not_say_that_it_is_json_is_refused(house: House, media: str) -> None:
    answer = await post(house, [b'{"words": "deploy app:1 as web"}'], **{"content-type": media})
    assert answer.status == 415
    assert not house.effects


async def test_json_may_say_its_charset(house: House) -> None:
    answer = await post(
        house, [b'{"words": "deploy app:1 as web"}'], **{"content-type": "Application/JSON; charset=utf-8"}
    )
    assert answer.status == 201


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "99999999999999999999", "0x10", "+5"])
async def test_a_length_that_is_no_number_is_refused(house: House, length: str) -> None:
    answer = await post(house, [b"{}"], **{"content-length": length})
    assert answer.status in (400, 413)


def test_a_backslash_before_u0000_is_text_and_not_a_nul() -> None:
    assert parsed_json(b'{"a": "\\\\u0000"}') == {"a": "\\u0000"}


@pytest.mark.parametrize("levels", [1, 10, MAX_DEPTH])
def test_depth_up_to_the_limit_is_read(levels: int) -> None:
    value: object = parsed_json(b"[" * levels + b"]" * levels)
    for _ in range(levels - 1):
        assert isinstance(value, list)
        [value] = value
    assert value == []


@pytest.mark.parametrize("body", [b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), b'{"a":' * 65 + b"1" + b"}" * 65])
def test_depth_beyond_the_limit_is_refused(body: bytes) -> None:
    from opstwin.errors import InvalidInput

    with pytest.raises(InvalidInput, match="nested deeper"):
        parsed_json(body)


def test_brackets_inside_strings_are_no_depth() -> None:
    assert parsed_json(b'{"a": "' + b"[{" * 500 + b'"}') == {"a": "[{" * 500}


@pytest.mark.proves("E6")
@pytest.mark.req("S5.84")
async def test_a_yaml_bomb_in_a_file_is_refused_quickly(house: House) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    async with house.caller() as client:
        await client.get("/hub")
        began_s = time.thread_time()
        answer = await client.post("/plans", {"file": "\n".join(lines)})
        took_s = time.thread_time() - began_s
    assert answer.status_code in (422, 429)
    assert took_s < QUICK_S


@pytest.mark.req("S5.84")
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "words"), ({"words": "x", "drift": True}, "drift"), ({"words": ""}, "words"),
        ({"words": "x" * 4001}, "words"),
        ({"words": 5}, "words"), ({"drift": "yes"}, "drift"), ({"drift": 1}, "drift"), ({"nonsense": 1}, "nonsense"),
        ({"words": "scale web to 3", "target": "../etc"}, "target"), ({"drift": True, "resources": []}, "resources"),
        ({"words": "scale web to 3", "remove": ["web"]}, "remove"),
        ({"drift": True, "endpoint": "http://x"}, "endpoint"),
        ({"rollback": "$(reboot)"}, "rollback"),
        ({"file": "name: web\nimage: app:1\n", "endpoint": "http://x"}, "endpoint"),
        ({"file": "name: web\nimage: app:1\nreplicas: 0\n"}, "replicas"),
        ({"file": "name: web\nimage: app:1\nreplicas: -1\n"}, "replicas"),
        ({"file": "name: web\nimage: app:1\nreplicas: 1000000000\n"}, "replicas"),
        ({"file": "name: web\nname: api\nimage: app:1\n"}, "name"),
        ({"file": "name: web\nimage: app:1\nprivileged: true\n"}, "privileged"),
        ({"file": "name: we--b\nimage: app:1\n"}, "name"), ({"file": "name: ../web\nimage: app:1\n"}, "name"),
        ({"file": 'name: "we\\nb"\nimage: app:1\n'}, "name"), ({"file": "name: web;ls\nimage: app:1\n"}, "name"),
        ({"file": "name: wеb\nimage: app:1\n"}, "name"), ({"file": "name: web\nimage: $(id)\n"}, "image"),
    ],
)  # fmt: skip
async def test_each_wrong_field_is_named_with_the_next_step(house: House, body: dict[str, object], field: str) -> None:
    async with house.caller() as client:
        answer = await client.post("/plans", body)
    assert answer.status_code == 422, answer.text
    shown = answer.json()
    assert shown["details"]["field"].split(".")[-1] == field, shown
    assert shown["next_step"]
    assert not house.effects


async def test_an_error_never_repeats_a_value_that_may_be_a_secret(house: House) -> None:
    secret = "hunter2-hunter2"
    async with house.caller() as client:
        answer = await client.post("/plans", {"words": {"password": secret}, "token": secret})
    assert answer.status_code == 422
    assert secret not in answer.text
