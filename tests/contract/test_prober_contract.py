"""One suite for every prober: real sockets, and the script that stands in for them."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from opstwin.errors import Forbidden, InvalidInput
from opstwin.settings import load_settings
from opstwin.targets.probing import MAX_BODY_BYTES, HttpProber, Met, ProbeAnswer, Prober, Resolver
from opstwin.targets.reaching import Reach
from opstwin.targets.scripted_prober import REFUSED, ScriptedProber

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def server(reply: bytes | None, *, tls: ssl.SSLContext | None = None, met: list[int] | None = None) -> Iterator[int]:
    """A server that gives one reply to everything; None accepts and says nothing. `met`: the ports that called it."""
    over = threading.Event()

    def answer(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(5)
            spoken = tls.wrap_socket(client, server_side=True) if tls else client
            with spoken:
                if reply is None:
                    over.wait()
                elif reply:
                    spoken.recv(65536)
                    spoken.sendall(reply)

    def serve() -> None:
        while True:
            try:
                client, caller = listening.accept()
            except OSError:
                return
            if met is not None:
                met.append(int(caller[1]))
            answer(client)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)
            serving.join()


@pytest.fixture(params=["http", "scripted"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def ask(kind: str, port: int, scripted: ProbeAnswer | None) -> ProbeAnswer:
    url = f"http://127.0.0.1:{port}/health"
    prober: Prober = HttpProber()
    if kind == "scripted":
        prober = ScriptedProber({url: scripted} if scripted else {})
    return await prober.get(url, 1.0, by_person=True)


async def test_an_answer_comes_with_status_and_body(kind: str) -> None:
    with server(HELLO) as port:
        answer = await ask(kind, port, ProbeAnswer(met=Met.ANSWERED, status=200, body=b"hello"))
    assert (answer.met, answer.status, answer.body) == (Met.ANSWERED, 200, b"hello")


async def test_a_refused_connection_is_told_apart(kind: str) -> None:
    answer = await ask(kind, free_port(), REFUSED)
    assert (answer.met, answer.status) == (Met.REFUSED, None)
    assert answer.reason


async def test_silence_is_told_apart(kind: str) -> None:
    with server(None) as port:
        answer = await ask(kind, port, None)
    assert (answer.met, answer.status) == (Met.SILENT, None)
    assert answer.reason


class TestOnRealSockets:
    """What only a real prober can meet."""

    @pytest.mark.parametrize("status", [301, 302, 307, 401, 403, 404, 500, 502, 503])
    async def test_every_status_is_an_answer_and_no_redirect_is_followed(self, status: int) -> None:
        with server(HELLO) as other:
            reply = f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:{other}/\r\nContent-Length: 0\r\n\r\n"
            with server(reply.encode()) as port:
                answer = await HttpProber().get(f"http://127.0.0.1:{port}/", 2.0, by_person=True)
        assert (answer.met, answer.status) == (Met.ANSWERED, status)

    @pytest.mark.parametrize("reply", [b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"\x00\xff\r\n\r\n"])
    async def test_what_does_not_speak_http_is_there_all_the_same(self, reply: bytes) -> None:
        with server(reply) as port:
            answer = await HttpProber().get(f"http://127.0.0.1:{port}/", 2.0, by_person=True)
        assert answer.met is Met.GARBLED

    async def test_a_certificate_that_is_not_trusted_is_there_all_the_same(self, tmp_path: Path) -> None:
        with server(HELLO, tls=self_signed(tmp_path, "127.0.0.1")) as port:
            answer = await HttpProber().get(f"https://127.0.0.1:{port}/", 2.0, by_person=True)
        assert answer.met is Met.GARBLED
        assert "TLS" in answer.reason

    async def test_plain_http_where_tls_is_expected_is_there_all_the_same(self) -> None:
        with server(HELLO) as port:
            answer = await HttpProber().get(f"https://127.0.0.1:{port}/", 2.0, by_person=True)
        assert answer.met is Met.GARBLED

    async def test_a_trusted_certificate_is_checked_against_the_name_that_was_asked_for(self, tmp_path: Path) -> None:
        tls = self_signed(tmp_path, "hub.example")
        trust = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))

        async def here(host: str, port: int) -> list[str]:
            return ["127.0.0.1"]

        with server(HELLO, tls=tls) as port:
            prober = HttpProber(trust, here)
            right = await prober.get(f"https://hub.example:{port}/", 2.0, by_person=True)
            wrong = await prober.get(f"https://other.example:{port}/", 2.0, by_person=True)
        assert (right.met, wrong.met) == (Met.ANSWERED, Met.GARBLED)

    async def test_a_full_backlog_is_silence(self) -> None:
        with contextlib.ExitStack() as held, socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = full.getsockname()[1]
            for _ in range(4):
                client = held.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", port))
            answer = await HttpProber().get(f"http://127.0.0.1:{port}/", 0.3, by_person=True)
        assert answer.met is Met.SILENT

    async def test_a_name_that_cannot_be_resolved_is_silence(self) -> None:
        async def nowhere(host: str, port: int) -> list[str]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        answer = await HttpProber(resolve=nowhere).get("http://controller.example/", 2.0, by_person=True)
        assert answer.met is Met.SILENT
        assert "resolved" in answer.reason

    async def test_a_name_with_a_silent_address_is_not_refused_by_the_other(self) -> None:
        """Of two addresses one refuses and one is silent: nobody can say that it is absent."""

        async def two(host: str, port: int) -> list[str]:
            return ["127.0.0.2", "127.0.0.1"]

        with server(None) as port:
            answer = await HttpProber(resolve=two).get(f"http://two.example:{port}/", 1.0, by_person=True)
        assert answer.met is Met.SILENT

    async def test_the_second_address_answers_when_the_first_refuses(self) -> None:
        async def two(host: str, port: int) -> list[str]:
            return ["127.0.0.2", "127.0.0.1"]

        with server(HELLO) as port:
            answer = await HttpProber(resolve=two).get(f"http://two.example:{port}/", 2.0, by_person=True)
        assert answer.met is Met.ANSWERED

    @pytest.mark.proves("E5")
    @pytest.mark.parametrize("by_person", [True, False])
    @pytest.mark.parametrize(
        "address",
        [
            "169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254", "0.0.0.0", "0.1.2.3", "::",
            "224.0.0.1", "ff02::1", "255.255.255.255", "100.100.100.200", "168.63.129.16", "fd20:ce::254",
            "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::169.254.169.254",
        ],
    )  # fmt: skip
    async def test_an_address_no_component_has_is_never_asked_whatever_name_leads_there(
        self, address: str, by_person: bool
    ) -> None:
        everything = load_settings({"OPSTWIN_ALLOWED_AGENT_ENDPOINTS": "0.0.0.0/0,::/0"}, ()).agent_places
        prober = HttpProber(resolve=leading_to("127.0.0.1", address), reach=Reach(allowed=everything))
        with server(HELLO) as port, pytest.raises(InvalidInput) as caught:
            await prober.get(f"http://innocent.example:{port}/", 1.0, by_person=by_person)
        assert caught.value.field == "endpoint"

    @pytest.mark.proves("E5")
    async def test_a_name_is_looked_up_once_so_that_it_cannot_change_after_the_check(self) -> None:
        asked: list[str] = []

        async def rebinding(host: str, port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

        with server(HELLO) as port:
            answer = await HttpProber(resolve=rebinding).get(f"http://rebind.example:{port}/", 2.0, by_person=True)
        assert answer.met is Met.ANSWERED
        assert asked == ["rebind.example"]

    async def test_no_proxy_of_the_environment_answers_for_what_is_not_there(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with server(HELLO) as proxy:
            for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
            monkeypatch.setenv("no_proxy", "")
            monkeypatch.setenv("NO_PROXY", "")
            answer = await HttpProber().get(f"http://127.0.0.1:{free_port()}/", 2.0, by_person=True)
        assert answer.met is Met.REFUSED

    async def test_an_endless_body_is_cut(self) -> None:
        big = 8 * MAX_BODY_BYTES
        reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % big + b"x" * big
        with server(reply) as port:
            answer = await HttpProber().get(f"http://127.0.0.1:{port}/", 5.0, by_person=True)
        assert len(answer.body) == MAX_BODY_BYTES

    @pytest.mark.proves("E5")
    @pytest.mark.parametrize("url", ["http://127.0.0.1", "http://127.1", "http://2130706433", "http://0x7f.0.0.1",
                                     "http://localhost", "http://[::ffff:127.0.0.1]"])  # fmt: skip
    async def test_what_an_ai_client_names_does_not_lead_to_the_hubs_machine_in_any_spelling(self, url: str) -> None:
        met: list[int] = []
        with server(HELLO, met=met) as port:
            with pytest.raises(Forbidden, match="own machine") as caught:
                await HttpProber().get(f"{url}:{port}/", 2.0, by_person=False)
            assert met == []
            answer = await HttpProber().get(f"{url}:{port}/", 2.0, by_person=True)
        assert "allowed_agent_endpoints" in caught.value.next_step
        assert answer.met is Met.ANSWERED

    @pytest.mark.proves("E5")
    @pytest.mark.parametrize("address", ["::1", "127.9.8.7", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1"])
    async def test_a_name_that_leads_to_the_hubs_machine_is_refused_to_an_ai_client(self, address: str) -> None:
        with pytest.raises(Forbidden):
            await HttpProber(resolve=leading_to("10.0.0.5", address)).get("http://db.example/", 1.0, by_person=False)

    @pytest.mark.proves("E5")
    async def test_an_address_of_the_hubs_network_card_is_its_machine_too(self) -> None:
        reach = Reach(is_here=lambda ip: str(ip) == "10.0.0.5")
        reach.check("10.0.0.6", 80, by_person=False)
        reach.check("10.0.0.5", 80, by_person=True)
        with pytest.raises(Forbidden):
            reach.check("10.0.0.5", 80, by_person=False)

    @pytest.mark.proves("E5")
    async def test_a_server_that_is_asked_cannot_send_on_to_another(self) -> None:
        met: list[int] = []
        allowed = load_settings({"OPSTWIN_ALLOWED_AGENT_ENDPOINTS": "127.0.0.1"}, ()).agent_places
        with server(HELLO, met=met) as inner:
            reply = f"HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:{inner}/\r\nContent-Length: 0\r\n\r\n"
            with server(reply.encode()) as port:
                prober = HttpProber(reach=Reach(allowed=allowed))
                answer = await prober.get(f"http://127.0.0.1:{port}/", 2.0, by_person=False)
        assert (answer.status, met) == (302, [])

    @pytest.mark.proves("E5")
    async def test_every_look_checks_anew_where_the_name_leads(self) -> None:
        """The second time the name leads to the hub's machine: what was fine a moment ago counts for nothing."""
        places = iter([["127.0.0.2"], ["127.0.0.1"]])
        allowed = load_settings({"OPSTWIN_ALLOWED_AGENT_ENDPOINTS": "127.0.0.2"}, ()).agent_places

        async def rebinding(host: str, port: int) -> list[str]:
            return next(places)

        met: list[int] = []
        with server(HELLO, met=met) as port:
            prober = HttpProber(resolve=rebinding, reach=Reach(allowed=allowed))
            first = await prober.get(f"http://rebind.example:{port}/", 2.0, by_person=False)
            with pytest.raises(Forbidden):
                await prober.get(f"http://rebind.example:{port}/", 2.0, by_person=False)
        assert (first.met, met) == (Met.REFUSED, [])

    async def test_the_settings_let_ai_clients_name_one_port_and_no_other(self) -> None:
        with server(HELLO) as port, server(HELLO) as other:
            given = {"OPSTWIN_ALLOWED_AGENT_ENDPOINTS": f"127.0.0.1:{port},[::1]:{port}"}
            prober = HttpProber(reach=Reach(allowed=load_settings(given, ()).agent_places))
            answer = await prober.get(f"http://127.0.0.1:{port}/", 2.0, by_person=False)
            with pytest.raises(Forbidden):
                await prober.get(f"http://127.0.0.1:{other}/", 2.0, by_person=False)
        assert answer.met is Met.ANSWERED

    @pytest.mark.proves("E5")
    @pytest.mark.parametrize("by_person", [True, False])
    async def test_the_hub_never_asks_itself(self, by_person: bool) -> None:
        met: list[int] = []
        everything = load_settings({"OPSTWIN_ALLOWED_AGENT_ENDPOINTS": "127.0.0.0/8"}, ()).agent_places
        with server(HELLO, met=met) as port:
            prober = HttpProber(reach=Reach(own_port=port, allowed=everything))
            with pytest.raises(InvalidInput, match="hub itself"):
                await prober.get(f"http://127.0.0.1:{port}/", 2.0, by_person=by_person)
        assert met == []

    async def test_private_networks_are_open_to_all(self) -> None:
        for address in ("10.0.0.5", "172.16.0.9", "192.168.1.10", "fd00::5", "100.64.0.1"):
            Reach(is_here=lambda _: False).check(address, 8080, by_person=False)


def leading_to(*addresses: str) -> Resolver:
    """A resolver that gives these addresses for every name."""

    async def there(host: str, port: int) -> list[str]:
        return list(addresses)

    return there


def self_signed(folder: Path, name: str) -> ssl.SSLContext:
    """A server's TLS with a certificate for `name` that nobody else has signed; left in `folder`/cert.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
