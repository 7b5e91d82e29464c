"""Registries that answer wrongly, lead elsewhere, or do not answer; and addresses that nobody may have asked."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, RedirectResponse, Response

from opstwin.clock import VirtualClock
from opstwin.errors import Forbidden, InvalidInput, LimitExceeded, OpstwinError, Rejected, Timeout, Unreachable
from opstwin.registries.asking import MAX_BYTES, HttpAsker
from opstwin.registries.client import RegistryClient
from opstwin.registries.kinds.plain import Plain
from opstwin.registries.names import image_name
from opstwin.registries.ports import Answer, Place, Request
from opstwin.registries.tokens import Tokens
from opstwin.settings import AllowedPlace
from opstwin.targets.reaching import Reach
from opstwin.targets.secrets import HubSecrets
from tests.registry_stub import CANARY, PRIVATE, PUBLIC, Bench, Stub, digest_of, manifest_of, serving

HERE = AllowedPlace(ipaddress.ip_network("127.0.0.1"))
DIGEST = digest_of(manifest_of(f"{PRIVATE}:1.1"))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with serving(Stub("plain")) as stub:
        yield Bench(stub, tmp_path).configure()


def answering(bench: Bench, answer: Callable[[WebRequest], Response | None], part: str = "/v2/") -> None:
    """Let the stub answer so to what has `part` in its path."""
    bench.stub.before = lambda request: answer(request) if part in request.url.path else None


def secrets_sent_to(stub: Stub) -> list[str]:
    return [item.authorization for item in stub.seen if item.authorization]


async def test_a_registry_that_sends_elsewhere_for_tokens_gets_no_secret_there(bench: Bench) -> None:
    async with serving(Stub("plain")) as other:
        challenge = {"www-authenticate": f'Bearer realm="{other.url}/token",service="x"'}
        answering(bench, lambda _request: Response(status_code=401, headers=challenge))
        with pytest.raises(Rejected, match="token_hosts"):
            await bench.registries.resolve(bench.image())
        assert other.seen == []
        bench.configure(token_hosts=f"[{other.host}]")
        with pytest.raises(Forbidden):
            await bench.registries.resolve(bench.image())
        assert other.asked_for("/token") == 1


async def test_a_redirect_is_followed_without_credentials(bench: Bench) -> None:
    async with serving(Stub("plain")) as blobs:
        blobs.before = lambda _request: Response(headers={"docker-content-digest": DIGEST})

        def leading(request: WebRequest) -> Response | None:
            signed_in = "authorization" in request.headers
            return RedirectResponse(f"{blobs.url}/blob", 307) if signed_in else None

        answering(bench, leading)
        registries = bench.opened(Reach(allowed=[HERE]))
        assert (await registries.resolve(bench.image())).digest == DIGEST
        assert [item.path for item in blobs.seen] == ["/blob"]
        assert secrets_sent_to(blobs) == []


async def test_a_redirect_onto_the_hubs_machine_is_not_followed(bench: Bench) -> None:
    async with serving(Stub("plain")) as inner:
        answering(bench, lambda _request: RedirectResponse(f"{inner.url}/admin", 307))
        with pytest.raises(Forbidden, match="on the hub's own machine"):
            await bench.registries.resolve(bench.image())
        assert inner.seen == []


@pytest.mark.parametrize("location", ["/v2/again", "", "file:///etc/passwd", "http://[bad", "ftp://x.example/"])
async def test_redirects_without_an_end_or_a_place_are_refused(bench: Bench, location: str) -> None:
    answering(bench, lambda _request: Response(status_code=302, headers={"location": location}))
    with pytest.raises(Rejected, match="redirect"):
        await bench.registries.resolve(bench.image())


async def test_an_answer_without_end_is_cut(bench: Bench) -> None:
    answering(bench, lambda _request: Response(b" " * (MAX_BYTES + 1)), "/tags/")
    with pytest.raises(LimitExceeded, match="more than"):
        await bench.registries.tags(bench.image())


async def test_a_registry_that_tells_no_digest_has_its_manifest_counted(bench: Bench) -> None:
    content = manifest_of("x")
    answering(bench, lambda request: Response(b"" if request.method == "HEAD" else content))
    assert (await bench.registries.resolve(bench.image())).digest == digest_of(content)


async def test_a_registry_without_head_is_asked_with_get(bench: Bench) -> None:
    content = manifest_of("x")
    answering(bench, lambda request: Response(status_code=405) if request.method == "HEAD" else Response(content))
    assert (await bench.registries.resolve(bench.image())).digest == digest_of(content)


WRONG: dict[str, Callable[[WebRequest], Response]] = {
    "a page in HTML": lambda _request: Response("<html>Welcome</html>", media_type="text/html"),
    "a digest of something else": lambda request: Response(
        manifest_of("x"), headers={} if request.method == "HEAD" else {"docker-content-digest": DIGEST}
    ),
    "a status without meaning": lambda _request: Response(status_code=418),
    "nothing": lambda _request: Response(),
}


@pytest.mark.parametrize("fault", WRONG)
async def test_what_is_no_registry_is_told_as_such(bench: Bench, fault: str) -> None:
    answering(bench, WRONG[fault])
    with pytest.raises(Rejected, match="what no registry does"):
        await bench.registries.resolve(bench.image())


async def test_another_digest_than_was_asked_for_is_refused(bench: Bench) -> None:
    answering(bench, lambda _request: Response(headers={"docker-content-digest": DIGEST}))
    with pytest.raises(Rejected, match="another digest"):
        await bench.registries.resolve(f"{bench.stub.host}/{PRIVATE}@sha256:{'0' * 64}")


@pytest.mark.parametrize("body", [b"[]", b"{}x", b"{}", b'{"tags": 3}', b'{"tags": {"a": 1}}', b"[" * 100_000])
async def test_what_is_no_list_of_tags_is_refused(bench: Bench, body: bytes) -> None:
    answering(bench, lambda _request: Response(body), "/tags/")
    with pytest.raises(Rejected, match="no list of tags"):
        await bench.registries.tags(bench.image())


async def test_tags_that_are_no_tags_are_left_out_and_deleted_ones_are_none(bench: Bench) -> None:
    answering(bench, lambda _request: JSONResponse({"tags": ["ok", "a b", 3, "-x", "\u202etxt"]}), "/tags/")
    assert (await bench.registries.tags(bench.image())).tags == ("ok",)
    answering(bench, lambda _request: JSONResponse({"tags": None}), "/tags/")
    assert (await bench.registries.tags(bench.image())).tags == ()


async def test_a_next_page_elsewhere_is_not_asked_for(bench: Bench) -> None:
    link = {"link": '<http://169.254.169.254/latest>; rel="next"'}
    answering(bench, lambda _request: JSONResponse({"tags": ["a"]}, headers=link), "/tags/")
    with pytest.raises(Rejected, match="somewhere else"):
        await bench.registries.tags(bench.image())


async def test_pages_that_never_end_are_cut_and_said_to_be(bench: Bench) -> None:
    def endless(request: WebRequest) -> Response:
        page = int(request.query_params.get("p", "0")) + 1
        link = {"link": f'<{request.url.path}?p={page}>; rel="next"'}
        return JSONResponse({"tags": [f"t{page}"]}, headers=link)

    answering(bench, endless, "/tags/")
    found = await bench.registries.tags(bench.image())
    assert (len(found.tags), found.cut) == (100, True)


async def test_a_page_that_leads_to_itself_ends(bench: Bench) -> None:
    answering(
        bench,
        lambda request: JSONResponse({"tags": ["a"]}, headers={"link": f"<{request.url}>; rel=next"}),
        "/tags/",
    )
    assert (await bench.registries.tags(bench.image())).tags == ("a",)


@pytest.mark.parametrize(("said", "wait_s"), [("7", 7), ("", 60), ("soon", 60), ("0", 1), ("99999999999", 86400)])
async def test_a_wait_is_read_and_kept_in_bounds(bench: Bench, said: str, wait_s: float) -> None:
    answering(bench, lambda _request: Response(status_code=429, headers={"retry-after": said}))
    with pytest.raises(LimitExceeded) as told:
        await bench.registries.resolve(bench.image())
    assert told.value.retry_after_s == wait_s


async def test_a_wait_until_a_moment_is_counted_from_now(bench: Bench) -> None:
    until = {"retry-after": "Mon, 05 Jan 2026 09:02:00 GMT"}
    answering(bench, lambda _request: Response(status_code=429, headers=until))
    with pytest.raises(LimitExceeded) as told:
        await bench.registries.resolve(bench.image())
    assert told.value.retry_after_s == 120


@pytest.mark.parametrize("form", ['{"token": 3}', '{"token": "a\\r\\nX: y"}', "{}", "[]", "no"])
async def test_a_token_that_is_none_is_refused(bench: Bench, form: str) -> None:
    answering(bench, lambda _request: Response(form), "/token")
    with pytest.raises(Rejected, match="no token"):
        await bench.registries.resolve(bench.image())


async def test_a_registry_that_is_away_is_unreachable(bench: Bench) -> None:
    bench.stub.host = "127.0.0.1:1"
    bench.configure()
    with pytest.raises(Unreachable, match="does not answer"):
        await bench.registries.resolve(bench.image())


async def test_plain_http_is_asked_only_where_a_person_allowed_it(bench: Bench) -> None:
    text = bench.file.read_text().replace("insecure: true", "insecure: false")
    bench.file.write_text(text)
    with pytest.raises(Unreachable, match="does not speak TLS"):
        await bench.registries.resolve(bench.image())
    assert bench.stub.seen == []


PLACE = Place(name="r", host="r.example.com", insecure=True, source="registries.yaml")


def resolving(address: str) -> Any:
    async def resolve(_host: str, _port: int) -> list[str]:
        return [address]

    return resolve


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "0.0.0.0", "::ffff:169.254.1.1"]
)
async def test_an_address_that_nobody_may_have_is_not_asked_whatever_names_it(address: str) -> None:
    asker = HttpAsker(PLACE, VirtualClock(), Reach().check, resolve=resolving(address))
    with pytest.raises(InvalidInput, match="not an address"):
        await asker.ask(Request(method="GET", url="http://r.example.com/v2/"))


async def test_the_address_that_was_checked_is_the_one_that_is_asked(bench: Bench) -> None:
    port = bench.stub.host.partition(":")[2]
    checked, hosts = list[str](), list[str | None]()
    answering(bench, lambda request: hosts.append(request.headers.get("host")))
    asker = HttpAsker(
        PLACE, VirtualClock(), lambda address, _port, *, by_person: checked.append(address),
        resolve=resolving("127.0.0.1"),
    )  # fmt: skip
    await asker.ask(Request(method="GET", url=f"http://nowhere.invalid:{port}/v2/"))
    assert (checked, hosts) == (["127.0.0.1"], [f"nowhere.invalid:{port}"])


async def test_the_hubs_own_port_is_not_asked() -> None:
    asker = HttpAsker(PLACE, VirtualClock(), Reach(own_port=80).check, resolve=resolving("127.0.0.1"))
    with pytest.raises(InvalidInput, match="the hub itself"):
        await asker.ask(Request(method="GET", url="http://r.example.com/v2/"))


async def test_a_registry_that_never_answers_is_left_in_time() -> None:
    writers: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(lambda _reader, writer: writers.append(writer), "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        place = replace(PLACE, host=f"127.0.0.1:{port}")
        asker = HttpAsker(place, VirtualClock(), Reach().check, timeout_s=0.1)
        with pytest.raises(Timeout, match=r"within 0\.1 s"):
            await asker.ask(Request(method="GET", url=f"{place.base_url}/v2/"))
        for writer in writers:
            writer.close()
            await writer.wait_closed()
    assert writers


async def test_a_certificate_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    asker = HttpAsker(replace(PLACE, ca_file=str(tmp_path / "ca.pem")), VirtualClock(), Reach().check)
    with pytest.raises(InvalidInput, match="ca_file"):
        await asker.ask(Request(method="GET", url="http://r.example.com/"))


class Scripted:
    """Answers anything."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers, self.asked = answers, list[Request]()

    async def ask(self, request: Request) -> Answer:
        self.asked.append(request)
        return self.answers[len(self.asked) % len(self.answers)]


