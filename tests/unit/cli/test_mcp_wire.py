"""Answers over HTTP as they come in: event streams in every spelling, early refusals, breaks; connections kept."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from opstwin.cli.mcp_wire import Exchange, Lost, Wire

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LIMIT_S = 10.0


@contextmanager
def answering(*answers: bytes, close: bool = False) -> Iterator[tuple[str, list[int]]]:
    """A server that gives these answers, one to a request; its URL, and which connection brought each request.

    `close` ends the connection after an answer, without reading what more is sent.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[int] = []
    rest = list(answers)

    def serve() -> None:
        for number in range(len(answers)):
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with line:
                while rest and arrived(line, whole=not close):
                    seen.append(number)
                    line.sendall(rest.pop(0))
                    if close:
                        break

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(LIMIT_S)


def arrived(line: socket.socket, *, whole: bool) -> bool:
    """Whether a request came in, to its end where that is asked for: each has the body `{}`."""
    data = line.recv(4096)
    while whole and data and not data.endswith(b"\r\n\r\n{}"):
        more = line.recv(4096)
        data = data + more if more else b""
    return bool(data)


def chunked(*parts: bytes) -> bytes:
    """A whole answer that is an event stream, in these pieces."""
    return STREAM + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Connections that are closed at the end."""
    made = Wire()
    yield made
    made.close()


def messages(wire: Wire, answer: bytes, *, close: bool = False) -> list[bytes]:
    with answering(answer, close=close) as (url, _):
        exchange = Exchange(wire, url)
        assert exchange.send("POST", "/mcp", {}, b"{}", LIMIT_S) == 200
        found = list(exchange.messages())
        wire.close()
        return found


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([b"data: {}\n\n"], [b"{}"]),
        ([b"event: message\r\nda", b"ta: {\"a\":1}\r", b"\n\r\ndata:{}\r\n\r\n"], [b'{"a":1}', b"{}"]),
        ([b": ping\n\nid: 7\ndata:\n\n", b"data: {\ndata: }\n\n: ping\n\n"], [b"{\n}"]),
        ([b"retry: 5\n\ndata: [1]\n\ndata: unfinished"], [b"[1]"]),
        ([b"data: " + b"x" * 3_000_000 + b"\n\n"], [b"x" * 3_000_000]),
        ([], []),
    ],
)  # fmt: skip
def test_an_event_stream_is_read_however_it_is_cut_and_spelled(
    wire: Wire, parts: list[bytes], expected: list[bytes]
) -> None:
    assert messages(wire, chunked(*parts)) == expected


def test_a_body_that_is_no_stream_is_one_message(wire: Wire) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: "
    assert messages(wire, head + b"2\r\n\r\n{}") == [b"{}"]
    assert messages(wire, head + b"0\r\n\r\n") == []


@pytest.mark.parametrize(
    "answer",
    [STREAM + b"9\r\ndata: {}\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"],
)
def test_an_answer_that_breaks_off_is_lost_after_it_had_begun(wire: Wire, answer: bytes) -> None:
    with pytest.raises(Lost) as lost:
        messages(wire, answer, close=True)
    assert lost.value.begun


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 2", b"nonsense\r\n\r\n"])
def test_an_answer_that_never_begins_is_lost_before_that(wire: Wire, answer: bytes) -> None:
    with pytest.raises(Lost) as lost:
        messages(wire, answer, close=True)
    assert not lost.value.begun


def test_a_refusal_that_comes_before_all_was_sent_is_read(wire: Wire) -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge"
    with answering(refusal, close=True) as (url, _):
        exchange = Exchange(wire, url)
        assert exchange.send("POST", "/mcp", {}, b"x" * (20 << 20), LIMIT_S) == 413
        assert exchange.read() == b"large"


def plain(body: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + more + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize(
    ("first", "ends", "connections"),
    [
        (plain(b"{}"), lambda exchange: exchange.read(), [0, 0]),
        (chunked(b"data: {}\n\n"), lambda exchange: list(exchange.messages()), [0, 0]),
        (chunked(b"data: {}\n\n"), lambda exchange: (next(exchange.messages()), exchange.finish()), [0, 0]),
        (plain(b"{}", b"Connection: close\r\n"), lambda exchange: exchange.read(), [0, 1]),
        (plain(b"{}"), lambda exchange: (exchange.cut(), exchange.close()), [0, 1]),
    ],
)
def test_a_connection_is_used_again_once_its_answer_was_read_to_the_end(
    wire: Wire, first: bytes, ends: Callable[[Exchange], object], connections: list[int]
) -> None:
    with answering(first, plain(b"{}"), close=connections[-1] == 1) as (url, seen):
        for end in (ends, lambda exchange: exchange.read()):
            exchange = Exchange(wire, url)
            exchange.send("POST", "/mcp", {}, b"{}", LIMIT_S)
            end(exchange)
        wire.close()
        assert seen == connections


def test_what_was_cut_before_it_was_sent_is_not_sent(wire: Wire) -> None:
    with answering(plain(b"{}")) as (url, seen):
        exchange = Exchange(wire, url)
        exchange.cut()
        with pytest.raises(Lost):
            exchange.send("POST", "/mcp", {}, b"{}", LIMIT_S)
        assert seen == []


def test_a_hub_below_a_path_is_asked_there(wire: Wire) -> None:
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        line, _ = listener.accept()
        with line:
            heard.append(line.recv(4096))
            line.sendall(plain(b"{}", b"Connection: close\r\n"))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    exchange = Exchange(wire, f"http://127.0.0.1:{listener.getsockname()[1]}/ops/")
    exchange.send("POST", "/mcp", {"X-A": "1"}, b"{}", LIMIT_S)
    assert exchange.read() == b"{}"
    thread.join(LIMIT_S)
    listener.close()
    assert heard[0].startswith(b"POST /ops/mcp HTTP/1.1\r\n")


@pytest.mark.parametrize("url", ["hub:7373", "http://", "http://h:99999", "ftp://h/x", "/mcp"])
def test_what_is_no_address_is_lost_with_the_reason(wire: Wire, url: str) -> None:
    with pytest.raises(Lost, match=r"http://|Port"):
        Exchange(wire, url).send("POST", "/mcp", {}, b"{}", LIMIT_S)
