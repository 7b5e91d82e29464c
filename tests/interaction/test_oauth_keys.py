"""Where the authorization server's keys come from: one address, asked seldom, and no keys means no token."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from opstwin.clock import VirtualClock
from opstwin.errors import Unreachable
from opstwin.server.oauth_keys import FLOOR_S, HOLD_S, MAX_BYTES, MAX_KEYS, RENEW_S, FileKeys, Keys, UrlKeys
from tests.interaction.asgi import Wire, send
from tests.interaction.house import House
from tests.interaction.issuer import ISSUER, OTHER, OWNER, PUBLIC, SIGNING, SUBJECT, Issuer, encoded, key_set

GOOD = key_set(SIGNING)


@dataclass
class Shelf:
    """A source of keys that says what it is told to, and counts."""

    holds: str | None = GOOD
    asked: int = 0
    gate: asyncio.Event | None = None

    async def read(self) -> bytes:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.holds is None:
            raise Unreachable("Away.")
        return self.holds.encode()


@dataclass
class Server:
    """An HTTP server that answers each path with what is on its shelf, and keeps what it was sent."""

    answers: dict[str, bytes] = field(default_factory=dict)
    received: list[str] = field(default_factory=list)
    port: int = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Server"]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.received.append(head)
        writer.write(self.answers.get(head.split(" ")[1], plain(b"", status="404 Not Found")))
        writer.close()
        await writer.wait_closed()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


def plain(body: bytes, *, status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.mark.proves("F2")
async def test_the_configured_address_and_no_other_is_asked_and_told_nothing() -> None:
    server = Server()
    async with server.open():
        server.answers = {"/keys": plain(GOOD.encode())}
        assert await Keys(UrlKeys(server.url("/keys")), VirtualClock()).find("key-1", "RS256") is not None
    [sent] = server.received
    assert sent.startswith("GET /keys HTTP/1.1\r\n")
    assert not [word for word in ("authorization", "cookie", "bearer") if word in sent.lower()]


@pytest.mark.proves("F2")
@pytest.mark.parametrize(
    "answer",
    [
        plain(b"", status="302 Found", Location="/keys"), plain(b"", status="307 Temporary Redirect", Location="/keys"),
        plain(GOOD.encode(), status="404 Not Found"), plain(GOOD.encode(), status="500 Internal Server Error"),
        plain(GOOD.encode(), status="201 Created"), plain(b"x" * (MAX_BYTES + 1)), plain(b"<html>"), plain(b"[]"),
        plain(b'{"keys": {}}'), plain(b'{"keys": null}'), plain(b"{}"), plain(b""), plain(b"[" * 100_000),
        b"garbage\r\n", plain(gzip.compress(b" " * 10_000_000 + GOOD.encode()), Content_Encoding="gzip"),
        plain(json.dumps({"keys": [{}] * (MAX_KEYS + 1)}).encode()),
    ],
    ids=[
        "moved", "moved for now", "not found", "failed", "created", "too large", "a page", "a list", "a mapping",
        "no list of keys", "no keys", "nothing", "too deep", "garbage", "packed", "too many",
    ],
)  # fmt: skip
async def test_an_answer_that_is_no_key_set_gives_no_keys(answer: bytes) -> None:
    server = Server()
    async with server.open():
        server.answers = {"/moved": answer, "/keys": plain(GOOD.encode())}
        with pytest.raises(Unreachable):
            await Keys(UrlKeys(server.url("/moved")), VirtualClock()).find("key-1", "RS256")
    assert len(server.received) == 1, "it followed a redirect, or asked twice"


@pytest.mark.proves("F2")
async def test_where_nobody_answers_there_are_no_keys(tmp_path: Path) -> None:
    for source in (UrlKeys("http://127.0.0.1:1/keys"), FileKeys(tmp_path / "none"), FileKeys(tmp_path)):
        with pytest.raises(Unreachable):
            await Keys(source, VirtualClock()).find("key-1", "RS256")


async def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(" " * MAX_BYTES + GOOD)
    with pytest.raises(Unreachable, match="larger"):
        await FileKeys(tmp_path / "keys").read()


@pytest.mark.proves("F2")
async def test_unknown_key_ids_do_not_make_the_hub_ask_again_and_again() -> None:
    shelf, clock = Shelf(), VirtualClock()
    keys = Keys(shelf, clock)
    assert await keys.find("key-1", "RS256") is not None
    for number in range(100):
        assert await keys.find(f"made-up-{number}", "RS256") is None
    assert shelf.asked == 1
    clock.advance(FLOOR_S)
    await asyncio.gather(*(keys.find(f"made-up-{number}", "RS256") for number in range(100)))
    assert shelf.asked == 2


@pytest.mark.proves("F2")
async def test_a_new_key_is_found_once_the_floor_is_over() -> None:
    shelf, clock = Shelf(), VirtualClock()
    keys = Keys(shelf, clock)
    before = await keys.current()
    shelf.holds = key_set(SIGNING, OTHER)
    assert await keys.find("key-2", "RS256") is None
    clock.advance(FLOOR_S)
    assert await keys.find("key-2", "RS256") is not None
    assert await keys.current() > before


@pytest.mark.proves("F2")
async def test_known_keys_hold_for_an_hour_while_nobody_answers_and_then_no_longer() -> None:
    shelf, clock = Shelf(), VirtualClock()
    keys = Keys(shelf, clock)
    await keys.current()
    shelf.holds = None
    clock.advance(RENEW_S)
    assert await keys.find("key-1", "RS256") is not None
    clock.advance(HOLD_S - RENEW_S - 1)
    assert await keys.find("key-1", "RS256") is not None
    clock.advance(1)
    with pytest.raises(Unreachable):
        await keys.find("key-1", "RS256")
    shelf.holds = GOOD
    clock.advance(FLOOR_S)
    assert await keys.find("key-1", "RS256") is not None


async def test_who_comes_while_the_keys_are_renewed_does_not_wait() -> None:
    shelf, clock = Shelf(), VirtualClock()
    keys = Keys(shelf, clock)
    await keys.current()
    clock.advance(RENEW_S)
    shelf.gate = asyncio.Event()
    first = asyncio.create_task(keys.current())
    while shelf.asked < 2:
        await asyncio.sleep(0)
    assert await asyncio.wait_for(keys.find("key-1", "RS256"), 5) is not None
    shelf.gate.set()
    await first
    assert shelf.asked == 2


def published(**changes: object) -> dict[str, object]:
    return {**SIGNING.as_dict(private=False), **changes}


UNUSABLE = {
    "for encryption": published(use="enc"),
    "for another algorithm": published(alg="RS512"),
    "not for verifying": published(key_ops=["encrypt"]),
    "a secret one": {"kty": "oct", "k": "c2VjcmV0", "kid": "key-1"},
    "with its private part": SIGNING.as_dict(private=True),
    "of 1024 bits": published(n=encoded(b"\xff" * 128)),
    "of no known kind": {"kty": "XYZ", "kid": "key-1"},
    "half of one": {"kty": "RSA", "kid": "key-1", "n": "AQAB"},
    "of numbers": published(n=17),
    "no object": ["RSA"],
}


@pytest.mark.proves("F2")
@pytest.mark.parametrize("name", list(UNUSABLE))
async def test_a_key_that_cannot_be_used_is_left_out_and_the_others_count(name: str) -> None:
    shelf = Shelf(json.dumps({"keys": [UNUSABLE[name], OTHER.as_dict(private=False)]}))
    keys = Keys(shelf, VirtualClock())
    assert await keys.find("key-1", "RS256") is None
    assert await keys.find("key-2", "RS256") is not None


@pytest.mark.proves("F2")
async def test_two_keys_of_one_id_are_none() -> None:
    twice = json.dumps({"keys": [published(), {**OTHER.as_dict(private=False), "kid": "key-1"}]})
    assert await Keys(Shelf(twice), VirtualClock()).find("key-1", "RS256") is None


async def test_a_token_without_a_key_id_needs_a_set_of_one() -> None:
    assert await Keys(Shelf(), VirtualClock()).find(None, "RS256") is not None
    assert await Keys(Shelf(key_set(SIGNING, OTHER)), VirtualClock()).find(None, "RS256") is None


@pytest.mark.proves("F2")
async def test_while_no_keys_can_be_had_no_token_is_taken_and_nothing_happens(tmp_path: Path) -> None:
    url = "http://127.0.0.1:1/keys"
    house = House(tmp_path, settings={"oauth_issuer": ISSUER, "oauth_jwks_url": url, "public_url": PUBLIC})
    await house.furnish()
    await house.services.people.link("owner", ISSUER, SUBJECT, OWNER)
    before = len(await house.audit())
    token = Issuer(house.clock, tmp_path / "keys").token()
    answer = await send(house.app, Wire("/mcp", "POST", {"authorization": f"Bearer {token}"}))
    assert (answer.status, answer.json()["code"]) == (503, "unreachable")
    assert answer.headers["retry-after"] == "30"
    assert len(await house.audit()) == before