_NAMES = st.sampled_from(["www-authenticate", "location", "link", "content-type", "docker-content-digest"])
_TEXTS = st.text(max_size=60) | st.sampled_from(
    ['Bearer realm="https://r.example.com/t"', "Basic", "/v2/x", "//evil.example/", DIGEST, '</v2/x>; rel="next"']
)
_ANSWERS = st.builds(
    Answer, status=st.sampled_from([200, 201, 301, 307, 400, 401, 403, 404, 405, 500]),
    headers=st.dictionaries(_NAMES, _TEXTS, max_size=3), challenges=st.lists(_TEXTS, max_size=2),
    body=st.binary(max_size=40) | st.sampled_from([b'{"token":"t"}', b'{"tags":["a"]}', b'{"schemaVersion":2}']),
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(_ANSWERS, min_size=1, max_size=5))
async def test_whatever_a_registry_answers_the_outcome_is_typed_and_no_secret_leaves(answers: list[Answer]) -> None:
    place = Place(name="r", host="r.example.com", username="ci", credential="env:S", source="registries.yaml")
    asker = Scripted(answers)
    tokens = Tokens(place, Plain(), asker, HubSecrets({"S": CANARY}), VirtualClock())
    client = RegistryClient(place, asker, tokens)
    told: list[OpstwinError] = []
    for work in (client.resolve, client.tags):
        try:
            await work(image_name(f"r.example.com/{PUBLIC}:1"))
        except OpstwinError as error:
            told.append(error)
    assert CANARY not in "".join(f"{error}{error.details}" for error in told)
    for request in asker.asked:
        signed_in = "authorization" in request.headers
        assert not signed_in or request.url.startswith("https://r.example.com/"), request.url
