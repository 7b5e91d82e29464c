"""`opstwin mcp` between a client on its pipes and a server over HTTP: both eras, every kind of answer."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import ElicitResult, ResourceUpdatedNotification

from tests.e2e.mcp.pipe import META, Pipe, piped
from tests.e2e.mcp.plain import WITHIN_S, Plain, plain_server

pytestmark = pytest.mark.filterwarnings("ignore:resources/subscribe is removed")

REVISIONS = {"auto": "2026-07-28", "legacy": "2025-11-25"}
eras = pytest.mark.parametrize("mode", list(REVISIONS))


@pytest.fixture
async def plain() -> AsyncIterator[Plain]:
    """A server that is no hub."""
    async with plain_server() as made:
        yield made


def environment(folder: Path, plain: Plain, **more: str) -> dict[str, str]:
    """The shim's environment: the server's address, and a token."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPSTWIN_")}
    own = {"OPSTWIN_URL": plain.url, "OPSTWIN_TOKEN": "opt_t", "OPSTWIN_DATA_DIR": str(folder / "data")}
    return kept | own | {"OPSTWIN_CONFIG": str(folder / "config.toml")} | more


@asynccontextmanager
async def sdk_client(folder: Path, plain: Plain, mode: str, *options: str, **more: Any) -> AsyncIterator[Client]:
    """The official client, that starts the shim as AI clients do."""
    arguments = ["-m", "opstwin.cli", "mcp", *options]
    server = StdioServerParameters(command=sys.executable, args=arguments, env=environment(folder, plain))
    with (folder / "mcp.log").open("a") as log:
        async with Client(stdio_client(server, errlog=log), mode=mode, read_timeout_seconds=WITHIN_S, **more) as client:
            yield client


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that happens without telling."""
    async with asyncio.timeout(WITHIN_S):
        while not true():
            await asyncio.sleep(0.01)


def said(result: Any) -> str:
    return str(result.content[0].text)


@eras
async def test_a_client_of_either_era_lists_calls_and_hears_of_progress(
    plain: Plain, tmp_path: Path, mode: str
) -> None:
    heard: list[tuple[float, str | None]] = []

    async def progress(done: float, _total: float | None, message: str | None) -> None:
        heard.append((done, message))

    async with sdk_client(tmp_path, plain, mode) as client:
        assert client.protocol_version == REVISIONS[mode]
        assert [tool.name for tool in (await client.list_tools()).tools] == ["echo", "hold", "count", "ask", "place"]
        assert said(await client.call_tool("echo", {"text": "안녕\n…"})) == "안녕\n…"
        assert said(await client.call_tool("count", {}, progress_callback=progress)) == "counted"
    assert heard == [(1, "step 1"), (2, "step 2"), (3, "step 3")]
    for headers, _ in plain.seen:
        assert headers["authorization"] == "Bearer opt_t"
        assert headers["x-opstwin-face"] == "mcp"


@eras
async def test_a_server_that_answers_with_plain_json_is_read_too(tmp_path: Path, mode: str) -> None:
    async with plain_server(as_json=True) as plain, sdk_client(tmp_path, plain, mode) as client:
        assert said(await client.call_tool("echo", {"text": "x"})) == "x"


async def test_a_stateless_message_is_repeated_in_the_headers_as_the_sdk_does_it(plain: Plain, tmp_path: Path) -> None:
    """The server refuses headers that differ from the body, so each answer proves them."""
    async with sdk_client(tmp_path, plain, "auto") as client:
        await client.list_tools()
        for where in ("here", "섬 3", " edge ", "=?base64?x?=", ""):
            assert said(await client.call_tool("place", {"where": where, "many": 3})) == where
        assert said(await client.call_tool("place", {"many": 3})) == "None"
    assert {"mcp-session-id", "mcp-param-many"}.isdisjoint({name for headers, _ in plain.seen for name in headers})
    call = plain.calls("place")[0]
    told = (call["mcp-protocol-version"], call["mcp-method"], call["mcp-name"], call["mcp-param-where"])
    assert told == ("2026-07-28", "tools/call", "place", "here")


@pytest.mark.parametrize(
    ("options", "path"),
    [([], "/mcp"), (["--read-only"], "/mcp/readonly"), (["--toolset", "core"], "/mcp/x/core"),
     (["--toolset=hosts", "--no-start"], "/mcp/x/hosts")],
)  # fmt: skip
async def test_the_options_choose_the_address(plain: Plain, tmp_path: Path, options: list[str], path: str) -> None:
    async with sdk_client(tmp_path, plain, "auto", *options) as client:
        await client.list_tools()
    assert {verb for verb, _ in plain.verbs} == {f"POST {path}"}


async def test_a_question_of_the_server_reaches_the_client_and_the_answer_goes_back(
    plain: Plain, tmp_path: Path
) -> None:
    async def answer(_context: Any, params: Any) -> ElicitResult:
        assert params.message == "Who?"
        return ElicitResult(action="accept", content={"name": "ann"})

    async with sdk_client(tmp_path, plain, "legacy", elicitation_callback=answer) as client:
        assert said(await client.call_tool("ask", {})) == "accept {'name': 'ann'}"


async def test_changes_are_told_on_the_stream_that_a_stateless_client_asked_for(plain: Plain, tmp_path: Path) -> None:
    async with (
        sdk_client(tmp_path, plain, "auto") as client,
        asyncio.timeout(WITHIN_S),
        client.listen(tools_list_changed=True) as changes,
    ):
        for _ in range(2):
            await plain.tell()
            assert "ToolsListChanged" in repr(await anext(changes))
            assert said(await client.call_tool("echo", {"text": "meanwhile"})) == "meanwhile"


async def test_what_a_session_sends_by_itself_reaches_the_client(plain: Plain, tmp_path: Path) -> None:
    got: asyncio.Queue[Any] = asyncio.Queue()

    async def heard(message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            await got.put(str(message.params.uri))

    async with sdk_client(tmp_path, plain, "legacy", message_handler=heard) as client:
        await client.session.subscribe_resource("twin://a")
        await until(lambda: any(verb.startswith("GET") for verb, _ in plain.verbs))
        await plain.sessions[-1].send_resource_updated("twin://a")
        assert await asyncio.wait_for(got.get(), WITHIN_S) == "twin://a"
    await asyncio.wait_for(plain.left.wait(), WITHIN_S)
    [(_, left)] = [item for item in plain.verbs if item[0].startswith("DELETE")]
    assert left["mcp-session-id"] == plain.seen[-1][0]["mcp-session-id"]


@pytest.mark.proves("B1")
async def test_a_cancelled_stateless_call_is_cut_off_at_the_server_and_others_go_on(
    plain: Plain, tmp_path: Path
) -> None:
    async with piped(environment(tmp_path, plain)) as pipe:
        pipe.call(1, "hold", text="a")
        pipe.call(2, "echo", text="b")
        assert (await pipe.read())["id"] == 2
        await asyncio.wait_for(plain.held.wait(), WITHIN_S)
        pipe.send(method="notifications/cancelled", params={"requestId": "1"})
        pipe.call("1", "echo", text="not that one")
        assert (await pipe.read())["id"] == "1"
        assert not plain.given_up.is_set()
        pipe.send(method="notifications/cancelled", params={"requestId": 1, "_meta": META})
        await asyncio.wait_for(plain.given_up.wait(), WITHIN_S)
        pipe.send(method="notifications/cancelled", params={"requestId": 2})
        pipe.call(3, "echo", text="c")
        assert (await pipe.read())["id"] == 3
        assert await pipe.end() == (0, b"")
    assert plain.methods().count("notifications/cancelled") == 0
    assert len(plain.calls("hold")) == 1


async def test_a_cancelled_call_of_a_session_is_told_to_the_server_and_not_answered(
    plain: Plain, tmp_path: Path
) -> None:
    async with piped(environment(tmp_path, plain)) as pipe:
        await pipe.shake_hands()
        pipe.send(id=1, method="tools/call", params={"name": "hold", "arguments": {"text": "a"}})
        await asyncio.wait_for(plain.held.wait(), WITHIN_S)
        pipe.send(method="notifications/cancelled", params={"requestId": 1})
        await asyncio.wait_for(plain.given_up.wait(), WITHIN_S)
        pipe.send(id=2, method="ping")
        assert (await pipe.read())["id"] == 2
        assert await pipe.end() == (0, b"")


PROBLEM = b'{"detail": "Not for you.", "code": "forbidden", "next_step": "Ask ann.", "details": {"scope": "twin:exec"}}'
REFUSALS = [
    ((401, {}, b""), "does not know this token", "OPSTWIN_TOKEN"),
    ((403, {"content-type": "application/problem+json"}, PROBLEM), "Not for you.", "Ask ann."),
    ((403, {}, b"no"), "refused this client", "opstwin people"),
    ((404, {}, b"<h1>?</h1>"), "serves no MCP", "Update the hub"),
    ((413, {}, b""), "too large", "Send less"),
    ((429, {"retry-after": "7"}, b""), "too many calls", "in 7 s"),
    ((503, {"retry-after": "2"}, b""), "answered 503", "in 2 s"),
    ((500, {"content-type": "text/html"}, b"<h1>Oh</h1>"), "answered 500", "opstwin doctor"),
    ((307, {"location": "https://elsewhere/mcp"}, b""), "answered 307", "https://elsewhere/mcp"),
]


@pytest.mark.parametrize(("refusal", "what", "step"), REFUSALS, ids=[str(item[0][0]) for item in REFUSALS])
async def test_a_refusal_over_http_is_an_error_to_that_request_that_names_the_next_step(
    plain: Plain, tmp_path: Path, refusal: tuple[int, dict[str, str], bytes], what: str, step: str
) -> None:
    plain.refusals.append(refusal)
    async with piped(environment(tmp_path, plain)) as pipe:
        pipe.call("q", "echo", text="a")
        answer = await pipe.read()
        assert answer["id"] == "q"
        assert what in answer["error"]["message"]
        assert step in answer["error"]["message"]
        told = answer["error"]["data"]["error"]
        assert {"code", "message", "next_step"} <= set(told)
        pipe.call("r", "echo", text="b")
        assert (await pipe.read())["result"]["content"][0]["text"] == "b"


async def test_the_servers_own_error_is_passed_on_as_it_is_under_the_right_id(plain: Plain, tmp_path: Path) -> None:
    body = b'{"jsonrpc": "2.0", "id": null, "error": {"code": -32022, "message": "Unsupported", "data": {"a": 1}}}'
    plain.refusals.append((400, {"content-type": "application/json"}, body))
    async with piped(environment(tmp_path, plain)) as pipe:
        pipe.call(5, "echo", text="a")
        answer = await pipe.read()
    assert answer == {"jsonrpc": "2.0", "id": 5, "error": {"code": -32022, "message": "Unsupported", "data": {"a": 1}}}


@pytest.mark.proves("B1")
async def test_a_call_whose_answer_broke_off_is_sent_once_more_with_the_same_key(plain: Plain, tmp_path: Path) -> None:
    plain.refusals.append(None)
    async with piped(environment(tmp_path, plain)) as pipe:
        for number in range(2):
            # A client may use an id again; the keys still differ.
            pipe.call(1, "echo", text=str(number))
            assert (await pipe.read())["result"]["content"][0]["text"] == str(number)
        plain.refusals += [None, None]
        pipe.call(1, "echo", text="never")
        answer = await pipe.read()
        assert (answer["id"], answer["error"]["data"]["error"]["code"]) == (1, "hub_unreachable")
        assert "opstwin up" in answer["error"]["message"]
    posts = [headers["idempotency-key"] for verb, headers in plain.verbs if verb.startswith("POST")]
    assert [posts[0], posts[3]] == [posts[1], posts[4]]
    assert len(set(posts)) == 3


@eras
@pytest.mark.proves("B1")
async def test_a_server_restarted_in_the_middle_of_a_call_gets_the_call_again_with_the_same_key(
    plain: Plain, tmp_path: Path, mode: str
) -> None:
    """With a session the shim opens it again by itself, and says again what the client had subscribed to."""
    async with sdk_client(tmp_path, plain, mode) as client:
        if mode == "legacy":
            await client.session.subscribe_resource("twin://a")
        call = asyncio.create_task(client.call_tool("hold", {"text": "kept"}))
        await asyncio.wait_for(plain.held.wait(), WITHIN_S)
        before = len(plain.seen)
        await _restarted(plain)
        assert said(await call) == "kept"
        assert said(await client.call_tool("echo", {"text": "after"})) == "after"
    calls = plain.calls("hold")
    assert len(calls) > 1
    assert len({headers["idempotency-key"] for headers in calls}) == 1
    again = [name for name in plain.methods()[before:] if not name.startswith("tools/")]
    expected = ["initialize", "notifications/initialized", "resources/subscribe"] if mode == "legacy" else []
    assert again == expected


async def _restarted(plain: Plain) -> None:
    """Broken off, away for a moment, and back without a memory."""
    plain.released = asyncio.Event()
    plain.released.set()
    await plain.down()
    await asyncio.sleep(0.3)
    await plain.up()


async def test_a_stream_of_changes_that_breaks_is_told_to_the_client(plain: Plain, tmp_path: Path) -> None:
    async with piped(environment(tmp_path, plain)) as pipe:
        pipe.ask("s", "subscriptions/listen", notifications={"toolsListChanged": True})
        assert (await pipe.read())["method"] == "notifications/subscriptions/acknowledged"
        await plain.down()
        answer = await pipe.read()
    assert answer["id"] == "s"
    assert "opstwin up" in answer["error"]["message"]


@eras
async def test_a_server_that_is_away_is_an_error_to_each_request_and_work_goes_on_when_it_is_back(
    plain: Plain, tmp_path: Path, mode: str
) -> None:
    async with sdk_client(tmp_path, plain, mode) as client:
        await plain.down()
        with pytest.raises(Exception, match=r"does not answer.*opstwin up"):
            await client.call_tool("echo", {"text": "a"})
        await plain.up()
        assert said(await client.call_tool("echo", {"text": "b"})) == "b"


@pytest.mark.parametrize(
    ("line", "code", "id"),
    [
        (b"{nonsense", -32700, None),
        (b'{"method": "\xff\xfe", "id": 1}', -32700, 1),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', -32600, None),
        (b'"text"', -32600, None),
        (b'{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": {"id": 9}', -32700, 7),
        (b'{"params": {"id": 9, "x": "\\"id\\": 4"}, "id": "a\\"b", "method": }', -32700, 'a"b'),
        (b'{"params": ' + b'{"id": 1, "a":' * 100_000 + b"1" + b"}" * 100_000 + b', "id": 8}', -32700, 8),
    ],
)
async def test_a_line_that_cannot_be_read_is_answered_and_the_next_one_is_served(
    plain: Plain, tmp_path: Path, line: bytes, code: int, id: Any
) -> None:
    async with piped(environment(tmp_path, plain)) as pipe:
        pipe.write(line + b"\n\n  \n")
        answer = await pipe.read()
        assert (answer["id"], answer["error"]["code"]) == (id, code)
        pipe.call(2, "echo", text="b")
        assert (await pipe.read())["id"] == 2


async def test_arguments_of_64_mib_are_refused_and_the_next_call_is_served(plain: Plain, tmp_path: Path) -> None:
    async with piped(environment(tmp_path, plain)) as pipe:
        pipe.call(1, "echo", text="x" * (64 << 20))
        answer = await pipe.read()
        assert answer["id"] == 1
        assert "large" in answer["error"]["message"]
        pipe.call(2, "echo", text="b")
        assert (await pipe.read())["id"] == 2


async def test_clients_that_use_the_same_ids_get_each_its_own_answers(plain: Plain, tmp_path: Path) -> None:
    """Four clients at once, a thousand ids each, written without waiting; a number and its text are two ids."""

    async def talk(pipe: Pipe, name: str) -> None:
        for number in range(500):
            pipe.call(number, "echo", text=f"{name} {number}")
            pipe.call(str(number), "echo", text=f"{name} '{number}'")
        found = await pipe.answers(1000)
        texts = {id: answer["result"]["content"][0]["text"] for id, answer in found.items()}
        assert texts == {id: f"{name} {id!r}" for id in found}
        assert len(found) == 1000
        assert await pipe.end() == (0, b"")

    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        for name in ("ann", "ben", "cho", "dan"):
            group.create_task(_with_pipe(plain, tmp_path, lambda pipe, name=name: talk(pipe, name)))


async def _with_pipe(plain: Plain, folder: Path, talk: Callable[[Pipe], Any]) -> None:
    async with piped(environment(folder, plain)) as pipe:
        await talk(pipe)


async def test_answers_under_way_are_still_written_when_the_client_closes_its_end(plain: Plain, tmp_path: Path) -> None:
    async with piped(environment(tmp_path, plain)) as pipe:
        pipe.call(1, "hold", text="late")
        await asyncio.wait_for(plain.held.wait(), WITHIN_S)
        pipe.process.stdin.close()
        plain.released.set()
        assert (await pipe.read())["result"]["content"][0]["text"] == "late"
        assert await asyncio.wait_for(pipe.process.wait(), WITHIN_S) == 0


async def test_a_client_that_went_away_without_a_word_ends_the_process(plain: Plain, tmp_path: Path) -> None:
    async with piped(environment(tmp_path, plain)) as pipe:
        pipe.process.stdout._transport.close()
        pipe.call(1, "echo", text="to nobody")
        assert await asyncio.wait_for(pipe.process.wait(), WITHIN_S) == 0


async def test_a_client_that_ends_the_process_leaves_no_session_behind(plain: Plain, tmp_path: Path) -> None:
    async with piped(environment(tmp_path, plain)) as pipe:
        await pipe.shake_hands()
        await until(lambda: "notifications/initialized" in plain.methods())
        pipe.process.terminate()
        assert await asyncio.wait_for(pipe.process.wait(), WITHIN_S) == 0
        await asyncio.wait_for(plain.left.wait(), WITHIN_S)


async def test_an_answer_that_nobody_foresaw_is_an_error_and_the_next_call_is_served(
    plain: Plain, tmp_path: Path
) -> None:
    """Here JSON whose list of tools is none; the shim's own log says where it failed."""
    body = b'{"jsonrpc": "2.0", "id": 1, "result": {"tools": [7]}}'
    plain.refusals.append((200, {"content-type": "application/json"}, body))
    async with piped(environment(tmp_path, plain), log=tmp_path / "shim.log") as pipe:
        pipe.ask(1, "tools/list")
        answer = await pipe.read()
        assert answer["id"] == 1
        assert "restart the MCP server" in answer["error"]["message"]
        pipe.call(2, "echo", text="b")
        assert (await pipe.read())["id"] == 2
    assert "Traceback" in (tmp_path / "shim.log").read_text()
